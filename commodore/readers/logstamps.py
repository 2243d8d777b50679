"""Times of log lines: traditional ones, whose year and zone are inferred for the complete file, and those of ISO 8601.

stamps = LogStamps(evidence, host)
stamps.traditional(TRADITIONAL.match(line), number)      ("2026-02-06T14:16:30Z", ["year", "zone"])
stamps.iso(ISO.match(line))                              ("2026-02-06T14:16:30.123Z", [])
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from commodore.artefact import Problem
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers import logtime
from commodore.readers.lines import Line, lines, unmarked

_MOST_RUNS = 100_000
"""Most changes of the day in one file; more are a forgery and are not looked at."""
_HALF = 183
"""Days beyond which two neighbouring lines are of different years."""
_MOST_NOTES = 20
"""per file, on steps back"""
_DATE = (
    r"(?:<\d{1,3}>)?(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[ \t]+(?=[A-Z]))?"
    r"([A-Za-z]{3})[ \t]+(\d{1,2})[ \t]+(?:(\d{4})[ \t]+)?(\d\d:\d\d:\d\d)(?:[ \t]+((?:19|20)\d\d)(?=[ \t]))?"
)
TRADITIONAL = re.compile(_DATE + r"([.,]\d+)?(?:: ?|[ \t]+)", re.ASCII)
ISO = re.compile(
    r"(?:<\d{1,3}>)?\[?(?P<day>(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d+))?"
    r"(Z| ?[+-]\d\d:?\d\d|(?(day) (?:UTC|GMT|[A-Z]{2,5}|[+-]\d\d)))?\]?:? ",
    re.ASCII,
)
"""with the name of the day and of the zone: journalctl(1), short-full"""
UNIX = re.compile(r"\[?(\d{9,10}(?:\.\d{1,9})?)\]? ", re.ASCII)
"""seconds since 1970: journalctl(1), short-unix"""
_FULL = re.compile(rb"(?:<\d{1,3}>)?(?:1 )?((?:19|20)\d\d)-(0[1-9]|1[0-2])-(\d\d)[T ]")
_DAY = re.compile(rb"\0*" + _DATE.encode())
_ROTATED = re.compile(r"[-.]\d|\.(?:gz|xz|bz2|zst|old|bak|save)$")
"""a log that is no longer written: its change time is that of a rename, its modification time that of the last line"""
_DAYS, _YEAR = timedelta(days=1), timedelta(days=364)
_NAME_DATE = re.compile(r"-(\d{4})-?(\d\d)-?(\d\d)(?:\.\w+)?$")


class LogStamps:
    """Year and zone of this file's traditional times."""

    def __init__(self, evidence: Evidence, host: Host) -> None:
        self.zone = logtime.zone(host.timezone) or UTC
        self.clock = logtime.LocalClock(self.zone)
        said = evidence.facts.get("mtime")
        changed, name = _not_before(evidence, said)
        runs, anchor = _runs(evidence)
        self.order, self.first = self._first(runs, said, evidence, host)
        self.notes: list[Problem] = []
        if isinstance(said, str) and changed > said and not _ROTATED.search(evidence.name):
            order, first = self._first(runs, changed, evidence, host)
            if first != self.first:
                self.order, self.first = order, first
                reason = f"the modification time {said} would put the lines into another year than {name}, which was taken"
                self.notes.append(Problem(reason, kind="mtime-set-back"))
        if anchor and runs:
            self.first = self._by(anchor, runs)
        self._stretch = 0
        self._strays = list(reversed(self.order.strays[:_MOST_NOTES]))

    def _first(self, runs: list[logtime.DayRun], written: object, evidence: Evidence, host: Host) -> tuple[logtime.Order, int | None]:
        """Return the order of the days, and the year of the first line, of a file that was last written at `written`."""
        bound = logtime.latest(_bounds(written, evidence, host), self.zone)
        order = logtime.order(runs if bound else [], bound)
        if bound is None or order.last is None:
            return order, None
        return order, logtime.first_year(_date(order.last), order.years, set(order.leap), bound)

    def _by(self, anchor: tuple[int, int, int], runs: list[logtime.DayRun]) -> int:
        """Return the year of the first line by a line that has its year: (number, year, day of the year)."""
        number, year, day = anchor
        at = max((stretch for stretch in self.order.stretches if stretch.line <= number), default=self.order.stretches[0])
        near = max((run for run in runs if run.line <= number), default=runs[0])
        if abs(near.day - day) > _HALF:  # New Year is between the two
            year += 1 if near.day < day else -1
        return year - at.years

    def traditional(self, found: re.Match[str], line: int) -> tuple[str | None, list[str]]:
        """Return (RFC 3339 UTC or None, what was inferred) of a traditional time."""
        month = logtime.MONTHS.get(found[1].title())
        if month is None:
            return None, []
        day, fraction = int(found[2]), (found[6] or "").replace(",", ".")
        if year := found[3] or found[5]:
            return self.clock.utc(int(year), month, day, found[4], fraction), ["zone"]
        if self.first is None:
            return None, []
        stretch = self._at(line)
        clock = logtime.LocalClock(self.zone) if stretch.stray else self.clock
        inferred = ["year", "zone", "order"] if stretch.stray else ["year", "zone"]
        return clock.utc(self.first + stretch.years, month, day, found[4], fraction), inferred

    def stray(self, line: int) -> Iterator[Problem]:
        """Yield a note where a step back in time was taken for lines out of order."""
        if self._strays and self._strays[-1][0] == line:
            _, before, day = self._strays.pop()
            reason = f"the log steps back by {before - day} days and is back soon after: taken for lines out of order, not for New Year"
            yield Problem(reason, f"line {line}")

    def _at(self, line: int) -> logtime.Stretch:
        stretches = self.order.stretches
        while self._stretch + 1 < len(stretches) and stretches[self._stretch + 1].line <= line:
            self._stretch += 1
        return stretches[self._stretch]

    @staticmethod
    def unix(found: re.Match[str]) -> tuple[str, list[str]]:
        """Return (RFC 3339 UTC, what was inferred) of a time in seconds since 1970."""
        seconds, point, fraction = found[1].partition(".")
        return f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%dT%H:%M:%S}{point}{fraction}Z", []

    def iso(self, found: re.Match[str]) -> tuple[str | None, list[str]]:
        """Return (RFC 3339 UTC or None, what was inferred) of a full time."""
        where = (found[7] or "").strip()
        zone = UTC if where in ("Z", "UTC", "GMT") else logtime.zone(where) if where[:1] in ("+", "-") else None
        clock = logtime.LocalClock(zone) if zone else self.clock  # a name such as CET is that of the host's zone
        fraction = f".{found[6][:9]}" if found[6] else ""
        return clock.utc(int(found[2]), int(found[3]), int(found[4]), found[5], fraction), [] if zone else ["zone"]


