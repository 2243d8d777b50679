"""Text files that start programs, line by line, in the languages of `languages.yaml`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from scout.bounded import searcher
from scout.data import load_data
from scout.formats.textlines import Line

LONGEST = 8192
"""characters of a joined line that are searched"""
_KEYS = frozenset(("about", "joined", "comment", "ends", "every", "entry", "structure", "continues"))
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
    """One language. `structure`: lines that match are syntax, not entries; `joined`: what joins lines, None where nothing does;
    `continues`: the end of a line that is joined with the next;
    `comment`: lines that end in one; `to_nul`: a line ends at its first NUL, for a program that reads no UTF-16.
    """

    about: str
    entry: Any
    structure: re.Pattern[str] | None
    joined: str | None
    continues: re.Pattern[str]
    comment: Any
    to_nul: bool
    every: bool

    def entries(self, lines: Iterable[Line]) -> Iterator[tuple[Line, list[StartupEntry]]]:
        """Yield each line that is not syntax alone (the first of joined ones) with its entries."""
        for line, text in self._logical(lines):
            if self.structure is None or not self.structure.fullmatch(text.strip()):
                yield line, [StartupEntry(line, number, parts) for number, parts in enumerate(self._parts(text[:LONGEST]), 1)]

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

    def _comments(self, piece: str) -> bool:
        return piece.lstrip().startswith("#") or (self.comment is not None and self.comment.search(piece[:LONGEST]) is not None)

    def _logical(self, lines: Iterable[Line]) -> Iterator[tuple[Line, str]]:
        """Yield each line with its text, and the text of the lines that it is joined with."""
        first: Line | None = None
        text = ""
        for line in lines:
            raw = line.raw.partition(b"\0")[0] if self.to_nul else line.raw
            piece = raw.decode("utf-8", "backslashreplace")
            first, fits = first or line, len(text) < LONGEST
            if self.joined is not None and (end := self.continues.search(piece)) is not None and not self._comments(piece):
                text += piece[: end.start()] + self.joined if fits else ""
                continue
            text += piece.rstrip("\r") if fits else ""
            yield first, text
            first, text = None, ""
        if first is not None:
            yield first, text


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
        joined = {"yes": "", "blank": " "}.get(entry.get("joined", ""))
        comment = searcher(entry["comment"]) if "comment" in entry else None
        continues = re.compile(entry.get("continues", r"\\\r*\Z"))
        made[name] = StartupLanguage(
            entry["about"], pattern, structure, joined, continues, comment, entry.get("ends") == "NUL", entry.get("every") == "yes"
        )
    return made
