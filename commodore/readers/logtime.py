"""Infer the year and the zone of the times of text logs that lack them.

A traditional syslog time (`Nov 23 00:32:11`) is local time without a year. The last line of a file cannot be younger than the file
(its time, the date in its name, the time of the collection), which gives its year. The year of an earlier line is smaller by the number of
New Years between it and the last line (`order` distinguishes New Year from lines out of order). A 29 February must be in a leap year. In an
hour that a zone has twice, the order of the lines decides.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

MONTHS = {name: n for n, name in enumerate(("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1)}
_BEFORE = (0, 0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335)
_DAYS = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SLACK = timedelta(days=1)
_STRAY = 2
"""Days that lines may be out of order, or a clock may be set back, within one year."""
_QUIET = 45
"""Days without a line up to which a step back is New Year, whatever follows."""
_RETURN = 7
"""Days after the last line in order within which a log is in order again."""
_LOOK = 64
"""Runs that may be out of order together."""
_LEAP_DAY = 60


@lru_cache(maxsize=16)
def zone(name: str) -> tzinfo | None:
    """Return the zone of `Europe/Paris`, `UTC` or `+01:00`; None where unknown."""
    if fixed := re.fullmatch(r"([+-])(\d\d):?(\d\d)", name):
        minutes = int(fixed[2]) * 60 + int(fixed[3])
        return timezone(timedelta(minutes=minutes if fixed[1] == "+" else -minutes)) if minutes < 1440 else None
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):
        return None


class DayRun(NamedTuple):
    """Consecutive lines of one day in a log. `day` counts from 1 to 366, with the 29 February."""

    line: int
    day: int
    clock: str = ""
    """`HH:MM:SS` of the last of them"""


class Stretch(NamedTuple):
    """The year of the lines from number `line` on, relative to the year of the first line."""

    line: int
    years: int
    stray: bool = False
    """These lines are out of order: a repeated message, a clock that was not set yet."""


class Order(NamedTuple):
    """The order of a log's days: see `order`."""

    stretches: tuple[Stretch, ...]
    years: int
    last: DayRun | None
    """The last run that is in order."""
    leap: frozenset[int]
    """The relative years with a line of 29 February."""
    strays: tuple[tuple[int, int, int], ...]
    """(line, day before, day) of each step back that was interpreted as lines out of order."""


def day_of_year(month: int, day: int) -> int:
    """Return the number of a day in a leap year, from 1; 0 where there is no such day."""
    return _BEFORE[month] + day if 0 < day <= _DAYS[month] else 0


def order(runs: Sequence[DayRun], bound: datetime | None = None) -> Order:
    """Return in which year each run is, relative to the first. `bound`: local time that no line is younger than.

    A step back to an earlier day is either New Year or lines out of order. New Year means a silence from the one day to the other. Where it
    would be longer than a few weeks, and the log is back at the day it came from soon after, the lines between are out of order. At the end
    of a log the time of the file decides: New Year, unless that time is near the last line before the step and not near the end.
    """
    stretches, strays, leap = [Stretch(runs[0].line if runs else 0, 0)], [], set()
    years, last, at = 0, None, 0
    while at < len(runs):
        run = runs[at]
        step = run.day - last.day if last else 0
        if step < -_STRAY:
            back = _back(runs, at, run.day, last.day if last else 0, bound)
            if back is not None:
                strays.append((run.line, last.day if last else 0, run.day))
                stretches.append(Stretch(run.line, years, True))
                if back < len(runs):
                    stretches.append(Stretch(runs[back].line, years))
                at = back
                continue
            years += 1
            stretches.append(Stretch(run.line, years))
        elif step > 366 - _STRAY - 1:
            years -= 1
            stretches.append(Stretch(run.line, years))
        if run.day == _LEAP_DAY:
            leap.add(years)
        last, at = run, at + 1
    return Order(tuple(stretches), years, last, frozenset(leap), tuple(strays))


