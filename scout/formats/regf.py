r"""Registry hives (regf): keys and values of one hive from bytes, with its transaction logs replayed. Lazy: a path opens without a walk.

    hive = Hive.open(data, [log1, log2])
    for value in hive.find(r"Microsoft\Windows\CurrentVersion\Run").values(): value.name, value.strings

Hives are hostile: every offset and count is checked, nothing is read twice in one list, and the work that one `view` may cause is bounded
by the size of the hive. What is wrong is noted in `Hive.damage`, and the rest is read.

Source: "Windows registry file format specification", M. Suhanov, sections "Base block" to "Data segment".
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from struct import Struct, unpack_from

from scout.formats.regf_data import BASE_BLOCK, TYPES, decoded, filetime, find_root, sid, strings, text, why_not
from scout.formats.regf_log import replay

SEGMENT = 16344
"""bytes of data in one segment of a big data record"""
MAX_DAMAGE = 1000
"""notes kept per view; a hive with more is a wreck, and the first thousand say so"""
NOWHERE = 0xFFFFFFFF

_NK = Struct("<2sHQIIIIIIIIIIIIIIIHH")
_VK = Struct("<2sHIIIHH")


class BadHive(ValueError):  # noqa: N818  (the word says it)
    """The bytes are no hive, or nothing of it can be read; the text says why."""


class Hive:
    """One hive, ready to be read.

    data       its bytes after replay
    dirty      the base block says that a write was not finished
    applied    number of log entries or pages that were written into it
    replayed   (start, end) of the file's bytes that are there, or are different, because of a log
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
        """A hive with its logs, in any order; raises BadHive where nothing can be read. A hive without a base block is read by its bins."""
        result = replay(data, logs)
        return cls(result.data, dirty=result.dirty, applied=result.applied, replayed=result.ranges, refused=result.refused)

    def _renew(self) -> None:
        self.damage: dict[int, str] = {}
        self._visits_left = len(self.data) // 4 + 100_000
        self._bytes_left = 4 * len(self.data) + (1 << 20)

    def view(self) -> Hive:
        """The same hive for another reader: own `damage`, own bound on the work."""
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
        r"""The key at `path` below the root (`Select`, `Microsoft\Windows NT`), compared without case; None if there is none."""
        key = self.root
        for part in path.split("\\"):
            if key is None:
                return None
            if part:
                key = key.subkey(part)
        return key

    def walk(self) -> Iterator[Key]:
        """Every key once, parents first, in the order of the lists."""
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
        """Whether the cell at `offset` (of the hive bins data) is there, or is different, because of a log."""
        start = BASE_BLOCK + offset
        if not self.replayed or start + 4 > self._end:
            return False
        end = start + max(8, abs(unpack_from("<i", self.data, start)[0]))
        index = bisect_left(self.replayed, (end, 0)) - 1
        return index >= 0 and self.replayed[index][1] > start

    # --- for Key and Value

    def note(self, offset: int, reason: str) -> None:
        """Remember damage at `offset` of the hive bins data; the first note of a place stays."""
        if len(self.damage) < MAX_DAMAGE:
            self.damage.setdefault(offset, reason)

    def cell(self, offset: int, least: int, what: str) -> tuple[int, int]:
        """(start, end) in bytes of the file of a cell's content of at least `least` bytes; (0, 0) and a note where it is not there."""
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
        """A copy of bytes of the file, within the bound of this view."""
        self._bytes_left -= end - start
        if self._bytes_left < 0:
            self.note(0, "reading stopped: values refer to more data than the hive can hold")
            return b""
        return bytes(self.data[start:end])

    def _key(self, offset: int, parent: str) -> Key | None:
        start, end = self.cell(offset, _NK.size, "key")
        if not start:
            return None
        fields = _NK.unpack_from(self.data, start)
        if fields[0] != b"nk":
            self.note(offset, "no key where one should be")
            return None
        length = fields[18]
        raw = bytes(self.data[start + _NK.size : min(start + _NK.size + length, end)])
        if len(raw) < length:
            self.note(offset, "name of a key is cut")
        return Key(self, offset, fields, decoded(raw, compressed=bool(fields[1] & 0x20)), parent)


