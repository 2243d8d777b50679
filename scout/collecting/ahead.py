"""Open the next files of a plan before their turn and ask the system to read them, so that the disk works while a file is hashed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Self

from scout.collecting.planned import PlannedItem
from scout.sources.directory import DirectorySource, DiskFile
from scout.sources.source import SourceFile
from scout.sources.timed_calls import TimedCalls

WINDOW = 8
"""files that are open before their turn"""


class OpenedAhead:
    """The files of a plan, in its order. A context manager: what is open at its end is closed.

    Nothing is opened before its turn on a file system that may not answer, and of sources other than mounted directories.
    """

    def __init__(self, items: Iterable[PlannedItem], timed: TimedCalls) -> None:
        self._items, self._timed = iter(items), timed
        self._waiting: deque[SourceFile | OSError | None] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._waiting:
            if file is not None and not isinstance(file, OSError):
                file.close()
        self._waiting.clear()

    def take(self) -> SourceFile | None:
        """Return the file of the next item as it is now; None where it is still to be opened. Raises OSError where it could not be."""
        while len(self._waiting) <= WINDOW and (item := next(self._items, None)) is not None:
            self._waiting.append(self._opened(item))
        file = self._waiting.popleft()
        if isinstance(file, OSError):
            raise file
        if isinstance(file, DiskFile):
            file.renew()
        return file

    def _opened(self, item: PlannedItem) -> SourceFile | OSError | None:
        if self._timed.seconds or item.verdict or type(item.source) is not DirectorySource:
            return None
        try:
            file = item.source.open(item.parts)
        except OSError as e:
            return e
        if isinstance(file, DiskFile):
            file.read_soon()
        return file
