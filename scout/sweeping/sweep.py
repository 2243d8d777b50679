"""`scout sweep`: look for rules and indicators on one host. What matches becomes JSON lines, or an archive of profile `sweep`.

The archive is an ordinary one: `live/sweep.jsonl` has the hits, custody has what was not searched and why, and with `take` the files that
match are members. So the returns of many hosts become one case of COMMODORE.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from scout.archive.writer import Stopped
from scout.collecting import manners, signals
from scout.collecting.examined import ExaminedHost, open_host
from scout.collecting.options import CollectOptions
from scout.collecting.planned import PlannedItem
from scout.collecting.stages import StageProgress
from scout.collecting.sweep_options import SweepOptions
from scout.collecting.taking import ItemTaker
from scout.console import DONE, PARTIAL, Screen, escape, megabytes, plural
from scout.sources.source import Parts
from scout.sweeping import places, registry
from scout.sweeping.places import FileSweep, Line, OutOfTime
from scout.sweeping.wanted import SweepWanted

SOURCE, SCHEMA = "sweep", 1


class HostSweep:
    """One sweep of one host. Iterate `lines` once."""

    def __init__(self, host: ExaminedHost, options: SweepOptions, step: Callable[[Parts], None]) -> None:
        self._host, self._options = host, options
        self.wanted = SweepWanted(options)
        check = places.clock(options.seconds)

        def both(parts: Parts) -> None:
            check()
            step(parts)

        self._step = both
        self.files = FileSweep(host, self.wanted, options, both)
        self.hits: Counter[str] = Counter()
        self.not_searched = 0

    def lines(self) -> Iterator[Line]:
        """Yield every hit, and what was not searched."""
        try:
            for line in self._all():
                if "rule" in line:
                    self.hits[line["place"]] += 1
                else:
                    self.not_searched += 1
                yield line
        except OutOfTime:
            self.not_searched += 1
            yield {"not_searched": "everything behind this", "why": f"the time of {self._options.seconds:g} s was over"}

    def _all(self) -> Iterator[Line]:
        system = "windows" if self._host.system.windows else "linux"
        yield from places.hosts_file(self._host, self.wanted)
        if self._host.live:
            yield from self._live("processes", places.running(self.wanted, self._options, system, self._step))
            yield from self._live("connections", places.connections(self.wanted, system))
            if system == "windows" and self.wanted.objects:
                yield from self._live("mutexes and pipes", places.named_objects(self.wanted))
        if system == "windows" and self.wanted.keys:
            yield from self._live("registry", registry.keys(self._host, self.wanted, self._step))
        yield from self.files

    def _live(self, name: str, lines: Iterator[Line]) -> Iterator[Line]:
        """Yield the lines of a live place; an error ends it, and is a line itself."""
        try:
            yield from lines
        except (OSError, ValueError, KeyError) as e:
            yield {"not_searched": name, "why": f"{type(e).__name__}: {e}"}

    def summary(self) -> str:
        """Return one line: what was found, and in how much."""
        found = ", ".join(f"{count:,} in {place}" for place, count in self.hits.most_common()) or "nothing"
        looked = f"{self.files.files:,} files ({megabytes(self.files.bytes)} read)"
        left = f"; {self.not_searched:,} not searched, each with its reason" if self.not_searched else ""
        return f"Found {found}. Looked at {looked}{left}."


def into_archive(
    host: ExaminedHost, taker: ItemTaker, stages: StageProgress, caught: signals.CaughtSignal, options: CollectOptions, screen: Screen
) -> None:
    """Sweep the host; write the hits, what was not searched, and the files that match."""
    assert options.sweep is not None
    gentle = manners.Gentleness() if options.gentle else None

    def step(folder: Parts) -> None:
        if caught.number:
            raise Stopped(caught.reason)
        if gentle is not None:
            gentle.pause()
        if folder:
            stages.now(host.system.native(folder))
        stages.tick()

    work = HostSweep(host, options.sweep, step)
    _refused(work.wanted, screen)
    try:
        taker.hits(SOURCE, SCHEMA, _hits(work, host, taker))
        if options.sweep.take:
            for source, found in work.files.matched:
                if caught.number:
                    return
                target = host.targets[0]
                taker.take(PlannedItem(source, found.parts, target, found.type, found.size, found.data, "", "", None))
    except Stopped:
        pass
    screen.note(work.summary())


def _hits(work: HostSweep, host: ExaminedHost, taker: ItemTaker) -> Iterator[Line]:
    for line in work.lines():
        if "rule" in line:
            yield line
        else:
            taker.gap(host.system, line["not_searched"], f"not searched: {line['why']}")


def as_lines(options: CollectOptions, screen: Screen, emit: Callable[[Any], None]) -> int:
    """Sweep the host; emit one object a hit, and one for each thing that was not searched. Return 0, or 1 where something was found."""
    assert options.sweep is not None
    host = open_host(options)
    gentle = manners.Gentleness() if options.gentle else None
    if gentle is not None:
        manners.step_back()
    work = HostSweep(host, options.sweep, lambda _: gentle.pause() if gentle is not None else None)
    _refused(work.wanted, screen)
    try:
        for line in work.lines():
            emit(line)
    finally:
        host.close()
    screen.note(work.summary())
    return PARTIAL if work.hits else DONE


def _refused(wanted: SweepWanted, screen: Screen) -> None:
    indicators, rules = wanted.count
    screen.note(f"Looks for {plural(indicators, 'indicator')} and {plural(rules, 'YARA rule')}.")
    for one in wanted.refused[:20]:
        screen.note(f"Refused: {escape(one.file)}:{one.line}: {escape(one.reason)}.", "yellow")
    if len(wanted.refused) > 20:
        screen.note(f"Refused: {len(wanted.refused) - 20:,} more.", "yellow")
