"""Show the progress of a collection: one bar per stage (live state, registry, event logs …), by items and bytes, with the current item."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from types import TracebackType
from typing import Any, Self

from scout.collecting.planned import PlannedItem, PlannedItems
from scout.console import Screen, escape, ignore_lost_terminal, megabytes
from scout.delivering.courier import Progress
from scout.targets import CollectionTarget

_NAMES = {
    "WR": "registry",
    "WE": "logs",
    "WX": "execution",
    "WP": "persistence",
    "WN": "file system",
    "LF04": "configuration",
    "LF09": "persistence",
    "LF11": "users",
    "LF12": "users",
    "LF06": "logs",
    "LF07": "logs",
    "LF05": "packages",
}
_PER_ITEM = 20_000
"""bytes that stand for the fixed cost of one item: opening, custody"""


def stage(target: CollectionTarget) -> str:
    """Return the stage of a target."""
    return "suspicious" if target.rule is not None else _NAMES.get(target.id) or _NAMES.get(target.id[:2], "files")


class StageProgress:
    """Context manager for the bars; shows nothing in a pipe."""

    def __init__(self, screen: Screen) -> None:
        self._progress = screen.progress()
        self._quiet = self._progress.disable
        self._tasks: dict[str, Any] = {}
        self._current: Any = None
        self._delivery: tuple[Any, Callable[[], Progress]] | None = None
        self._shown = 0.0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        with ignore_lost_terminal():
            self._progress.stop()

    def delivering(self, progress: Callable[[], Progress]) -> None:
        """Show how far a delivery is, as long as this is shown."""
        if not self._quiet:
            self._delivery = self._progress.add_task("delivered", total=None, now=""), progress

    def tick(self) -> None:
        """Renew the line of the delivery, at most four times a second."""
        if self._delivery is None or monotonic() - self._shown < 0.25:
            return
        self._shown = monotonic()
        task, progress = self._delivery
        sent, rate, trouble = progress()
        self._progress.update(task, now=f"{megabytes(sent)}  {megabytes(int(rate))}/s" + (f"  waits: {escape(trouble)}" if trouble else ""))

    def now(self, text: str) -> None:
        """Show the present folder."""
        self.tick()
        if not self._quiet:
            if self._current is None:
                self._current = self._progress.add_task("listing", total=None, now="")
            self._progress.update(self._current, now=escape(text)[:60])

    def live(self, sources: Sequence[tuple[CollectionTarget, str]]) -> Iterator[tuple[CollectionTarget, str]]:
        """Yield the sources, one after the other, under one bar."""
        if self._quiet:
            yield from sources
            return
        task = self._progress.add_task("live state", total=len(sources), now="")
        for target, source in sources:
            self._progress.update(task, now=source)
            yield target, source
            self._progress.advance(task)
        self._progress.update(task, now="")

    def files(self, items: PlannedItems) -> Iterator[PlannedItem]:
        """Yield the items, one after the other, each under the bar of its stage and under the total."""
        if self._quiet:
            yield from items
            return
        if self._current is not None:
            self._progress.remove_task(self._current)
        weights: Counter[str] = Counter()
        for item in items:
            weights[stage(item.target)] += item.data + _PER_ITEM
        tasks = {name: self._progress.add_task(name, total=weight, now="") for name, weight in weights.items()}
        total = self._progress.add_task("in all", total=sum(weights.values()), now="")
        for number, item in enumerate(items, 1):
            task = tasks[stage(item.target)]
            self._progress.update(task, now=escape(item.parts[-1] if item.parts else "")[:60])
            yield item
            self._progress.update(task, advance=item.data + _PER_ITEM, now="")
            self.tick()
            self._progress.update(total, advance=item.data + _PER_ITEM, now=f"{number:,} of {len(items):,}")
