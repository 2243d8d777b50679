"""Keys and values of a hive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from struct import Struct, unpack_from

from scout.formats.regf.cells import HiveCells
from scout.formats.regf.data import BASE_BLOCK, decoded, filetime, sid, strings, type_name

_TYPES_OF_TEXT = (1, 2, 7)
_SHORTEST_TEXT, _LONGEST_TEXT = 16, 64 << 10
"""bytes of UTF-16 text that may hide in data of another type"""
SEGMENT = 16344
"""bytes of data in one segment of a big data record"""
LONGEST_NAME = 512
"""bytes of the name of a key, the most that Windows gives one (REG_MAX_KEY_NAME_LENGTH); all paths below repeat it"""
NOWHERE = 0xFFFFFFFF
"""an offset that points to nothing"""
_LIST = Struct("<2sH")
_SIZE = Struct("<i")
_LINK, _COMPRESSED = 0x10, 0x20
"""flags of a key: it is a symbolic link; its name has one byte per character"""
_STEPS = {b"lf": 8, b"lh": 8, b"li": 4, b"ri": 4}
LAYERED = 6
"""minor version of a differencing hive, whose entries change those of the hive below it"""
_LAYERS = ("", "tombstone", "supersedes", "supersedes tree")
NK = Struct("<2sHQIIIIIIIIIIIIIIIHH")
VK = Struct("<2sHIIIHH")


class Key:
    """One key: `name`, `path` below the root ('' for the root), `offset` of its cell in the hive bins data."""

    __slots__ = ("_fields", "hive", "name", "offset", "path")

    def __init__(self, hive: HiveCells, offset: int, fields: tuple[int, ...], name: str, parent: str) -> None:
        self.hive, self.offset, self._fields, self.name = hive, offset, fields, name
        root = offset == hive.root_offset
        self.path = "" if root else f"{parent}\\{name}" if parent else name

    def seen_by(self, view: HiveCells) -> Key:
        """Return the same key for another view of its hive, which then bears the damage and the work."""
        return Key(view, self.offset, self._fields, self.name, self.path.removesuffix(self.name).removesuffix("\\"))

    def seen_at(self, path: str) -> Key:
        """Return the same key under the path of a link that leads to it."""
        parent, _, name = path.rpartition("\\")
        return Key(self.hive, self.offset, self._fields, name, parent)

    @property
    def link(self) -> str:
        """Path that a symbolic link leads to, from the root of all keys; '' for an ordinary key."""
        value = self.value("SymbolicLinkValue") if self._fields[1] & _LINK else None
        return value.raw.decode("utf-16-le", "replace").rstrip("\0") if value else ""

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
        """Return whether the key's cell came from a log."""
        return self.hive.came_from_log(self.offset)

    @property
    def subkey_count(self) -> int:
        """Number of subkeys that the key states."""
        return self._fields[5]

    @property
    def value_count(self) -> int:
        """Number of values that the key states; 0 for a predefined handle, which uses the field otherwise."""
        return 0 if self._fields[1] & 0x40 else self._fields[9]

    @property
    def values_listed(self) -> tuple[int, int]:
        """Number of values that the key states, and the offset of their list."""
        fields = self._fields
        return (0 if fields[1] & 0x40 or fields[10] == NOWHERE else fields[9]), fields[10]

    @property
    def layer(self) -> str:
        """How the key of a differencing hive changes that of the hive below: `tombstone` (it is deleted there), `supersedes` (its values
        replace those), `supersedes tree` (with all keys below); '' where both are merged, and in any other hive.
        """
        return _LAYERS[self._fields[3] >> 8 & 3] if self.hive.minor >= LAYERED else ""

    @property
    def has_class(self) -> bool:
        """Return whether it has a class name."""
        return self._fields[19] > 0

    @property
    def class_name(self) -> str:
        """Class name, '' if none."""
        offset, length = self._fields[12], self._fields[19]
        if offset == NOWHERE or not length:
            return ""
        start, end = self.hive.cell(offset, 0, "class name")
        return self.hive.take(start, min(end, start + length)).decode("utf-16-le", "backslashreplace")

    @property
    def security(self) -> int:
        """Offset of the cell that has its security descriptor."""
        return self._fields[11]

    @property
    def owner(self) -> str:
        """SID of the owner in the key's security descriptor, '' where it cannot be read."""
        start, end = self.hive.cell(self._fields[11], 40, "security item") if self._fields[11] != NOWHERE else (0, 0)
        if not start or self.hive.data[start : start + 2] != b"sk":
            return ""
        descriptor = start + 20
        return sid(self.hive.take(min(end, descriptor + unpack_from("<I", self.hive.data, descriptor + 4)[0]), end)[:68])

    def subkeys(self) -> Iterator[Key]:
        """Yield its subkeys in the order of the lists; each cell once."""
        promised, listed = self._fields[5], self._fields[7]
        offsets = self._offsets(listed) if promised and listed != NOWHERE else ()
        found = 0
        if offsets:
            distinct = dict.fromkeys(offsets)
            found = len(distinct)
            if found < len(offsets):
                self.hive.note(listed, "key appears twice in one list")
            yield from _keys_at(self.hive, distinct, self.path)
        if found < promised and not self.hive.damage:
            self.hive.note(self.offset, f"{promised} subkeys were promised, the lists have {found}")

    def _offsets(self, offset: int, *, nested: bool = False) -> tuple[int, ...]:
        """Return the offsets in a list of keys, and in the lists that it names."""
        hive = self.hive
        start, end = hive.cell(offset, 4, "list of keys")
        if not start:
            return ()
        signature, count = _LIST.unpack_from(hive.data, start)
        step = _STEPS.get(signature, 0)
        if not step or (nested and signature == b"ri"):
            hive.note(offset, "no list of keys where one should be")
            return ()
        if count > (end - start - 4) // step:
            hive.note(offset, f"list of {count} keys is cut")
            count = (end - start - 4) // step
        elements: tuple[int, ...] = unpack_from(f"<{count * step // 4}I", hive.data, start + 4)
        if step == 8:
            return elements[::2]
        if signature == b"li":
            return elements
        return tuple(chain.from_iterable(self._offsets(element, nested=True) for element in dict.fromkeys(elements)))

    def subkey(self, name: str) -> Key | None:
        """Return the subkey of this name, without case; None where there is none."""
        wanted = name.upper()
        return next((key for key in self.subkeys() if key.name.upper() == wanted), None)

    def values(self) -> Iterator[Value]:
        """Yield its values in the order of the list; each cell once."""
        for offset in dict.fromkeys(self.value_offsets()):
            value = self.value_at(offset)
            if value is not None:
                yield value
            elif self.hive.exhausted:
                return

    def value_offsets(self) -> tuple[int, ...]:
        """Return the offsets in its list of values, as far as the list is there."""
        hive, (count, listed) = self.hive, self.values_listed
        if not count:
            return ()
        start, end = hive.cell(listed, 4, "list of values")
        if not start:
            return ()
        if count > (end - start) // 4:
            hive.note(listed, f"list of {count} values is cut")
            count = (end - start) // 4
        return unpack_from(f"<{count}I", hive.data, start)

    def value_at(self, offset: int) -> Value | None:
        """Return the value whose cell is at `offset`; None, with a note, where there is none."""
        start, end = self.hive.cell(offset, VK.size, "value")
        if not start:
            return None
        signature, length, size, data, kind, flags, _ = VK.unpack_from(self.hive.data, start)
        if signature != b"vk":
            self.hive.note(offset, "no value where one should be")
            return None
        raw = bytes(self.hive.data[start + VK.size : min(start + VK.size + length, end)])
        if len(raw) < length:
            self.hive.note(offset, "name of a value is cut")
        hides = bool(flags & 2) and self.hive.minor >= LAYERED
        return Value(self.hive, offset, decoded(raw, compressed=bool(flags & 1)), kind, size, data, hides=hides)

    def value(self, name: str) -> Value | None:
        """Return the value of this name, without case; '' is the default value."""
        wanted = name.upper()
        return next((value for value in self.values() if value.name.upper() == wanted), None)

    def text(self, name: str) -> str:
        """Return the first string of a value, '' if there is none."""
        value = self.value(name)
        return value.text if value else ""


