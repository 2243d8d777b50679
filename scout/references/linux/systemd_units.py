"""systemd unit files and drop-ins: the programs of `Exec…=`, and the files that their environment is from."""

from __future__ import annotations

from collections.abc import Iterator

from scout.formats import commandline
from scout.formats.systemd_unit import commands_of, settings_of, words_of
from scout.formats.textlines import lines_of
from scout.formats.unit_specifiers import filled
from scout.references.named import NamedFile, StartingFile
from scout.references.posix import from_setting


def names(file: StartingFile) -> Iterator[NamedFile]:
    """Yield the files that the unit starts. Specifiers are filled in as far as the file tells them."""
    home = file.home or file.home_of("root")
    for item in settings_of(lines_of(file.content)):
        if len(item) != 2 or not isinstance(item[1], str):
            continue
        key = item[0].partition(".")[2]
        value = filled(item[1], file.path, home)
        if key.startswith("Exec"):
            for command in commands_of(value):
                yield from (NamedFile(path) for path in commandline.parse_argv(words_of(command, home)[1], home=home).files)
        elif key == "EnvironmentFile":
            yield NamedFile(value.strip().removeprefix("-"))
        elif key in ("Environment", "PassEnvironment", "RootImage", "ExtensionImages"):
            yield from from_setting(value.removeprefix("-").replace("=", " ").replace(":", " "))
