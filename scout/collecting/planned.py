"""The items of a plan, in the order of work. A folder with a million files costs a few bytes for each beside its name.

Where many items in a row differ only in the last name and the size, they are kept as one run: the first item, the names and the
sizes. They become items again one at a time.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from scout.archive.custody import GroupPlace
from scout.packed import PackedNames
from scout.sources.source import EvidenceSource, Parts
from scout.targets import CollectionTarget

MANY = 512
"""items in a row that become a run: those of ordinary folders stay as they are"""
_LARGEST = (1 << 64) - 1


class PlannedItem(NamedTuple):
    """One item of the plan. `verdict` is '' where content is to be read."""

    source: EvidenceSource
    parts: Parts
    target: CollectionTarget
    type: str
    size: int
    data: int
    verdict: str
    error: str
    group: GroupPlace | None
    rules: tuple[CollectionTarget, ...] = ()
    """targets with a rule, where no other target wants the file: it is taken if one of them finds it suspicious"""
    stream: bool = False
    place: Parts = ()
    """where the host reads it, if that is behind a link"""
    facts: Mapping[str, Any] | None = None
    """further facts for custody: `referrer`, `sha256` of a file that is not taken"""


class _ItemRun:
    """Items like `first`, in its folder."""

    __slots__ = ("data", "first", "names", "sizes")

    def __init__(self, first: PlannedItem) -> None:
        self.first = first
        self.names, self.sizes = PackedNames(), array("Q")
        self.data: dict[int, int] = {}
        """number of an item → allocated bytes, where they are not its size"""

    def add(self, item: PlannedItem) -> None:
        if item.data != item.size:
            self.data[len(self.sizes)] = item.data
        self.names.append(item.parts[-1])
        self.sizes.append(item.size)

    def __iter__(self) -> Iterator[PlannedItem]:
        folder = self.first.parts[:-1]
        for number, (name, size) in enumerate(zip(self.names, self.sizes, strict=True)):
            yield self.first._replace(parts=(*folder, name), size=size, data=self.data.get(number, size))


class PlannedItems:
    """The items of a plan."""

    def __init__(self, items: Iterable[PlannedItem] = ()) -> None:
        self._rows: list[PlannedItem | _ItemRun] = []
        self._alike = self._count = 0
        """items at the end of `_rows` that are alike"""
        self._behind_links = 0
        self.extend(items)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[PlannedItem]:
        for row in self._rows:
            if isinstance(row, _ItemRun):
                yield from row
            else:
                yield row

    @property
    def behind_links(self) -> bool:
        """Return whether any item is behind a link."""
        return self._behind_links > 0

    def append(self, item: PlannedItem) -> None:
        """Add an item at the end."""
        self._count += 1
        self._behind_links += bool(item.place)
        last = self._rows[-1] if self._rows else None
        if last is None or not _alike(last.first if isinstance(last, _ItemRun) else last, item):
            self._rows.append(item)
            self._alike = int(_packable(item))
        elif isinstance(last, _ItemRun):
            last.add(item)
        else:
            self._rows.append(item)
            self._alike += 1
            if self._alike == MANY:
                self._pack()

    def _pack(self) -> None:
        """Make one run of the items at the end that are alike."""
        alike = self._rows[-self._alike :]
        del self._rows[-self._alike :]
        first = alike[0]
        assert isinstance(first, PlannedItem)
        run = _ItemRun(first)
        for one in alike:
            assert isinstance(one, PlannedItem)
            run.add(one)
        self._rows.append(run)
        self._alike = 0

    def extend(self, items: Iterable[PlannedItem]) -> None:
        """Add items at the end."""
        for item in items:
            self.append(item)

    def move(self, other: PlannedItems) -> None:
        """Add all items of another list at the end, and empty it. Runs are taken as they are."""
        self._rows += other._rows
        self._count += other._count
        self._behind_links += other._behind_links
        self._alike = 0
        other.clear()

    def clear(self) -> None:
        """Remove all items."""
        self._rows.clear()
        self._alike = self._count = self._behind_links = 0

    def revise(self, change: Callable[[PlannedItem], Iterable[PlannedItem]]) -> None:
        """Put in the place of each item what `change` makes of it: itself, another, several, none."""
        rows = self._rows
        self._rows = []
        self._alike = self._count = self._behind_links = 0
        rows.reverse()
        while rows:
            row = rows.pop()
            for item in row if isinstance(row, _ItemRun) else (row,):
                self.extend(change(item))


def _packable(item: PlannedItem) -> bool:
    if item.group is not None or item.place or item.facts is not None or not item.parts:
        return False
    return 0 <= item.size <= _LARGEST


def _alike(first: PlannedItem, item: PlannedItem) -> bool:
    """Return whether an item differs from the first of its row in name and size only, and both can be in a run."""
    return (
        len(first.parts) == len(item.parts)
        and first.parts[:-1] == item.parts[:-1]
        and first.target is item.target
        and first.source is item.source
        and (first.type, first.verdict, first.error, first.stream, first.rules)
        == (item.type, item.verdict, item.error, item.stream, item.rules)
        and _packable(first)
        and _packable(item)
    )
