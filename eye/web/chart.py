"""Compute the numbers of the histogram's SVG: bars, axis, selected range, marks of findings. Sizes are attributes, never styles (CSP)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from commodore.finding import MOST_SEVERE_FIRST
from eye.dashboards.bars import SECOND, WIDTHS
from eye.query.values import EPOCH
from eye.web.state import Window

LEFT, RIGHT, TOP, BASE, HEIGHT = 54.0, 1222.0, 8.0, 76.0, 112
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
RANK = {name: n for n, name in enumerate(MOST_SEVERE_FIRST)}


@dataclass
class Chart:
    """The numbers and texts of one histogram, as the template draws them; lengths in SVG units."""

    start: int
    end: int
    width: int
    bars: list[tuple[float, float, float, float, bool, str]] = field(default_factory=list)
    grid: list[tuple[float, str]] = field(default_factory=list)
    ticks: list[tuple[float, str, bool]] = field(default_factory=list)
    marks: list[tuple[float, str, str]] = field(default_factory=list)
    brush: tuple[float, float] | None = None
    sentence: str = ""
    rows: list[tuple[str, int]] = field(default_factory=list)


def draw(
    counts: Mapping[int, int], start: int, width: int, n: int, brush: Window | None, findings: Iterable[tuple[int, str, str]]
) -> Chart:
    """Return the chart of `n` buckets. `brush`: the selected range; `findings`: (nanoseconds, severity, sentence)."""
    end = start + n * width
    chart = Chart(start, end, width)
    top = _round_up(max(counts.values(), default=0))
    step = (RIGHT - LEFT) / n
    for b in range(n):
        count = counts.get(b, 0)
        at = start + b * width
        if count:
            high = max(1.0, count / top * (BASE - TOP))
            chosen = brush is not None and at < brush.end and at + width > brush.start
            chart.bars.append(
                (
                    round(LEFT + b * step + 0.5, 1),
                    round(BASE - high, 1),
                    round(max(0.6, step - 1.5 if step > 4 else step * 0.8), 1),
                    round(high, 1),
                    chosen,
                    f"{stamp(at)}: {count:,}",
                )
            )
            chart.rows.append((stamp(at), count))
    chart.grid = [(round(BASE - part * (BASE - TOP), 1), f"{int(top * part):,}") for part in ((0, 0.5, 1) if top > 1 else (0, 1))]
    chart.ticks = ticks(start, end)
    if brush:
        chart.brush = (_x(max(brush.start, start), start, end), _x(min(brush.end, end), start, end))
    chart.marks = _marks(findings, start, end)
    peak = max(counts.items(), key=lambda item: item[1], default=None)
    chart.sentence = f"Records over time, {span_name(width)} per bar." + (
        f" Peak {peak[1]:,} at {stamp(start + peak[0] * width)} UTC." if peak else " None."
    )
    if brush:
        chart.sentence += f" Selected: {stamp(brush.start)} to {stamp(brush.end)}."
    return chart


def _marks(findings: Iterable[tuple[int, str, str]], start: int, end: int) -> list[tuple[float, str, str]]:
    """Return at most one mark per 5 px and severity; the most severe come last, so that they are drawn on top."""
    best: dict[tuple[int, str], tuple[float, str, str]] = {}
    for at, severity, sentence in findings:
        if start <= at < end:
            x = _x(at, start, end)
            best.setdefault((int(x / 5), severity), (round(x - 4.5, 1), severity, sentence))
    return sorted(best.values(), key=lambda m: -RANK.get(m[1], 9))


def _x(at: int, start: int, end: int) -> float:
    return round(LEFT + (at - start) / (end - start) * (RIGHT - LEFT), 1)


def _round_up(n: int) -> int:
    size = 1
    while True:
        for step in (1, 2, 4, 5, 6, 8):
            if n <= step * size:
                return step * size
        size *= 10


def moment(ns: int) -> datetime:
    """Convert nanoseconds since 1970 to a datetime in UTC."""
    return EPOCH + timedelta(seconds=ns // SECOND)


def stamp(ns: int) -> str:
    """Format nanoseconds since 1970 as `31 Oct 2026 18:00`, with seconds unless they are 0."""
    t = moment(ns)
    return f"{t.day} {_MONTHS[t.month - 1]} {t.year} {t:%H:%M}" + (f":{t:%S}" if t.second else "")


def short_range(low: int, high: int, among: Iterable[int | None] = ()) -> str:
    """Format a range as `31 Oct 18:00 – 1 Nov 00:00`; with years if the range and the times `among` are in more than one year."""
    a, b = moment(low), moment(high)
    years = len({moment(at).year for at in (low, high, *among) if at is not None}) > 1
    seconds = high - low < 600 * SECOND

    def one(t: datetime) -> str:
        return f"{t.day} {_MONTHS[t.month - 1]}{f' {t.year}' if years else ''} {t:%H:%M}{f':{t:%S}' if seconds else ''}"

    return f"{one(a)} – {one(b)}"


def span_name(width: int) -> str:
    """Format nanoseconds as `1 hour` or `5 minutes`."""
    seconds = width // SECOND
    for size, name in ((31536000, "year"), (86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds % size == 0:
            n = seconds // size
            return f"{n} {name}{'' if n == 1 else 's'}"
    return f"{seconds} seconds"


def ticks(start: int, end: int) -> list[tuple[float, str, bool]]:
    """Return at most nine ticks at round times: (x, label, whether the label is a day)."""
    length = end - start
    if length > 86400 * SECOND * 400:
        every = max(1, round(length / (31556952 * SECOND) / 8))
        years = range(moment(start).year, moment(end).year + 1)
        return [
            (_x(at, start, end), str(y), True)
            for y in years
            if y % every == 0 and start <= (at := _of(datetime(y, 1, 1, tzinfo=EPOCH.tzinfo))) <= end
        ]
    every = next((w for w in (*WIDTHS, length) if length // w <= 8), length)
    first = -(-start // every) * every
    return [(_x(at, start, end), *_tick(at, every)) for at in range(first, end + 1, every)]


def _tick(at: int, every: int) -> tuple[str, bool]:
    t = moment(at)
    if t.hour == t.minute == t.second == 0:
        return (f"{_DAYS[t.weekday()]} " if every <= 172800 * SECOND else "") + f"{t.day} {_MONTHS[t.month - 1]}", True
    return (f"{t:%H:%M:%S}" if every < 60 * SECOND else f"{t:%H:%M}"), False


def _of(t: datetime) -> int:
    delta = t - EPOCH
    return (delta.days * 86400 + delta.seconds) * SECOND