def _back(runs: Sequence[DayRun], at: int, day: int, before: int, bound: datetime | None) -> int | None:
    """Return where the log is in order again after a step back from day `before` to `day`, or None where that step is New Year."""
    if 366 - (before - day) <= _QUIET:
        return None
    for behind in range(at + 1, min(at + 1 + _LOOK, len(runs))):
        if before - _STRAY <= runs[behind].day <= before + _RETURN:
            gaps = [b.day - a.day for a, b in pairwise(runs[at : behind + 1])]
            return behind if max(gaps) > _RETURN else None  # a year in which each week has its lines went by
    if bound is None or len(runs) - at > _LOOK:
        return None
    today = day_of_year(bound.month, bound.day)
    return len(runs) if (today - before) % 366 <= _RETURN < (today - runs[-1].day) % 366 else None


def latest(bounds: Iterable[str], where: tzinfo) -> datetime | None:
    """Return the earliest of several RFC 3339 times as local time: the upper bound of the time of the last line."""
    found = []
    for text in bounds:
        try:
            found.append(datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text)))
        except ValueError:
            continue
    try:
        return min(t if t.tzinfo else t.replace(tzinfo=UTC) for t in found).astimezone(where).replace(tzinfo=None) if found else None
    except OverflowError:
        return None


def first_year(last: tuple[int, int, str], steps: int, leap_steps: set[int], bound: datetime) -> int:
    """Return the year of the first line.

    `last`: month, day and `HH:MM:SS` of the last line, `steps` New Years later. `leap_steps`: relative years with a 29 February.
    """
    month, day, clock = last
    year = bound.year
    limit = (bound + _SLACK) if bound.year < 9999 else bound
    if (month, day, clock) > (limit.month, limit.day, limit.strftime("%H:%M:%S")) or limit.year > year:
        year = limit.year if (month, day, clock) <= (limit.month, limit.day, limit.strftime("%H:%M:%S")) else limit.year - 1
    for candidate in range(year, max(year - 12, 0), -1):
        if all(calendar.isleap(candidate - steps + k) for k in leap_steps):
            return candidate - steps
    return year - steps


class LocalClock:
    """Convert local times to UTC, in the order of the lines."""

    def __init__(self, where: tzinfo) -> None:
        self._zone = where
        self._last: datetime | None = None
        self._minutes: dict[tuple[int, int, int, str], str] = {}

    def utc(self, year: int, month: int, day: int, clock: str, fraction: str = "") -> str | None:
        """Return `HH:MM:SS` of that day as RFC 3339 UTC; None where there is no such time."""
        key = (year, month, day, clock[:5])
        known = self._minutes.get(key)
        if known is not None and clock[6:] < "60":
            return f"{known}{clock[5:]}{fraction}Z"
        made = self._make(year, month, day, clock)
        if made is None:
            return None
        moment, twice = made
        if not twice and moment.second == int(clock[6:]):
            if len(self._minutes) > 5000:
                self._minutes.clear()
            self._minutes[key] = moment.strftime("%Y-%m-%dT%H:%M").rjust(16, "0")
        self._last = moment
        return f"{moment.strftime('%Y-%m-%dT%H:%M:%S').rjust(19, '0')}{fraction}Z"

    def _make(self, year: int, month: int, day: int, clock: str) -> tuple[datetime, bool] | None:
        """Return (UTC, whether the local time occurs twice). Of two readings, take the first that is not before the last line."""
        seconds = int(clock[6:])
        try:
            local = datetime(year, month, day, int(clock[:2]), int(clock[3:5]), min(seconds, 59), tzinfo=self._zone)
            first, second = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
        except (ValueError, OverflowError):
            return None
        if seconds > 60:
            return None
        leap = timedelta(seconds=1 if seconds == 60 else 0)
        twice = second > first
        floor = self._last - timedelta(minutes=1) if self._last else first
        late = twice and first < floor <= second
        return (second if late else first) + leap, twice
