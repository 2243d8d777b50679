"""One hive: its cells, its tree of keys, the damage found, and the bound on the work."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from struct import unpack_from

from scout.formats.regf.data import BASE_BLOCK, decoded, find_root, text, why_not
from scout.formats.regf.keys import NK, Key
from scout.formats.regf.log import replay

MAX_DAMAGE = 1000
"""damage notes stored per view"""


class BadHive(ValueError):  # noqa: N818  (the word says it)
    """The bytes are no hive, or nothing of it can be read; the text gives the reason."""


class Hive:
    """One hive, ready to be read.

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

    @classmethod
    def open(cls, data: bytes, logs: Sequence[bytes] = ()) -> Hive:
        """Return a hive with its logs (in any order) replayed. A hive without a base block is read by its bins. Raises BadHive."""
        result = replay(data, logs)
        return cls(result.data, dirty=result.dirty, applied=result.applied, replayed=result.ranges, refused=result.refused)

    def _renew(self) -> None:
        self.damage: dict[int, str] = {}
        self._visits_left = len(self.data) // 4 + 100_000
        self._bytes_left = 4 * len(self.data) + (1 << 20)

    def view(self) -> Hive:
        """Return the same hive for another reader, with its own `damage` and its own bound on the work."""
        other = object.__new__(Hive)
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
    def root(self) -> Key | None:
        """The root key; None, with a note in `damage`, where it cannot be read."""
        return self._key(self.root_offset, "")

    def find(self, path: str) -> Key | None:
        r"""Return the key at `path` below the root (`Select`, `Microsoft\Windows NT`), without case; None where it does not exist."""
        key = self.root
        for part in path.split("\\"):
            if key is None:
                return None
            if part:
                key = key.subkey(part)
        return key

    def walk(self) -> Iterator[Key]:
        """Yield every key once, parents first, in the order of the lists."""
        root = self.root
        stack: list[Iterator[Key]] = [iter((root,) if root else ())]
        seen: set[int] = set()
        while stack:
            key = next(stack[-1], None)
            if key is None:
                stack.pop()
            elif key.offset in seen:
                self.note(key.offset, "key appears twice in the tree")
            else:
                seen.add(key.offset)
                yield key
                if len(stack) < 1024:
                    stack.append(key.subkeys())
                else:
                    self.note(key.offset, "keys below this depth were not read")

    def came_from_log(self, offset: int) -> bool:
        """Return whether a log added or changed the cell at `offset` (of the hive bins data)."""
        start = BASE_BLOCK + offset
        if not self.replayed or start + 4 > self._end:
            return False
        end = start + max(8, abs(unpack_from("<i", self.data, start)[0]))
        index = bisect_left(self.replayed, (end, 0)) - 1
        return index >= 0 and self.replayed[index][1] > start

    # --- for Key and Value

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
        if end > self._end or end - start < least:
            self.note(offset, f"{what}: cell of {abs(size)} bytes")
            if end - start < least:
                return 0, 0
            end = self._end
        return start, end

    def take(self, start: int, end: int) -> bytes:
        """Return a copy of bytes of the file, within the bound of this view."""
        self._bytes_left -= end - start
        if self._bytes_left < 0:
            self.note(0, "reading stopped: values refer to more data than the hive can hold")
            return b""
        return bytes(self.data[start:end])

    def _key(self, offset: int, parent: str) -> Key | None:
        start, end = self.cell(offset, NK.size, "key")
        if not start:
            return None
        fields = NK.unpack_from(self.data, start)
        if fields[0] != b"nk":
            self.note(offset, "no key where one should be")
            return None
        length = fields[18]
        raw = bytes(self.data[start + NK.size : min(start + NK.size + length, end)])
        if len(raw) < length:
            self.note(offset, "name of a key is cut")
        return Key(self, offset, fields, decoded(raw, compressed=bool(fields[1] & 0x20)), parent)
