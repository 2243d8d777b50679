r"""Where the text of a Windows link or junction leads: to which volume, from its top or from the folder of the link.

The texts are those of reparse points (`\??\C:\x`, `\??\Volume{…}\x`, `..\x`, `\x`) and of programs and drivers that show them with other
prefixes and with `/` (`\\?\C:\x`, `/??/C:/x`). Sources: [MS-FSCC] 2.1.2.4 and 2.1.2.5; "Naming a Volume", Microsoft Learn.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from scout.formats.windows_paths import plain

_PREFIX = re.compile(r"(?i)(?:\\\\[?.]|\\\?\?|\\GLOBAL\?\?|\\DosDevices|\\\\\?\\GLOBALROOT|\\GLOBALROOT)\\")
_DRIVE = re.compile(r"[A-Za-z]:(?=\\|$)")
_GUID = re.compile(r"(?i)Volume(\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\})(?=\\|$)")
_UNC = re.compile(r"(?i)UNC\\")
_MOST_PREFIXES = 4


class LinkText(NamedTuple):
    r"""What a text says. `volume`: `C`, `{guid}` in lower case, '' for the volume of the link, None for none of them.

    absolute  `names` begin at the top of the volume; else in the folder of the link
    names     with `.` and `..` as they stand
    """

    volume: str | None
    absolute: bool
    names: tuple[str, ...]


def read(text: str) -> LinkText:
    """Return where a text leads. A share of another host or a device without a letter has the volume None."""
    path = text.replace("/", "\\")
    prefixed = False
    for _ in range(_MOST_PREFIXES):
        found = _PREFIX.match(path)
        if found is None:
            break
        prefixed, path = True, path[found.end() :]
    if not prefixed and path.startswith("\\\\"):
        path = plain(path)  # `\\localhost\c$` is a drive of this host
        if path.startswith("\\\\"):
            return LinkText(None, True, ())
    if drive := _DRIVE.match(path):
        return LinkText(path[0].upper(), True, _names(path[drive.end() :]))
    if volume := _GUID.match(path):
        return LinkText(volume[1].lower(), True, _names(path[volume.end() :]))
    if prefixed or path.lower().startswith("\\device\\") or _UNC.match(path):
        return LinkText(None, True, ())
    return LinkText("", path.startswith("\\"), _names(path))


def native(path: str, text: str) -> str | None:
    r"""Return the native path to which the text of the link at `path` (`C:\…`) leads; None where that is on no volume with a letter."""
    said = read(text)
    if said.volume is None or said.volume.startswith("{"):
        return None
    folder = [] if said.absolute else path[3:].split("\\")[:-1]
    for name in said.names:
        if name == "..":
            folder = folder[:-1]
        elif name != ".":
            folder.append(name)
    return f"{said.volume or path[0].upper()}:\\" + "\\".join(folder)


def _names(path: str) -> tuple[str, ...]:
    return tuple(name for name in path.split("\\") if name)
