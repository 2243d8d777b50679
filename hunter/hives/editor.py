"""Change keys and values of a hive in memory. Everything that is not meant keeps its bytes.

`HiveEditor.done` gives the new file.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack, unpack_from

from hunter.hives.records import KeyRecord, ValueRecord
from hunter.hives.shared import shared_cells
from hunter.hives.tree import (
    FIXED,
    KEY_LIST,
    KEYS,
    LARGEST_DATA,
    LEAF,
    LONGEST_CLASS,
    LONGEST_NAME,
    LONGEST_VALUE,
    OFFSET,
    PARENT,
    SECURITY,
    SK,
    VALUE_LIST,
    VALUES,
    WRITTEN,
    HiveKeys,
    upper,
)
from hunter.unsafe import UnsafeError
from scout.formats.regf.keys import NK, NOWHERE, SEGMENT, VK

_FULL = 507
"""elements of a list of subkeys that fit into one bin, the most that Windows writes"""


class HiveEditor(HiveKeys):
    """One clean hive in memory, to be changed. Keys are named by the offset of their cell."""

    _shared: frozenset[int] | None = None

    def copy(self) -> HiveEditor:
        """Return the same hive, to be changed apart from this one."""
        other = object.__new__(HiveEditor)
        other.root, other.cells, other._shared = self.root, self.cells.copy(), self._shared
        return other

    def sole(self, *offsets: int) -> None:
        """Raise UnsafeError where something else in the hive has one of these cells, too."""
        if self._shared is None:
            self._shared = shared_cells(self)
        for offset in set(offsets) - {NOWHERE}:
            if offset in self._shared or not self.cells.begins(offset):
                raise UnsafeError(f"the cell at {offset:#x} of the hive belongs to something else too: it was forged or is damaged")

    def sole_key(self, key: KeyRecord) -> None:
        """Raise UnsafeError where a key, or anything below it, has a cell that something else has, too."""
        for each in key.every():
            held = [each.at[1]] if each.class_name else []
            self.sole(each.at[0], *held, *self._key_lists(each.at[0]), *(offset for value in each.values for offset in value.at))
            if each.values:
                self.sole(each.at[2])

    def _free(self, offset: int) -> None:
        self.sole(offset)
        self.cells.free(offset)

    def _key_lists(self, key: int) -> list[int]:
        """Return the lists that have the subkeys of a key, and the list of these lists."""
        lists = self.lists(key)
        if lists and lists != [self.field(key, KEY_LIST)]:
            lists.append(self.field(key, KEY_LIST))
        return lists

    def touch(self, key: int, ticks: int) -> None:
        """Set the last write of a key."""
        self.cells.number(self.place(key) + WRITTEN, ticks, "<Q")

    def remove_value(self, key: int, name: str) -> None:
        """Remove a value and free its cells."""
        value = self.value(key, name)
        if value is None:
            raise UnsafeError(f"{name} is not there")
        left = self.value_cells(key)
        left.remove(value.at[0])
        self._relist(key, left, NOWHERE)
        for offset in value.at:
            self._free(offset)

    def put_value(self, key: int, record: ValueRecord) -> None:
        """Add a value at its place in the list, or give the one of its name this type and data."""
        present = self.value(key, record.name)
        if present is not None:
            for offset in present.at[1:]:
                self._free(offset)
            size, data = self._store(record.data, record.at[1:])
            at = self.cells.cell(present.at[0], VK.size)
            self.cells.write(at + 4, pack("<III", size, data, record.kind))
        else:
            listed = self.value_cells(key)
            listed.insert(min(record.index, len(listed)), self._make_value(record))
            self._relist(key, listed, record.held_by)
        self._at_least(key, LONGEST_VALUE, len(record.name.encode("utf-16-le", "surrogatepass")))
        self._at_least(key, LARGEST_DATA, len(record.data))

    def _store(self, data: bytes, hints: Sequence[int]) -> tuple[int, int]:
        """Return (size field, data field) of a value with this data, which is put into cells where it does not fit."""
        if len(data) <= 4:
            return len(data) | 0x80000000, int.from_bytes(data.ljust(4, b"\0"), "little")
        if len(data) <= SEGMENT or self.cells.minor <= 3:
            return len(data), self.cells.allocate(data, *hints[:1])
        pieces = [data[i : i + SEGMENT] for i in range(0, len(data), SEGMENT)]
        segments = [self.cells.allocate(p.ljust(min(SEGMENT, 4), b"\0"), *hints[2 + i : 3 + i]) for i, p in enumerate(pieces)]
        listed = self.cells.allocate(b"".join(map(OFFSET.pack, segments)), *hints[1:2])
        return len(data), self.cells.allocate(pack("<2sHI", b"db", len(segments), listed), *hints[:1])

    def _relist(self, key: int, offsets: Sequence[int], hint: int) -> None:
        """Write the list of the values of a key."""
        at, old, raw = self.place(key), self.field(key, VALUE_LIST), b"".join(map(OFFSET.pack, offsets))
        had = self.field(key, VALUES)
        if had and self.cells.room(old) < (len(raw) or NOWHERE):
            self._free(old)
            had = 0
        if had:
            self.sole(old)
            self.cells.write(self.cells.cell(old), raw)
        else:
            self.cells.number(at + VALUE_LIST, self.cells.allocate(raw, hint) if offsets else NOWHERE)
        self.cells.number(at + VALUES, len(offsets))

    def _at_least(self, key: int, field: int, size: int) -> None:
        """Raise one of the largest sizes that a key states; the upper half of the first of them is not a size."""
        now, mask = self.field(key, field), 0xFFFF if field == LONGEST_NAME else 0xFFFFFFFF
        if now & mask < size:
            self.cells.number(self.place(key) + field, now & ~mask | size)

    def removable(self, key: int) -> str:
        """Return why a key cannot be removed, '' where it can."""
        if key == self.root:
            return "it is the root of the hive"
        return next((f"{k.name} is marked as not to be deleted" for k in self.key(key).every() if NK.unpack_from(k.cell)[1] & FIXED), "")

    def remove_key(self, key: int) -> None:
        """Remove a key with everything below it and free their cells."""
        if why := self.removable(key):
            raise UnsafeError(why)
        parent, record = self.field(key, PARENT), self.key(key)
        if self.holder(key) == NOWHERE:
            raise UnsafeError(f"{record.name} is not in the list of its parent")
        self._unlist(parent, key)
        self._free_key(record)

    def _free_key(self, record: KeyRecord) -> None:
        for each in record.keys:
            self._free_key(each)
        key = record.at[0]
        lists = self._key_lists(key)
        values = [offset for value in record.values for offset in value.at]
        value_list = [record.at[2]] if record.values else []
        class_name = [record.at[1]] if record.class_name else []
        self._release(record.at[4])
        for offset in (*lists, *values, *value_list, *class_name, key):
            self._free(offset)

    def _release(self, security: int) -> None:
        """Count one reference less to a security item; without any it leaves the ring."""
        at = self.cells.cell(security, SK.size)
        _, _, after, before, count, _ = SK.unpack_from(self.cells.data, at)
        if count > 1:
            self.cells.number(at + 12, count - 1)
            return
        if self.cells.keys_with(SECURITY, security) > 1:
            return  # its count is wrong: other keys have it too
        if security in (after, before):
            raise UnsafeError("it has the only security item of the hive")
        self.cells.number(self.cells.cell(before, SK.size) + 4, after)
        self.cells.number(self.cells.cell(after, SK.size) + 8, before)
        self.cells.free(security)

    def _unlist(self, parent: int, key: int) -> None:
        leaf, place = next((leaf, place) for leaf, each, place in self.rows(parent) if each == key)
        at, count = self.list_at(leaf)
        step = LEAF[bytes(self.cells.data[at : at + 2])]
        top = self.field(parent, KEY_LIST)
        self.sole(leaf, top)
        if count > 1:
            self._shift(at, count, place, step)
        elif leaf == top:
            self._free(leaf)
            self.cells.number(self.place(parent) + KEY_LIST, NOWHERE)
        else:
            above, lists = self.list_at(top)
            self._shift(above, lists, above + 4 + 4 * self.lists(parent).index(leaf), 4)
            self._free(leaf)
            if lists == 1:
                self._free(top)
                self.cells.number(self.place(parent) + KEY_LIST, NOWHERE)
        self.cells.number(self.place(parent) + KEYS, self.field(parent, KEYS) - 1)

    def _shift(self, at: int, count: int, place: int, step: int) -> None:
        """Take one element out of a list."""
        self.cells.write(place, bytes(self.cells.data[place + step : at + 4 + step * count]))
        self.cells.number(at + 2, count - 1, "<H")

    def put_key(self, parent: int, record: KeyRecord) -> int:
        """Add a key with everything below it; return it. UnsafeError where one of its name is there."""
        if self.subkey(parent, record.name) is not None:
            raise UnsafeError(f"{record.name} is there already")
        key = self._make(parent, record)
        self._enlist(parent, key, record.at[6])
        self._at_least(parent, LONGEST_NAME, len(record.name.encode("utf-16-le", "surrogatepass")))
        self._at_least(parent, LONGEST_CLASS, len(record.class_name))
        return key

    def _make(self, parent: int, record: KeyRecord) -> int:
        cell = bytearray(record.cell)
        class_name = self.cells.allocate(record.class_name, record.at[1]) if record.class_name else record.at[1]
        cell[PARENT : PARENT + 8] = pack("<II", parent, 0)
        cell[KEY_LIST : KEY_LIST + 4] = pack("<I", NOWHERE)
        cell[VALUES : VALUES + 16] = pack("<IIII", 0, NOWHERE, self._secure(record), class_name)
        key = self.cells.allocate(bytes(cell), record.at[0])
        self._relist(key, [self._make_value(value) for value in record.values], record.at[2])
        self._list_keys(key, [self._make(key, each) for each in record.keys], record.at[3])
        return key

    def _make_value(self, record: ValueRecord) -> int:
        size, data = self._store(record.data, record.at[1:])
        cell = bytearray(record.cell)
        cell[4:12] = pack("<II", size, data)
        return self.cells.allocate(bytes(cell), *record.at[:1])

    def _list_keys(self, parent: int, keys: Sequence[int], hint: int) -> None:
        """Write the lists of the subkeys of a new key: one, or a list of lists where one is full."""
        kind = self._kind()
        elements = [_element(kind, key, self.name(key)) for key in keys]
        pieces = [elements[i : i + _FULL] for i in range(0, len(elements), _FULL)]
        hints = [hint] if len(pieces) == 1 else [NOWHERE] * len(pieces)
        lists = [self.cells.allocate(pack("<2sH", kind, len(p)) + b"".join(p), h) for p, h in zip(pieces, hints, strict=True)]
        if len(lists) > 1:
            lists = [self.cells.allocate(pack("<2sH", b"ri", len(lists)) + b"".join(map(OFFSET.pack, lists)), hint)]
        for top in lists:
            self.cells.number(self.place(parent) + KEY_LIST, top)
        self.cells.number(self.place(parent) + KEYS, len(keys))

    def _kind(self) -> bytes:
        """Return the kind of a new list of subkeys, by the version of the hive."""
        return b"lh" if self.cells.minor > 4 else b"lf" if self.cells.minor > 2 else b"li"

    def _secure(self, record: KeyRecord) -> int:
        """Return the security item with this descriptor, which counts one reference more; a new one where the hive has none."""
        first = self.field(self.root, SECURITY)
        offset, ring = first, list[int]()
        while offset not in ring[:1]:
            ring.append(offset)
            if self.security(offset)[1] == record.security:
                at = self.cells.cell(offset)
                self.cells.number(at + 12, unpack_from("<I", self.cells.data, at + 12)[0] + 1)
                return offset
            offset = unpack_from("<I", self.cells.data, self.cells.cell(offset) + 4)[0]
            if len(ring) > len(self.cells.data) // 32:
                raise UnsafeError("the security items of the hive form no ring")
        before = record.at[5] if record.at[5] in ring else first
        after = unpack_from("<I", self.cells.data, self.cells.cell(before) + 4)[0]
        item = SK.pack(b"sk", 0, after, before, 1, len(record.security)) + record.security
        made = self.cells.allocate(item, record.at[4], spared=(2, 4))
        self.cells.number(self.cells.cell(before) + 4, made)
        self.cells.number(self.cells.cell(after) + 8, made)
        return made

    def _enlist(self, parent: int, key: int, hint: int) -> None:
        """Put a key into the lists of its parent, in their order."""
        name = self.name(key)
        rows = self.rows(parent)
        if not rows:
            self._list_keys(parent, [key], hint)
            return
        place = next((i for i, (_, each, _) in enumerate(rows) if upper(self.name(each)) > upper(name)), len(rows))
        near = [rows[i][0] for i in (place - 1, place) if 0 <= i < len(rows)]
        leaf = next((each for each in near if each == hint), next((each for each in near if self.list_at(each)[1] < _FULL), near[0]))
        self._insert(parent, leaf, key, len([1 for row in rows[:place] if row[0] == leaf]))
        self.cells.number(self.place(parent) + KEYS, len(rows) + 1)

    def _insert(self, parent: int, leaf: int, key: int, index: int) -> None:
        at, count = self.list_at(leaf)
        signature = bytes(self.cells.data[at : at + 2])
        step = LEAF[signature]
        raw = bytes(self.cells.data[at + 4 : at + 4 + step * count])
        raw = raw[: step * index] + _element(signature, key, self.name(key)) + raw[step * index :]
        new = pack("<2sH", signature, count + 1) + raw
        self.sole(leaf)
        if len(new) <= self.cells.room(leaf):
            self.cells.write(at, new)
            return
        self._free(leaf)
        moved, top = self.cells.allocate(new), self.field(parent, KEY_LIST)
        if leaf == top:
            self.cells.number(self.place(parent) + KEY_LIST, moved)
        else:
            above, _ = self.list_at(top)
            self.cells.number(above + 4 + 4 * self.lists(parent).index(leaf), moved)

    def done(self, sequence: int, ticks: int) -> bytes:
        """Return the new file, clean: both sequence numbers, time of the last write (100 ns since 1601 UTC), size, checksum."""
        return self.cells.seal(sequence, ticks)


def _element(signature: bytes, key: int, name: str) -> bytes:
    """Return an element of a list of subkeys: offset, and a hash (lh) or the first four characters (lf) of the name."""
    if signature == b"li":
        return pack("<I", key)
    if signature == b"lf":
        return pack("<I", key) + bytes(ord(c) if ord(c) < 0x100 else 0 for c in name[:4]).ljust(4, b"\0")
    value = 0
    for c in upper(name):
        value = (value * 37 + ord(c)) & 0xFFFFFFFF
    return pack("<II", key, value)
