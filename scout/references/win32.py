"""Names of files in commands and settings of a Windows host."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scout.formats import commandline
from scout.references.named import NamedFile, StartingFile

_ENDINGS = "exe|dll|sys|scr|com|bat|cmd|ps1|psm1|vbs|vbe|js|jse|wsf|hta|ocx|cpl|msi|jar|py"
_PATH = re.compile(rf"(?i)(?<![\w:])[a-z]:\\[^\"'|<>*?;,\r\n\t]{{1,400}}?\.(?:{_ENDINGS})(?!\w)")


def variables(file: StartingFile) -> dict[str, str]:
    """Return the variables of the profile in which the file is."""
    home = file.home
    if not home:
        return {}
    data = f"{home}\\AppData"
    local = f"{data}\\Local"
    temporary = f"{local}\\Temp"
    return {"USERPROFILE": home, "APPDATA": f"{data}\\Roaming", "LOCALAPPDATA": local, "TEMP": temporary, "TMP": temporary}


def from_command(line: str, file: StartingFile) -> Iterator[NamedFile]:
    """Yield the files that a command line starts, with the other readings of an unquoted path with blanks."""
    if not line.strip():
        return
    found = commandline.parse_windows(line, system_root=file.system_root, env=variables(file))
    for path in (*found.files, *found.candidates):
        yield NamedFile(path)


def from_text(text: str, file: StartingFile) -> Iterator[NamedFile]:
    """Yield the absolute paths of programs anywhere in a text."""
    expanded = commandline.expand_windows(text[: commandline.LONGEST], file.system_root, variables(file))
    for match in _PATH.finditer(expanded):
        yield NamedFile(match[0], certain=False)
