"""Read files that start programs, line by line, in the languages of `languages.yaml`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from commodore.artefact import Problem
from commodore.bounded import searcher
from commodore.evidence import Evidence
from commodore.readers.lines import Line, lines, shortened
from scout.data import load_data

LONGEST = 8192
"""characters of a joined line that are searched"""
LARGEST = 4 << 20
"""bytes of a text in UTF-16 that are read"""
UTF16 = (b"\xff\xfe", b"\xfe\xff")
"""byte order marks of UTF-16"""
_KEYS = frozenset(("about", "joined", "every", "entry", "structure"))
_GROUPS = frozenset(("command", "hook", "script", "shell", "user", "path", "key", "alias", "value", "secret"))
_COMMANDS = ("command", "hook", "script", "shell")
"""groups that hold a command, in languages with several forms of an entry"""


class StartupEntry(NamedTuple):
    """One entry of a file: its first line, its place among the entries of that line (from 1), and the named parts that the line has."""

    line: Line
    number: int
    parts: dict[str, str]


@dataclass(frozen=True, slots=True)
class StartupLanguage:
    """One language. `structure`: lines that match are syntax, not entries."""

    about: str
    entry: Any
    structure: re.Pattern[str] | None
    joined: bool
    every: bool

    def read(self, evidence: Evidence) -> Iterator[StartupEntry | Problem]:
        """Yield the entries of a file, and a problem for each line that was too long."""
        for line, text in self._logical(evidence):
            if isinstance(line, Problem):
                yield line
                continue
            if self.structure is not None and self.structure.fullmatch(text.strip()):
                continue
            yield from shortened(line)
            for number, parts in enumerate(self._parts(text[:LONGEST]), 1):
                yield StartupEntry(line, number, parts)

    def _parts(self, text: str) -> Iterator[dict[str, str]]:
        at = 0
        while (found := self.entry.search(text, at)) is not None:
            named = {name: value for name, value in found.groupdict().items() if value}
            if command := next((named.pop(name) for name in _COMMANDS if name in named), ""):
                named["command"] = command
            if "alias" in named:
                named["key"] = named.pop("alias")
            if named:
                yield named
            if not self.every or found.end() <= at:
                return
            at = found.end()

    def _logical(self, evidence: Evidence) -> Iterator[tuple[Line | Problem, str]]:
        """Yield each line with its text, and the text of the lines that it is joined with."""
        first: Line | None = None
        text = ""
        for line in _lines(evidence):
            if isinstance(line, Problem):
                yield line, ""
                continue
            piece = line.raw.decode("utf-8", "backslashreplace").rstrip("\r")
            first, text = first or line, text + piece if len(text) < LONGEST else text
            if self.joined and piece.endswith("\\") and not piece.lstrip().startswith("#"):
                text = text[:-1] if text.endswith("\\") else text
                continue
            yield first, text
            first, text = None, ""
        if first is not None:
            yield first, text


def _lines(evidence: Evidence) -> Iterator[Line | Problem]:
    """Yield the lines of a file; those of UTF-16 as UTF-8, without offsets."""
    with evidence.open() as stream:
        head = stream.read(2)
        if not head.startswith(UTF16):
            yield from lines(evidence)
            return
        raw = head + stream.read(LARGEST)
    if len(raw) > LARGEST:
        yield Problem(f"a text in UTF-16 was read only to {LARGEST:,} bytes")
    for number, text in enumerate(raw.decode("utf-16", "replace").split("\n"), 1):
        encoded = text.encode("utf-8", "replace")
        yield Line(number, 0, encoded, len(encoded))


@cache
def languages() -> dict[str, StartupLanguage]:
    """Return all languages by name. Raises ValueError for an entry that the validator refuses."""
    made = {}
    for name, entry in load_data(__name__, "languages.yaml").items():
        if unknown := set(entry) - _KEYS:
            raise ValueError(f"languages.yaml: {name}: unknown part `{min(unknown)}`")
        pattern = searcher(entry["entry"])
        if unknown := set(pattern.groupindex) - _GROUPS:
            raise ValueError(f"languages.yaml: {name}: unknown group `{min(unknown)}`")
        structure = re.compile(entry["structure"]) if "structure" in entry else None
        made[name] = StartupLanguage(entry["about"], pattern, structure, entry.get("joined") == "yes", entry.get("every") == "yes")
    return made