class Value:
    """One value: `name` ('' for the default value), `kind` (type number), `size` in bytes, `offset` of its cell in the hive bins data.

    hides    it is in a differencing hive, and deletes the value of the same name in the hive below
    """

    __slots__ = ("_data_offset", "_resident", "hides", "hive", "kind", "name", "offset", "size")

    def __init__(self, hive: HiveCells, offset: int, name: str, kind: int, size: int, data: int, *, hides: bool = False) -> None:
        self.hive, self.offset, self.name, self.kind, self.hides = hive, offset, name, kind, hides
        self._resident, self.size, self._data_offset = bool(size & 0x80000000), size & 0x7FFFFFFF, data

    @property
    def type(self) -> str:
        """`REG_SZ` and the like; a number that Windows does not name is written as `0x00000102`."""
        return type_name(self.kind)

    @property
    def replayed(self) -> bool:
        """Return whether the value's cell, or that of its data, came from a log."""
        return self.hive.came_from_log(self.offset) or (not self._resident and self.size > 0 and self.hive.came_from_log(self._data_offset))

    @property
    def raw(self) -> bytes:
        """The data; shorter than `size`, with a note in `damage`, where some of it is missing."""
        if self._resident:
            return self._data_offset.to_bytes(4, "little")[: self.size]
        if not self.size or self._data_offset == NOWHERE:
            return b""
        start, end = self.hive.cell(self._data_offset, 0, "data of a value")
        if not start:
            return b""
        fits = end - start >= self.size and self.hive.minor <= 3  # segments came with 1.4; other programs write them into older hives
        if self.size > SEGMENT and not fits and self.hive.data[start : start + 2] == b"db":
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
    def disguised(self) -> str:
        """Text in data of a type that is no text, '' where there is none: programs read a value by its name, whatever its type says."""
        raw = b"" if self.kind in _TYPES_OF_TEXT else self.raw[:_LONGEST_TEXT]
        if len(raw) < _SHORTEST_TEXT or len(raw) % 2 or raw[1] or not raw[0]:
            return ""
        text = raw.decode("utf-16-le", "replace").partition("\0")[0]
        return text if 2 * len(text) >= _SHORTEST_TEXT - 2 and text.isascii() and text.isprintable() else ""

    @property
    def number(self) -> int | None:
        """REG_DWORD, REG_DWORD_BIG_ENDIAN or REG_QWORD as a number; None for other types and wrong sizes."""
        raw = self.raw
        if (self.kind, len(raw)) not in ((4, 4), (5, 4), (11, 8)):
            return None
        return int.from_bytes(raw, "big" if self.kind == 5 else "little")


