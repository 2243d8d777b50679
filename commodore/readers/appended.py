"""Contradictions in a file to which programs only append entries with the current time (wtmp, btmp). Source: utmp(5)."""

from __future__ import annotations

from collections.abc import Iterator

from commodore.artefact import Problem

_RESETS = (1, 2, 3, 4)
"""types of entries behind which a time may be earlier: run level, boot, new time, old time"""
_BACKWARDS, _DAY = 300, 86_400
"""seconds that an entry may be older than one before it, as programs write at the same time and clocks are corrected; and that it may be
later than its file or the collection"""


class AppendedOrder:
    """The order of the entries of a file to which programs only append (wtmp, btmp): no empty slot before an entry, no time set back.

    collected: seconds when the host was collected, None where that is not known.
    """

    def __init__(self, collected: float | None = None) -> None:
        self._wiped = self._first = 0
        self._last = self._newest = self._later = 0
        self._collected = collected

    def contradictions(self, offset: int, kind: int, at: int, *, empty: bool) -> Iterator[Problem]:
        """Take the next slot; yield what does not fit to those before. A boot or a change of the clock begins a new order."""
        if empty:
            self._first = self._first if self._wiped else offset
            self._wiped += 1
            return
        if self._wiped:
            noun = "slot was" if self._wiped == 1 else "slots were"
            yield Problem(f"{self._wiped} {noun} wiped: empty, with entries behind", str(self._first), kind="wtmp-wiped")
            self._wiped = 0
        if kind in _RESETS:
            self._last = 0
        elif 0 < at < self._last - _BACKWARDS:
            earlier = f"its time is {self._last - at:,} s before that of an entry before it, and the clock was not changed"
            yield Problem(earlier, str(offset), kind="wtmp-order")
            self._last = at
        self._last = max(self._last, at)
        if self._collected is not None and at > self._collected + _DAY:
            self._later += 1
            if self._later == 1:
                yield Problem("its time is after the collection of the host", str(offset), kind="wtmp-order")
        else:
            self._newest = max(self._newest, at)

    def ends(self, written: float | None) -> Iterator[Problem]:
        """Yield what the complete file contradicts. `written`: seconds of its modification time, None where that is not known."""
        if self._wiped:
            noun = "slot" if self._wiped == 1 else "slots"
            reason = f"{self._wiped} {noun} at the end: empty, as a wiped entry or a cut of power leaves it"
            yield Problem(reason, str(self._first), kind="" if self._newest or self._later else "wtmp-wiped")
        if written is not None and self._newest > written + _DAY:
            reason = f"the modification time of the file is {self._newest - int(written):,} s before its last entry"
            yield Problem(reason, kind="mtime-set-back")
