"""Names of files in shell commands and settings of a Linux host."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scout.formats import commandline
from scout.references.named import NamedFile

_PATH = re.compile(r"(?<![\w.~*?$})/-])/(?!/)(?:[^\s\"'`,:;|&<>(){}\[\]*?$\\=#]|\\.)+")
_ASSIGNED = re.compile(r"(?:^|[\s;&|])[A-Za-z_]\w*=[\"']?(/[^\s\"';|&<>()`]+)")
_MODULE = re.compile(r"(?<![\w./-])[\w.-]+\.so(?:\.\d+)*(?![\w.])")
_SILENT = frozenset(("echo", "printf", "export", "local", "readonly", "declare", "alias", "return", "unset", "shift", "eval"))


def from_command(command: str, home: str = "") -> Iterator[NamedFile]:
    """Yield the files that a shell command starts, and paths that its assignments name (`LD_PRELOAD=/x.so`, `DAEMON=/opt/x`)."""
    for started in commandline.commands_posix(command, home=home):
        yield from (NamedFile(name) for name in started.files if name not in _SILENT)
    for found in _ASSIGNED.finditer(command[: commandline.LONGEST]):
        for path in found[1].split(":"):
            yield NamedFile(path, certain=False)


def from_setting(value: str) -> Iterator[NamedFile]:
    """Yield the absolute paths in a setting, and the modules that it names without a folder (`pam_x.so`)."""
    text = value[: commandline.LONGEST]
    for found in _PATH.finditer(text):
        yield NamedFile(found[0], certain=found[0].endswith(".so"))
    for found in _MODULE.finditer(text):
        yield NamedFile(found[0])