class Key:
    """One key: `name`, `path` below the root ('' for the root), `offset` of its cell in the hive bins data."""

    __slots__ = ("_fields", "hive", "name", "offset", "path")

    def __init__(self, hive: Hive, offset: int, fields: tuple[int, ...], name: str, parent: str) -> None:
        self.hive, self.offset, self._fields, self.name = hive, offset, fields, name
        root = offset == hive.root_offset
        self.path = "" if root else f"{parent}\\{name}" if parent else name

    def seen_by(self, view: Hive) -> Key:
        """Return the same key for another view of its hive, which then bears the damage and the work."""
        return Key(view, self.offset, self._fields, self.name, self.path.removesuffix(self.name).removesuffix("\\"))

    @property
    def written(self) -> int:
        """Last write of the key or of one of its values: 100 ns ticks since 1601 UTC."""
        return self._fields[2]

    @property
    def last_written(self) -> str:
        """The same as RFC 3339 UTC, '' if there is none."""
        return filetime(self._fields[2])

    @property
    def replayed(self) -> bool:
        """Whether the key's cell came from a log."""
        return self.hive.came_from_log(self.offset)

    @property
    def subkey_count(self) -> int:
        """What the key says."""
        return self._fields[5]

    @property
    def value_count(self) -> int:
        """What the key says; 0 for a predefined handle, which keeps something else there."""
        return 0 if self._fields[1] & 0x40 else self._fields[9]

    @property
    def class_name(self) -> str:
        """Class name, '' if none."""
        offset, length = self._fields[12], self._fields[19]
        if offset == NOWHERE or not length:
            return ""
        start, end = self.hive.cell(offset, 0, "class name")
        return self.hive.take(start, min(end, start + length)).decode("utf-16-le", "backslashreplace")

    @property
    def owner(self) -> str:
        """SID of the owner in the key's security descriptor, '' where it cannot be read."""
        start, end = self.hive.cell(self._fields[11], 40, "security item") if self._fields[11] != NOWHERE else (0, 0)
        if not start or self.hive.data[start : start + 2] != b"sk":
            return ""
        descriptor = start + 20
        return sid(self.hive.take(min(end, descriptor + unpack_from("<I", self.hive.data, descriptor + 4)[0]), end)[:68])

    def subkeys(self) -> Iterator[Key]:
        """Its subkeys in the order of the lists; each cell once."""
        seen: set[int] = set()
        if self._fields[5] and self._fields[7] != NOWHERE:
            for offset in self._offsets(self._fields[7], nested=False):
                if offset in seen:
                    self.hive.note(offset, "key appears twice in one list")
                    continue
                seen.add(offset)
                key = self.hive._key(offset, self.path)
                if key is not None:
                    yield key
        if len(seen) < self._fields[5] and not self.hive.damage:
            self.hive.note(self.offset, f"{self._fields[5]} subkeys were promised, the lists have {len(seen)}")

    def _offsets(self, offset: int, *, nested: bool) -> Iterator[int]:
        start, end = self.hive.cell(offset, 4, "list of keys")
        if not start:
            return
        signature, count = unpack_from("<2sH", self.hive.data, start)
        step = {b"lf": 8, b"lh": 8, b"li": 4, b"ri": 4}.get(signature, 0)
        if not step or (nested and signature == b"ri"):
            self.hive.note(offset, "no list of keys where one should be")
            return
        if count > (end - start - 4) // step:
            self.hive.note(offset, f"list of {count} keys is cut")
            count = (end - start - 4) // step
        lists: set[int] = set()
        for position in range(start + 4, start + 4 + count * step, step):
            (element,) = unpack_from("<I", self.hive.data, position)
            if signature != b"ri":
                yield element
            elif element not in lists:
                lists.add(element)
                yield from self._offsets(element, nested=True)

    def subkey(self, name: str) -> Key | None:
        """The subkey of this name, without case."""
        wanted = name.upper()
        return next((key for key in self.subkeys() if key.name.upper() == wanted), None)

    def values(self) -> Iterator[Value]:
        """Its values in the order of the list; each cell once."""
        hive, count = self.hive, self.value_count
        if not count or self._fields[10] == NOWHERE:
            return
        start, end = hive.cell(self._fields[10], 4, "list of values")
        if not start:
            return
        if count > (end - start) // 4:
            hive.note(self._fields[10], f"list of {count} values is cut")
            count = (end - start) // 4
        seen: set[int] = set()
        for (offset,) in Struct("<I").iter_unpack(hive.data[start : start + 4 * count]):
            if offset in seen:
                continue
            seen.add(offset)
            value = self._value(offset)
            if value is not None:
                yield value
            elif hive._visits_left <= 0:
                return

    def _value(self, offset: int) -> Value | None:
        start, end = self.hive.cell(offset, _VK.size, "value")
        if not start:
            return None
        signature, length, size, data, kind, flags, _ = _VK.unpack_from(self.hive.data, start)
        if signature != b"vk":
            self.hive.note(offset, "no value where one should be")
            return None
        raw = bytes(self.hive.data[start + _VK.size : min(start + _VK.size + length, end)])
        if len(raw) < length:
            self.hive.note(offset, "name of a value is cut")
        return Value(self.hive, offset, decoded(raw, compressed=bool(flags & 1)), kind, size, data)

    def value(self, name: str) -> Value | None:
        """The value of this name, without case; '' is the default value."""
        wanted = name.upper()
        return next((value for value in self.values() if value.name.upper() == wanted), None)

    def text(self, name: str) -> str:
        """First string of a value, '' if there is none."""
        value = self.value(name)
        return value.text if value else ""


