"""Times of text logs that lack a year, a zone, or both: what can be inferred, and that it was.

A traditional syslog time (`Nov 23 00:32:11`) is local time without a year. The last line of a file cannot be younger than the file
(its time, the date in its name, the time of the collection), so its year is known from there; going back from it, each step over New
Year takes one off, and a 29 February must fall into a leap year. In the hour that a zone has twice, the order of the lines decides.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

MONTHS = {name: n for n, name in enumerate(("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1)}
_BEFORE = (0, 0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335)
_DAYS = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SLACK = timedelta(days=1)
_STRAY = 2
"""days that lines may stand out of order, or a clock be set back, without meaning another year"""


@lru_cache(maxsize=16)
def zone(name: str) -> tzinfo | None:
    """`Europe/Paris`, `UTC`, `+01:00` as a zone; None where unknown."""
    if fixed := re.fullmatch(r"([+-])(\d\d):?(\d\d)", name):
        minutes = int(fixed[2]) * 60 + int(fixed[3])
        return timezone(timedelta(minutes=minutes if fixed[1] == "+" else -minutes)) if minutes < 1440 else None
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):
        return None


class YearCount:
    """Counts New Years while it goes along the days of a log: 0 for the first line's year, then up (or down, for strays)."""

    def __init__(self) -> None:
        self.years, self._last = 0, -1

    def at(self, month: int, day: int) -> int:
        """The year of a line on that day, relative to the first line's."""
        if not 0 < day <= _DAYS[month]:
            return self.years  # a day that is not there tells nothing
        today = _BEFORE[month] + day
        if self._last >= 0:
            step = today - self._last
            if step < -_STRAY:
                self.years += 1
            elif step > 366 - _STRAY - 1:
                self.years -= 1
        self._last = today
        return self.years


def latest(bounds: Iterable[str], where: tzinfo) -> datetime | None:
    """The earliest of several RFC 3339 times that the last line cannot be younger than, as local time."""
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
    """The year of the first line. `last`: month, day and `HH:MM:SS` of the last one, `steps` New Years later; `leap_steps`: on which
    of these years a 29 February stands.
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
    """Turns local times into UTC, one after the other as they stand in the log."""

    def __init__(self, where: tzinfo) -> None:
        self._zone = where
        self._last: datetime | None = None
        self._minutes: dict[tuple[int, int, int, str], str] = {}

    def utc(self, year: int, month: int, day: int, clock: str, fraction: str = "") -> str | None:
        """`HH:MM:SS` of that day as RFC 3339 UTC; None where there is no such time."""
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
        """(UTC, whether the local time comes twice). Of two readings the first that does not go back before the last line."""
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
