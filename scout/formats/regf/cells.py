"""The cells of a hive: bounds, damage notes, and the bound on the work."""

from __future__ import annotations

from bisect import bisect_left
from struct import unpack_from
from typing import Self

from scout.formats.regf.data import BASE_BLOCK, find_root, text, why_not

MAX_DAMAGE = 1000
"""damage notes stored per view"""


class BadHive(ValueError):  # noqa: N818  (the word says it)
    """The bytes are no hive, or nothing of it can be read; the text gives the reason."""


class HiveCells:
    """The bytes of one hive, read cell by cell within a bound on the work.

    data       its bytes after replay
    dirty      a write was not finished, by the sequence numbers of the base block
    applied    number of log entries or pages that were written into it
    replayed   (start, end) of the file's bytes that a log added or changed
    refused    `log refused: …` per log that could not be used
    name       file name in the base block, as Windows wrote it (the last 31 characters of a path)
    """

    __slots__ = (
        "_bytes_left",
        "_end",
        "_visits_left",
        "applied",
        "damage",
        "data",
        "dirty",
        "minor",
        "name",
        "refused",
        "replayed",
        "root_offset",
        "size",
    )

    def __init__(
        self,
        data: bytes | bytearray,
        *,
        dirty: bool,
        applied: int = 0,
        replayed: tuple[tuple[int, int], ...] = (),
        refused: tuple[str, ...] = (),
    ) -> None:
        whole = data[:4] == b"regf"
        if len(data) < BASE_BLOCK + 32 or not (whole or data[BASE_BLOCK : BASE_BLOCK + 4] == b"hbin") or (whole and data[28] in (1, 2, 6)):
            raise BadHive(why_not(data))
        self.data, self.dirty, self.applied, self.replayed, self.refused = data, dirty, applied, replayed, refused
        absent = (5, 0, 0, 0, len(data) - BASE_BLOCK)
        self.minor, _, _, self.root_offset, self.size = unpack_from("<IIIII", data, 24) if whole else absent
        self.root_offset = self.root_offset or find_root(data)
        self.name = text(bytes(data[48:112])) if whole else ""
        self._end = len(data)
        self._renew()

    def _renew(self) -> None:
        self.damage: dict[int, str] = {}
        self._visits_left = len(self.data) // 4 + 100_000
        self._bytes_left = 4 * len(self.data) + (1 << 20)

    def view(self) -> Self:
        """Return the same hive for another reader, with its own `damage` and its own bound on the work."""
        other = object.__new__(type(self))
        for name in ("data", "dirty", "applied", "replayed", "refused", "minor", "root_offset", "size", "name", "_end"):
            setattr(other, name, getattr(self, name))
        other._renew()
        return other

    @property
    def cut(self) -> int:
        """Bytes that the base block promises and the file does not have."""
        promised: int = BASE_BLOCK + self.size
        return max(0, promised - self._end)

    @property
    def end(self) -> int:
        """Bytes of the file that are there."""
        return self._end

    @property
    def exhausted(self) -> bool:
        """Whether the bound on the work is reached: no further cell is read."""
        return self._visits_left <= 0

    def came_from_log(self, offset: int) -> bool:
        """Return whether a log added or changed the cell at `offset` (of the hive bins data)."""
        start = BASE_BLOCK + offset
        if not self.replayed or start + 4 > self._end:
            return False
        end = start + max(8, abs(unpack_from("<i", self.data, start)[0]))
        index = bisect_left(self.replayed, (end, 0)) - 1
        return index >= 0 and self.replayed[index][1] > start

    def note(self, offset: int, reason: str) -> None:
        """Record damage at `offset` of the hive bins data; the first note for an offset stays."""
        if len(self.damage) < MAX_DAMAGE:
            self.damage.setdefault(offset, reason)

    def cell(self, offset: int, least: int, what: str) -> tuple[int, int]:
        """Return (start, end) of a cell's content in the file, at least `least` bytes; (0, 0) and a note where it is not there."""
        self._visits_left -= 1
        start = BASE_BLOCK + offset + 4
        if self._visits_left <= 0:
            if not self._visits_left:
                self.note(offset, "reading stopped: the lists refer to more than the hive can hold")
            return 0, 0
        if start + least > self._end:
            self.note(offset, f"{what} lies outside the hive")
            return 0, 0
        (size,) = unpack_from("<i", self.data, start - 4)
        end = start - 4 + abs(size)
        if size > 0:
            self.note(offset, f"{what}: its cell is marked as free")
        if end > self._end or end - start < least:
            self.note(offset, f"{what}: cell of {abs(size)} bytes")
            if end - start < least:
                return 0, 0
            end = self._end
        return start, end

    def spend(self, visits: int, copied: int) -> None:
        """Count cells that were read, and bytes that were copied, without `cell` and `take`."""
        self._visits_left -= visits
        self._bytes_left -= copied

    def take(self, start: int, end: int) -> bytes:
        """Return a copy of bytes of the file, within the bound of this view."""
        self._bytes_left -= end - start
        if self._bytes_left < 0:
            self.note(0, "reading stopped: values refer to more data than the hive can hold")
            return b""
        return bytes(self.data[start:end])
