"""Bounds on what one unit of evidence may cost: the bytes of its records, and its list of problems. Every parser passes through here.

Output grows at most linearly with the evidence read. A unit whose records take more than `FLOOR + FACTOR * bytes of the unit` keeps
all its records, but from then on long values are cut; `escadre.cut` names the fields. The first problems are kept one by one, the rest is
counted in one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from commodore.artefact import Problem
from commodore.case.ledger import SHOWN
from commodore.record import Raised

FLOOR, FACTOR = 32 << 20, 16
"""bytes of records that any unit may give, and bytes more for each byte of the unit"""
DERIVED = 1 << 26
"""bytes of evidence that a derived dataset counts as having read"""
RECORD = 8 << 20
"""bytes of one record beyond which its long values are cut, however much room there is"""
BATCH, BATCH_BYTES = 64, 4 << 20
"""records that go through detection and are serialised together, and bytes that they take"""
TEXT, ITEMS, DEEPEST = 1024, 64, 8
"""characters and items of a value that stay when it is cut, and levels of lists and objects in it"""
REASON = 1024
"""characters of the reason of a problem: reasons quote evidence"""
CUT = "escadre.cut"


class Room:
    """The bytes that the records of one unit of `size` bytes may take. `most`: records of a batch."""

    def __init__(self, size: int, most: int = BATCH) -> None:
        self._left, self._most = FLOOR + FACTOR * size, most

    def batch(self, written: int, records: int) -> int:
        """Subtract the bytes that a batch of records took; return how many records the next batch has.

        Batches grow from one record to `BATCH`, and shrink where records are long, so that a batch takes about `BATCH_BYTES` at most.
        """
        self._left -= written
        return max(1, min(self._most, 4 * records, BATCH_BYTES * records // max(written, 1)))

    @property
    def full(self) -> bool:
        """Return whether long values of further records are cut."""
        return self._left <= 0


def cut(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record with its long values cut, and their names in `escadre.cut`. A record with short values is returned as it is."""
    out = record
    names: list[str] = []
    for name, value in record.items():
        if value.__class__ in _LONG and (short := _short(value, DEEPEST)) is not value:
            out = dict(record) if out is record else out
            out[name] = short
            names.append(name)
    if names:
        out[CUT] = names
    return out


_LONG = frozenset((str, list, tuple, dict))


def _short(value: Any, levels: int) -> Any:
    """Return the value, or a shorter copy. Base64 text that is cut stays base64: `TEXT` is a multiple of four."""
    if isinstance(value, str):
        return value if len(value) <= TEXT else value[:TEXT]
    if isinstance(value, list | tuple) and levels:
        made = [_short(item, levels - 1) for item in value[:ITEMS]]
        return value if len(value) <= ITEMS and all(a is b for a, b in zip(made, value, strict=True)) else made
    if isinstance(value, dict) and levels:
        pairs = {_short(str(key), 0): _short(item, levels - 1) for key, item in list(value.items())[:ITEMS]}
        return value if len(value) == len(pairs) and all(value.get(key) is item for key, item in pairs.items()) else pairs
    return value if not isinstance(value, list | tuple | dict) else str(value)[:TEXT]


class Problems:
    """The problems of one unit: the first ones, and how many more there were."""

    def __init__(self) -> None:
        self._kept: list[Problem] = []
        self._more, self._lost, self.carved = 0, 0, 0
        self.raised = False
        """whether a parser raised at some element"""

    def add(self, problem: Problem) -> None:
        """Keep or count a problem."""
        self.carved += problem.carved
        self.raised = self.raised or isinstance(problem, Raised)
        if len(self._kept) < SHOWN - 2:
            if len(problem.reason) > REASON:
                problem = problem._replace(reason=f"{problem.reason[: REASON - 1]}…")
            self._kept.append(problem)
        else:
            self._more += 1
            self._lost += problem.lost

    def kept(self, start: int = 0) -> list[Problem]:
        """Return the problems that are kept one by one, from one on."""
        return self._kept[start:]

    def listed(self) -> list[Problem]:
        """Return the problems, the last of them the count of those that were not kept."""
        more = [Problem(f"{self._more:,} more problems, which are not listed", "", self._lost)] if self._more else []
        return self._kept + more


def serialised(records: list[dict[str, Any]], line: Callable[[dict[str, Any]], bytes]) -> list[bytes]:
    """Return the lines of records. One whose line is longer than `RECORD` is cut, also in `records`."""
    lines = list(map(line, records))
    for n, text in enumerate(lines):
        if len(text) > RECORD:
            records[n] = cut(records[n])
            lines[n] = line(records[n])
    return lines
