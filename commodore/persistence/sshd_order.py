"""The order in which sshd reads its settings over all of its files, in which the first value of a keyword counts.

Sources: sshd_config(5), introduction, Include and Match; OpenSSH, servconf.c, process_server_config_line_depth(): an included file is read
in the place of the Include, in the order of glob(3); what a Match begins ends with the file, and an Include within one counts only there.
"""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from commodore.persistence.places import rows_of_file
from commodore.readers.sshd_keywords import REPEATED

MAIN = "/etc/ssh/sshd_config"
DEEPEST = 16
"""files that include each other: SERVCONF_MAX_DEPTH"""
MOST = 10_000
"""lines that are followed: a hostile Include may name the same files again and again"""
MOST_PATTERNS = 200
"""patterns of Includes that are compared with the files of the host"""

Place = tuple[str, int]
"""path and number of a line"""


@dataclass(slots=True)
class SshdOrder:
    """What holds of each line: `instead` says which value sshd takes, or why it reads none; `scopes` the Match block of an Include;
    `unread`: included files whose settings were not read.
    """

    instead: dict[Place, str] = field(default_factory=dict)
    scopes: dict[Place, str] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)


def order_of(records: Iterable[Mapping[str, Any]], paths: Iterable[str], read: Container[str] = ()) -> SshdOrder:
    """Return the order of the settings in `records` (of startup_files, format `sshd`); `paths`: of all files of the host; `read`: of those
    that were read because others take them in.

    Nothing is said where the main file was not read.
    """
    files: dict[str, list[tuple[int, str, str, str]]] = {}
    for record in records:
        path, number = record.get("file.path"), record.get("escadre.line_number")
        setting = next(iter(record.get("escadre.settings") or ()), "")
        if isinstance(path, str) and isinstance(number, int) and "=" in setting:
            key, _, value = setting.partition("=")
            files.setdefault(path, []).append((number, key.lower(), value, str(record.get("escadre.scope") or "")))
    found = SshdOrder()
    if MAIN in files:
        _Walk(files, sorted({*files, *paths}), found, read).all()
    return found


class _Walk:
    def __init__(
        self, files: Mapping[str, list[tuple[int, str, str, str]]], paths: list[str], found: SshdOrder, read: Container[str]
    ) -> None:
        self._files, self._found, self._read = files, found, read
        self._paths = [path for path in paths if path != MAIN]
        self._first: dict[tuple[str, str], Place] = {}
        self._seen: set[str] = set()
        self._left, self._patterns = MOST, MOST_PATTERNS

    def all(self) -> None:
        self._file(MAIN, "", 0)
        for path, lines in self._files.items():
            if path not in self._seen:
                for number, *_ in lines:
                    self._found.instead[path, number] = f"no Include of {MAIN} leads sshd to this file"

    def _file(self, path: str, outer: str, depth: int) -> None:
        self._seen.add(path)
        for number, key, value, own in sorted(self._files.get(path, ())):
            self._left -= 1
            if self._left < 0:
                return
            scope = " and ".join(part for part in (outer, own) if part)
            if outer:
                self._found.scopes[path, number] = scope
            if key == "include" and depth < DEEPEST:
                for name in self._included(value):
                    if name in self._files:
                        self._file(name, scope, depth + 1)
                    elif name not in self._read and name not in self._found.unread and "sshd" not in rows_of_file(name[1:], "linux"):
                        self._found.unread.append(name)
            elif key != "match" and not REPEATED.fullmatch(key):
                first = self._first.setdefault((scope, key), (path, number))
                if first[0] != path:
                    self._found.instead.setdefault((path, number), f"sshd takes the value of line {first[1]} of {first[0]}")

    def _included(self, value: str) -> Iterator[str]:
        """Yield the files that an Include names; a relative name is below /etc/ssh."""
        for pattern in value.replace('"', " ").split():
            self._patterns -= 1
            if self._patterns < 0:
                return
            full = posixpath.join(posixpath.dirname(MAIN), pattern)
            parts = full.count("/")
            for path in self._paths:
                hidden = any(a.startswith(".") and not b.startswith(".") for a, b in zip(path.split("/"), full.split("/"), strict=False))
                if path.count("/") == parts and not hidden and fnmatch.fnmatchcase(path, full):
                    yield path
