"""The records that an artefact gave before it stopped its worker.

An artefact that stops its worker is read once more, alone, and the worker passes each record on at once. What arrived before it stops again
is part of the case. Only this second reading is slower; it is rare.
"""

from __future__ import annotations

import zstandard

from commodore.case.jsonl import LEVEL
from commodore.engine.results import FRAME, STOPPED, Result, SalvagedPart
from commodore.record import Problem

PATIENCE = 15.0
"""seconds without progress after which the second reading ends"""


class Salvage:
    """The parts of one task, put together."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=LEVEL)
        self._lines: dict[str, bytearray] = {}
        self._frames: dict[str, list[bytes]] = {}
        self._sources: dict[str, list[str]] = {}
        self._counts: dict[str, int] = {}
        self._problems: list[Problem] = []

    def add(self, part: SalvagedPart) -> None:
        """Take a part. Counts and sources are those so far; lines and problems are new."""
        self._counts, self._sources = part.counts, part.sources
        self._problems += part.problems
        for name, lines in part.lines.items():
            held = self._lines.setdefault(name, bytearray())
            held += lines
            if len(held) >= FRAME:
                self._close(name)

    def _close(self, name: str) -> None:
        if held := self._lines.pop(name, None):
            self._frames.setdefault(name, []).append(self._compressor.compress(bytes(held)))

    def completed(self, result: Result) -> Result:
        """Return the result of the task with these records. An artefact that was given up counts them as parsed."""
        for name in list(self._lines):
            self._close(name)
        for name, frames in self._frames.items():
            result.frames[name] = b"".join(frames) + result.frames.get(name, b"")
        if any(account.failed == STOPPED for account in result.accounts):
            result.counts, result.sources = self._counts, self._sources
            result.accounts = [
                account._replace(parsed=self._counts.get(account.artefact, 0), problems=self._problems + account.problems)
                for account in result.accounts
            ]
        return result