class Value:
    """One value: `name` ('' for the default value), `kind` (type number), `size` in bytes, `offset` of its cell in the hive bins data."""

    __slots__ = ("_data_offset", "_resident", "hive", "kind", "name", "offset", "size")

    def __init__(self, hive: Hive, offset: int, name: str, kind: int, size: int, data: int) -> None:
        self.hive, self.offset, self.name, self.kind = hive, offset, name, kind
        self._resident, self.size, self._data_offset = bool(size & 0x80000000), size & 0x7FFFFFFF, data

    @property
    def type(self) -> str:
        """`REG_SZ` and the like; a number that Windows does not name is written as `0x00000102`."""
        return TYPES[self.kind] if self.kind < len(TYPES) else f"0x{self.kind:08x}"

    @property
    def replayed(self) -> bool:
        """Whether the value's cell, or that of its data, came from a log."""
        return self.hive.came_from_log(self.offset) or (not self._resident and self.size > 0 and self.hive.came_from_log(self._data_offset))

    @property
    def raw(self) -> bytes:
        """The data as it stands; shorter than `size`, with a note in `damage`, where some of it is not there."""
        if self._resident:
            return self._data_offset.to_bytes(4, "little")[: self.size]
        if not self.size or self._data_offset == NOWHERE:
            return b""
        start, end = self.hive.cell(self._data_offset, 0, "data of a value")
        if not start:
            return b""
        if self.size > SEGMENT and self.hive.minor > 3 and self.hive.data[start : start + 2] == b"db":
            return self._segments(start, end)
        if end - start < self.size:
            self.hive.note(self.offset, f"{end - start} of {self.size} bytes of a value are there")
        return self.hive.take(start, min(end, start + self.size))

    def _segments(self, start: int, end: int) -> bytes:
        if end - start < 8:
            return b""
        count, offset = unpack_from("<HI", self.hive.data, start + 2)
        at, stop = self.hive.cell(offset, 4, "list of data segments")
        parts: list[bytes] = []
        left = self.size
        for position in range(at, at + 4 * min(count, (stop - at) // 4), 4):
            (segment,) = unpack_from("<I", self.hive.data, position)
            first, last = self.hive.cell(segment, 1, "data segment")
            parts.append(self.hive.take(first, min(last, first + min(SEGMENT, left))))
            left -= len(parts[-1])
            if left <= 0 or not first:
                break
        if left > 0:
            self.hive.note(self.offset, f"{self.size - left} of {self.size} bytes of a value are there")
        return b"".join(parts)

    @property
    def strings(self) -> list[str]:
        """The data as strings: text up to its end mark, all parts of REG_MULTI_SZ, numbers in decimal; [] for binary data."""
        return strings(self.kind, self.raw)

    @property
    def text(self) -> str:
        """The first string, '' if there is none."""
        return next(iter(self.strings), "")

    @property
    def number(self) -> int | None:
        """REG_DWORD, REG_DWORD_BIG_ENDIAN or REG_QWORD as a number; None for other types and wrong sizes."""
        raw = self.raw
        if (self.kind, len(raw)) not in ((4, 4), (5, 4), (11, 8)):
            return None
        return int.from_bytes(raw, "big" if self.kind == 5 else "little")
