"""Class definitions, and the layout that a class gives its instances."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from commodore.readers.wmi.pages import WmiFormatError
from commodore.readers.wmi.values import CimType, Heap, Value, cim_type

MOST_PROPERTIES = 4096
_MARK = 0x80000000
_KEY = "key"


@dataclass(frozen=True, slots=True)
class ClassProperty:
    """A property. `index`: its bits in the table of states; `at`: offset of its value in the table of values."""

    name: str
    type: CimType
    index: int
    at: int
    key: bool


@dataclass(frozen=True, slots=True)
class ClassDefinition:
    """One class as its own record defines it: inherited properties are only there where it overrides them.

    time        FILETIME of the definition
    defaults    table of states and values, which needs the layout to be read
    """

    name: str
    superclass: str
    time: int
    properties: tuple[ClassProperty, ...]
    qualifiers: Mapping[str, Value]
    defaults: bytes
    heap: bytes


@dataclass(frozen=True, slots=True)
class ClassLayout:
    """A class with all that it inherits. `properties` by index; `chain`: the class, its superclass, and so on."""

    name: str
    chain: tuple[str, ...]
    properties: tuple[ClassProperty, ...]
    states: int
    """bytes of the table of states: two bits for each property"""
    values: int
    """bytes of the table of values"""
    defaults: Mapping[str, Value]
    own: Mapping[str, Value]
    """the defaults that the class itself gives, not one above it"""
    key_names: tuple[str, ...]


class Reader:
    """Read fields one behind the other. Raises WmiFormatError where the bytes end."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        if size < 0 or self.at + size > len(self.data):
            raise WmiFormatError(f"it ends at {len(self.data)}, before {size} bytes at {self.at}")
        self.at += size
        return self.data[self.at - size : self.at]

    def u32(self) -> int:
        """Return the next 32 bits."""
        return int.from_bytes(self.take(4), "little")

    def u64(self) -> int:
        """Return the next 64 bits."""
        return int.from_bytes(self.take(8), "little")

    def block(self) -> bytes:
        """Return the next block, whose size includes the four bytes of the size."""
        return self.take(self.u32() - 4)

    def heap(self) -> bytes:
        """Return the next heap, whose length has its highest bit set."""
        length = self.u32()
        if not length & _MARK:
            raise WmiFormatError(f"there is no heap at {self.at - 4}")
        return self.take(length & ~_MARK)


def read_class(data: bytes) -> ClassDefinition:
    """Return the class definition in a record. Raises WmiFormatError."""
    outer = Reader(data)
    superclass = outer.take(2 * min(outer.u32(), 1 << 20)).decode("utf-16-le", "surrogatepass")
    time = outer.u64()
    part = Reader(outer.block())
    part.take(1)
    name, defaults = part.u32(), part.u32()
    part.block()  # the classes from which it is derived
    qualifiers, count = part.block(), part.u32()
    if count > MOST_PROPERTIES:
        raise WmiFormatError(f"it has {count} properties, more than {MOST_PROPERTIES}")
    places = struct.unpack(f"<{2 * count}I", part.take(8 * count))
    table, raw = part.take(defaults), part.heap()
    heap = Heap(raw)
    left = len(raw)  # properties share texts, but not their qualifiers
    found = []
    for name_at, at in zip(places[::2], places[1::2], strict=True):
        one, size = _property(raw, heap, name_at, at)
        found.append(one)
        left -= size
        if left < 0:
            raise WmiFormatError("its properties have the same qualifiers so often that they are not read further")
    return ClassDefinition(heap.name(name), superclass, time, tuple(found), dict(_qualifiers(qualifiers, heap)), table, raw)


def _property(raw: bytes, heap: Heap, name: int, at: int) -> tuple[ClassProperty, int]:
    """Return a property, and the bytes of its qualifiers."""
    reader = Reader(raw, at)
    kind = cim_type(reader.u32())
    index = int.from_bytes(reader.take(2), "little")
    offset, _ = reader.u32(), reader.u32()
    block = reader.block()
    named = dict(_qualifiers(block, heap))
    if index >= MOST_PROPERTIES or offset >= 16 * MOST_PROPERTIES:
        raise WmiFormatError(f"a property has the index {index} and the offset {offset}")
    return ClassProperty(heap.name(name), kind, index, offset, bool(named.get(_KEY))), len(block)


def _qualifiers(block: bytes, heap: Heap) -> Iterable[tuple[str, Value]]:
    """Yield (name in lower case, value) of the qualifiers in a block."""
    reader = Reader(block)
    while reader.at < len(block):
        name = heap.name(reader.u32()).lower()
        reader.take(1)
        kind = cim_type(reader.u32())
        yield name, heap.value(kind, reader.take(kind.width))


def layout(definition: ClassDefinition, above: ClassLayout | None) -> ClassLayout:
    """Return the layout of a class. `above`: that of its superclass."""
    merged = {one.index: one for one in above.properties} if above else {}
    for one in definition.properties:
        known = merged.get(one.index)
        merged[one.index] = replace(one, key=one.key or known.key) if known else one
    values = max((one.at + one.type.width for one in merged.values()), default=0)
    states = (2 * (max(merged, default=-1) + 1) + 7) // 8
    own = _defaults(definition, merged, states)
    properties = tuple(merged[index] for index in sorted(merged))
    keys = tuple(sorted((one.name for one in properties if one.key), key=str.lower))
    chain = (definition.name, *(above.chain if above else ()))
    return ClassLayout(definition.name, chain, properties, states, values, {**(above.defaults if above else {}), **own}, own, keys)


def _defaults(definition: ClassDefinition, properties: Mapping[int, ClassProperty], states: int) -> dict[str, Value]:
    """Return the values that a class itself gives to its properties; `properties` with those that it inherits."""
    table, heap, found = definition.defaults, Heap(definition.heap), {}
    for index, one in properties.items():
        at = states + one.at
        if at + one.type.width <= len(table) and state(table, index) == 0:
            found[one.name] = heap.value(one.type, table[at : at + one.type.width])
    return found


def state(table: bytes, index: int) -> int:
    """Return the two bits of a property: 1 has no value, 2 has the value of the class."""
    return table[index // 4] >> (2 * (index % 4)) & 3
