"""The keys and values of a hive, read strictly: what is changed must be understood.

A reference to no cell, a wrong signature, a list that is too short, or a name that is there twice is an UnsafeError.
Source: "Windows registry file format specification", M. Suhanov, "Key node" to "Key security".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from struct import Struct, unpack_from

from hunter.hives.cells import CellSpace
from hunter.hives.records import DEEPEST, KeyRecord, ValueRecord
from hunter.unsafe import UnsafeError
from scout.formats.regf.data import decoded
from scout.formats.regf.keys import NK, NOWHERE, SEGMENT, VK

WRITTEN, PARENT, KEYS, KEY_LIST, VALUES, VALUE_LIST, SECURITY, CLASS = 4, 16, 20, 28, 36, 40, 44, 48
"""places of the fields of a key within its cell"""
LONGEST_NAME, LONGEST_CLASS, LONGEST_VALUE, LARGEST_DATA, CLASS_LENGTH = 52, 56, 60, 64, 74
FIXED = 0x08
"""flag of a key that Windows does not let be deleted"""
_PREDEFINED = 0x40
LEAF = {b"lf": 8, b"lh": 8, b"li": 4}
"""kind of a list of subkeys → bytes of an element"""
SK = Struct("<2sHIIII")
OFFSET = Struct("<I")


class HiveKeys:
    """One clean hive in memory. Keys are named by the offset of their cell."""

    def __init__(self, data: bytes) -> None:
        self.cells = CellSpace(data)
        self.root = unpack_from("<I", data, 36)[0]
        self.place(self.root)

    def place(self, key: int) -> int:
        """Return the place of a key in the file."""
        at = self.cells.cell(key, NK.size)
        if self.cells.data[at : at + 2] != b"nk":
            raise UnsafeError(f"the hive has no key at {key:#x}")
        return at

    def field(self, key: int, field: int) -> int:
        """Return a field of 32 bits of a key."""
        return int(unpack_from("<I", self.cells.data, self.place(key) + field)[0])

    def name(self, key: int) -> str:
        """Return the name of a key."""
        return decoded(self._cell(key)[NK.size :], compressed=bool(self.flags(key) & 0x20))

    def flags(self, key: int) -> int:
        """Return the flags of a key."""
        return int(unpack_from("<H", self.cells.data, self.place(key) + 2)[0])

    def written(self, key: int) -> int:
        """Return the last write of a key, 100 ns ticks since 1601 UTC."""
        return int(unpack_from("<Q", self.cells.data, self.place(key) + WRITTEN)[0])

    def _cell(self, key: int) -> bytes:
        at = self.place(key)
        (length,) = unpack_from("<H", self.cells.data, at + 72)
        return self.cells.content(key, NK.size + length)

    def find(self, path: str) -> int | None:
        r"""Return the key at `path` below the root, without case, None where there is none."""
        key: int = self.root
        for part in filter(None, path.split("\\")):
            found = self.subkey(key, part)
            if found is None:
                return None
            key = found
        return key

    def subkey(self, key: int, name: str) -> int | None:
        """Return the subkey of this name, without case, None where there is none."""
        wanted = upper(name)
        found = [each for _, each, _ in self.rows(key) if upper(self.name(each)) == wanted]
        if len(found) > 1:
            raise UnsafeError(f"{name} is there twice")
        return found[0] if found else None

    def subkeys(self, key: int) -> list[int]:
        """Return the subkeys in the order of the lists."""
        return [each for _, each, _ in self.rows(key)]

    def rows(self, key: int) -> list[tuple[int, int, int]]:
        """Return (list, subkey, place of its element in the file) in the order of the lists."""
        found = [row for leaf in self.lists(key) for row in self.elements(leaf)]
        if len(found) != self.field(key, KEYS) or len({each for _, each, _ in found}) != len(found):
            raise UnsafeError(f"the lists of the subkeys of {self.name(key)} do not fit their number")
        return found

    def lists(self, key: int) -> list[int]:
        """Return the lists that have the subkeys of a key."""
        if not self.field(key, KEYS):
            return []
        top = self.field(key, KEY_LIST)
        at, count = self.list_at(top)
        if self.cells.data[at : at + 2] != b"ri":
            return [top]
        return [unpack_from("<I", self.cells.data, at + 4 + 4 * i)[0] for i in range(count)]

    def list_at(self, offset: int) -> tuple[int, int]:
        """Return (place, number of elements) of a list of subkeys."""
        at = self.cells.cell(offset, 4)
        signature, count = unpack_from("<2sH", self.cells.data, at)
        step = LEAF.get(signature, 4 if signature == b"ri" else 0)
        if not step or 4 + step * count > self.cells.room(offset):
            raise UnsafeError(f"the hive has no list of subkeys at {offset:#x}")
        return at, count

    def elements(self, leaf: int) -> Iterator[tuple[int, int, int]]:
        at, count = self.list_at(leaf)
        step = LEAF.get(bytes(self.cells.data[at : at + 2]), 0)
        if not step:
            raise UnsafeError(f"the hive has no list of subkeys at {leaf:#x}")
        for place in range(at + 4, at + 4 + step * count, step):
            yield leaf, unpack_from("<I", self.cells.data, place)[0], place

    def value_cells(self, key: int) -> list[int]:
        """Return the cells of the values of a key."""
        count = self.field(key, VALUES)
        if not count:
            return []
        if self.flags(key) & _PREDEFINED:
            raise UnsafeError(f"{self.name(key)} is a predefined handle")
        raw = self.cells.content(self.field(key, VALUE_LIST), 4 * count)
        return [offset for (offset,) in OFFSET.iter_unpack(raw)]

    def value(self, key: int, name: str) -> ValueRecord | None:
        """Return the value of this name, without case ('' is the default value), None where there is none."""
        wanted = upper(name)
        found = [v for v in self.values(key) if upper(v.name) == wanted]
        if len(found) > 1:
            raise UnsafeError(f"{name or 'the default value'} is there twice")
        return found[0] if found else None

    def values(self, key: int) -> list[ValueRecord]:
        """Return the values of a key in the order of its list."""
        held_by = self.field(key, VALUE_LIST)
        return [replace(self._value(offset, i), held_by=held_by) for i, offset in enumerate(self.value_cells(key))]

    def _value(self, offset: int, index: int) -> ValueRecord:
        at = self.cells.cell(offset, VK.size)
        signature, length, size, data, *_ = VK.unpack_from(self.cells.data, at)
        if signature != b"vk":
            raise UnsafeError(f"the hive has no value at {offset:#x}")
        cell = self.cells.content(offset, VK.size + length)
        if size & 0x80000000 or not size:
            if size & 0x7FFFFFFF > 4:
                raise UnsafeError(f"the value at {offset:#x} has more data than fits")
            return ValueRecord(cell, data.to_bytes(4, "little")[: size & 0x7FFFFFFF], index, (offset,))
        if size > SEGMENT and self.cells.minor > 3:
            return self._big(offset, cell, index, size, data)
        return ValueRecord(cell, self.cells.content(data, size), index, (offset, data))

    def _big(self, offset: int, cell: bytes, index: int, size: int, data: int) -> ValueRecord:
        signature, count, listed = unpack_from("<2sHI", self.cells.content(data, 8))
        if signature != b"db" or count != -(-size // SEGMENT):
            raise UnsafeError(f"the value at {offset:#x} has no big data")
        segments = [o for (o,) in OFFSET.iter_unpack(self.cells.content(listed, 4 * count))]
        parts = [self.cells.content(o, min(SEGMENT, size - SEGMENT * i)) for i, o in enumerate(segments)]
        return ValueRecord(cell, b"".join(parts), index, (offset, data, listed, *segments))

    def key(self, key: int, depth: int = 0) -> KeyRecord:
        """Return a key with everything below it."""
        if depth > DEEPEST:
            raise UnsafeError(f"{self.name(key)} lies too deep")
        security = self.field(key, SECURITY)
        before, descriptor = self.security(security)
        at_class, (length,) = self.field(key, CLASS), unpack_from("<H", self.cells.data, self.place(key) + CLASS_LENGTH)
        class_name = self.cells.content(at_class, length) if length and at_class != NOWHERE else b""
        holder = self.holder(key)
        at = (key, at_class, self.field(key, VALUE_LIST), self.field(key, KEY_LIST), security, before, holder)
        keys = tuple(self.key(each, depth + 1) for each in self.subkeys(key))
        return KeyRecord(self._cell(key), class_name, descriptor, at, tuple(self.values(key)), keys)

    def holder(self, key: int) -> int:
        """Return the list that has a key, NOWHERE for the root and where none has it."""
        if key == self.root:
            return NOWHERE
        return next((leaf for leaf, each, _ in self.rows(self.field(key, PARENT)) if each == key), NOWHERE)

    def security(self, offset: int) -> tuple[int, bytes]:
        """Return (the item before it in the ring, its descriptor)."""
        at = self.cells.cell(offset, SK.size)
        signature, _, _, before, _, size = SK.unpack_from(self.cells.data, at)
        if signature != b"sk":
            raise UnsafeError(f"the hive has no security item at {offset:#x}")
        return before, self.cells.content(offset, SK.size + size)[SK.size :]


def upper(name: str) -> str:
    """Return a name as Windows compares it: each character by itself."""
    return "".join(u if len(u := c.upper()) == 1 else c for c in name)