def _keys_at(hive: HiveCells, offsets: Iterable[int], parent: str) -> Iterator[Key]:
    """Yield the keys whose cells are at `offsets`. A cell that is as Windows writes it is read with one unpack, any other by `key_at`."""
    data, end, unpack, least, quick = hive.data, hive.end, NK.unpack_from, NK.size, 0
    size_of = _SIZE.unpack_from
    try:
        for offset in offsets:
            at = BASE_BLOCK + offset
            if at + 4 + least <= end:
                fields = unpack(data, at + 4)
                first = at + 4 + least
                last = first + fields[18]
                stop = at - size_of(data, at)[0]
                if fields[0] == b"nk" and fields[1] & _COMPRESSED and last <= stop <= end and fields[18] <= LONGEST_NAME:
                    quick += 1
                    yield Key(hive, offset, fields, str(data[first:last], "latin-1"), parent)
                    continue
            key = key_at(hive, offset, parent)
            if key is not None:
                yield key
    finally:
        hive.spend(quick, 0)


def key_at(hive: HiveCells, offset: int, parent: str) -> Key | None:
    """Return the key whose cell is at `offset`; None, with a note, where there is none. `parent`: path of the key above."""
    start, end = hive.cell(offset, NK.size, "key")
    if not start:
        return None
    data = hive.data
    fields = NK.unpack_from(data, start)
    if fields[0] != b"nk":
        hive.note(offset, "no key where one should be")
        return None
    first = start + NK.size
    last = first + min(fields[18], LONGEST_NAME)
    if fields[18] > LONGEST_NAME:
        hive.note(offset, f"name of a key of {fields[18]:,} bytes: {LONGEST_NAME} were read")
    if last > end:
        hive.note(offset, "name of a key is cut")
        last = end
    name = data[first:last].decode("latin-1") if fields[1] & _COMPRESSED else decoded(bytes(data[first:last]), compressed=False)
    return Key(hive, offset, fields, name, parent)
