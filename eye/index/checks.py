"""Records that a clause matches when their values are read, or their numbers in columns; remembered per clause."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

import tantivy

from eye.index.check import UNLIKE, Checked, matcher, prefilter, whole_value
from eye.index.clauses import both
from eye.index.documents import read_line
from eye.index.engine import Candidates
from eye.index.order import HitOrder
from eye.index.schema import HIGH, ID, NUMBER, column
from scout.console import COULD_NOT, Complaint

KEPT = 64
"""Clauses that are remembered."""


class Checks:
    """Reads an open index. `line` gives the JSON line at a place; `seconds`: time that one clause may take."""

    def __init__(self, order: HitOrder, line: Callable[[tantivy.DocAddress], bytes], seconds: float | None) -> None:
        self._order, self._line, self._seconds = order, line, seconds
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, list[int]] = OrderedDict()

    def records(self, node: Checked, candidates: Candidates, but: bool, fields: tuple[str, ...]) -> list[int]:
        """Return the row numbers of candidates that a clause matches (`but`: does not match) in the values of some fields, or of all."""
        key = repr((replace(node, position=0, end=0), but, fields))
        if (known := self._known(key)) is not None:
            return known
        fits, holds, places = matcher(node, fields), prefilter(node), []
        until = self._until()
        for address in candidates if isinstance(candidates, list) else self._order.every(candidates):
            line = self._line(address)
            self._in_time(until)
            likely = holds is None or holds.search(line) or UNLIKE.search(line)
            if (likely is not None and fits(read_line(line))) is not but:
                places.append(address)
        return self._keep(key, places)

    def numbers(self, name: str, node: Checked, candidates: tantivy.Query) -> list[int]:
        """Return the row numbers of candidates whose number in the columns of a field a clause matches as it is written."""
        key = repr(replace(node, position=0, end=0))
        if (known := self._known(key)) is not None:
            return known
        fits, having = whole_value(node), tantivy.Query.exists_query(HIGH if name == ID else column(name))
        until, found = self._until(), []
        places = list(self._order.every(both([candidates, having])))
        for place, text in zip(places, self._order.numbers(name, places), strict=True):
            self._in_time(until)
            if fits(text):
                found.append(place)
        return self._keep(key, found)

    def _until(self) -> float | None:
        return time.monotonic() + self._seconds if self._seconds else None

    def _in_time(self, until: float | None) -> None:
        if until and time.monotonic() > until:
            raise Complaint(
                f"stopped after {self._seconds:.0f} s: too many records hold words of this pattern.",
                "Narrow the time, name a keyword field, or write a longer word.",
                COULD_NOT,
            )

    def _known(self, key: str) -> list[int] | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _keep(self, key: str, places: list[tantivy.DocAddress]) -> list[int]:
        found = [int(row) for row in self._order.fast(NUMBER, places)]
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found