def _not_before(evidence: Evidence, said: object) -> tuple[str, str]:
    """Return a time up to which the lines of a log may be, that does not depend on its own modification time, and its name; '' for none.

    Logs that were rotated from it were written before it: its last line is of the year that follows the last write to one of them. A copy
    without times of its own has them all within a day: then they say nothing.
    """
    found, name = evidence.facts.get("ctime"), "the change time"
    rotated = evidence.facts.get("rotated")
    if not isinstance(found, str) and isinstance(rotated, str) and isinstance(said, str) and "" < _later(said, _DAYS) < rotated:
        return _later(rotated, _YEAR), f"the modification time of the logs that were rotated from it, {rotated}"
    return (found, f"{name} {found}") if isinstance(found, str) else ("", "")


def _later(text: str, by: timedelta) -> str:
    try:
        return (datetime.fromisoformat(f"{text[:19]}+00:00") + by).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        return ""


def _runs(evidence: Evidence) -> tuple[list[logtime.DayRun], tuple[int, int, int] | None]:
    """Return the days of the file, lines of one day in a row as one run, and the first line that has its year: number, year, day."""
    runs: list[logtime.DayRun] = []
    anchor = None
    for line in lines(evidence, 64, packed=True):
        raw = unmarked(line).raw if isinstance(line, Line) else b""
        if anchor is None and (full := _FULL.match(raw)) and isinstance(line, Line):
            anchor = (line.number, int(full[1]), logtime.day_of_year(int(full[2]), int(full[3])))
        found = _DAY.match(raw)
        if found is None or found[3] or found[5] or isinstance(line, Problem):
            continue
        month = logtime.MONTHS.get(found[1].decode().title())
        day = logtime.day_of_year(month, int(found[2])) if month else 0
        if not day:
            continue
        clock = found[4].decode()
        if runs and runs[-1].day == day:
            runs[-1] = runs[-1]._replace(clock=clock)
        elif len(runs) < _MOST_RUNS:
            runs.append(logtime.DayRun(line.number, day, clock))
    return runs, anchor


def _date(run: logtime.DayRun) -> tuple[int, int, str]:
    """Return month, day and clock of a run."""
    date = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=run.day - 1)  # a leap year
    return date.month, date.day, run.clock


def _bounds(written: object, evidence: Evidence, host: Host) -> Iterator[str]:
    """Yield the times that the last line cannot be younger than: of the file, in its name, in its gzip header, and of the collection."""
    if isinstance(written, str):
        yield written
    if host.collected:
        yield host.collected
    if found := _NAME_DATE.search(evidence.name):
        yield f"{found[1]}-{found[2]}-{found[3]}T23:59:59Z"
    with evidence.open() as stream:
        head = stream.read(8)
    if head[:3] == b"\x1f\x8b\x08" and (seconds := int.from_bytes(head[4:8], "little")):
        yield datetime.fromtimestamp(seconds, UTC).isoformat()
