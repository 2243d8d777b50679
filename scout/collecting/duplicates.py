"""Leave out of shadow copies what was taken before with the same content: from the volume itself, or from an older shadow copy.

A group (a hive and its logs) is left out as a whole, or taken as a whole: its members belong to one moment.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from scout.collecting.planned import PlannedItem
from scout.collecting.reading import Reading
from scout.sources.timed_calls import TimedCalls

_Extents = tuple[tuple[int, int], ...] | None
_Key = tuple[bytes, int, _Extents]
_PIECE = 1 << 20


class KnownContents:
    """The contents of a collection by hash. Nothing is kept where no item is from a shadow copy."""

    def __init__(self, items: Iterable[PlannedItem], timed: TimedCalls, stopped: Callable[[], object]) -> None:
        self._timed, self._stopped = timed, stopped
        self._groups: dict[str, list[PlannedItem]] = defaultdict(list)
        self._active = False
        for item in items:
            if item.source.is_copy:
                self._active = True
                if item.group is not None:
                    self._groups[item.group.id].append(item)
        self._known: dict[_Key, int] = {}
        self._sizes: set[int] = set()
        self._decided: dict[str, bool] = {}

    def note(self, line: Mapping[str, Any], extents: _Extents) -> None:
        """Remember what was taken, by its custody line."""
        digest = line.get("sha256") if extents is None else line.get("sha256_data")
        if self._active and line["verdict"] == "taken" and digest and line["member"] is not None:
            self._sizes.add(line["size"])
            self._known.setdefault((bytes.fromhex(str(digest)), line["size"], extents), line["member"])

    def same(self, planned: PlannedItem, reading: Reading, size: int, extents: _Extents) -> dict[str, Any] | None:
        """Return `sha256` (of a sparse file `sha256_data`) and `same_as` for custody where an item of a shadow copy was taken before; else
        None, and the reading is at its beginning. Raises OSError.
        """
        if not planned.source.is_copy or not size or size not in self._sizes:
            return None
        if planned.group is not None and not self._whole_group(planned.group.id):
            return None
        key = self._key(reading, size, extents)
        reading.seek(0)
        member = self._known.get(key) if key is not None else None
        if key is None or member is None:
            return None
        return {"sha256" if extents is None else "sha256_data": key[0].hex(), "same_as": member}

    def _whole_group(self, group: str) -> bool:
        """Return whether every member of a group was taken before."""
        if group not in self._decided:
            self._decided[group] = all(self._taken_before(item) for item in self._groups[group])
        return self._decided[group]

    def _taken_before(self, item: PlannedItem) -> bool:
        file = self._timed.call(item.source.open, item.parts)
        try:
            size = file.status.st_size
            if size and size not in self._sizes:
                return False
            reading = Reading(file, self._timed)
            return not size or self._key(reading, size, reading.extents()) in self._known
        finally:
            file.close()

    def _key(self, reading: Reading, size: int, extents: _Extents) -> _Key | None:
        """Return hash and size of a content; None where the collection is stopped. Of a sparse file only the data is hashed."""
        digest = hashlib.sha256()
        for offset, length in [(0, size)] if extents is None else extents:
            reading.seek(offset)
            while length > 0:
                if self._stopped():
                    return None
                piece = reading.read(min(length, _PIECE))
                if not piece:
                    return None
                digest.update(piece)
                length -= len(piece)
        return digest.digest(), size, extents
