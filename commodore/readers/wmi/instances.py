"""Instances: the values of an object, and its path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from commodore.readers.wmi.classes import ClassLayout, Reader, state
from commodore.readers.wmi.pages import WmiFormatError
from commodore.readers.wmi.values import Heap, Value, as_text

HASH_BYTES = 128
"""the hash of the class as 64 characters of UTF-16, with which an instance begins"""
_MOST_QUALIFIED = 4096


@dataclass(frozen=True, slots=True)
class ClassInstance:
    """One instance. `time`: FILETIME at which it was written; `length`: bytes of its record that belong to it."""

    layout: ClassLayout
    time: int
    values: Mapping[str, Value]
    length: int

    def text(self, name: str) -> str:
        """Return a property as text, '' where it has no value; the name is compared without case."""
        low = name.lower()
        return next((as_text(value) for known, value in self.values.items() if known.lower() == low), "")

    @property
    def path(self) -> str:
        """Return the path without the namespace, as WMI writes it: `__EventFilter.Name="a"`, `__SystemSecurity=@`."""
        keys = self.layout.key_names
        if not keys:
            return f"{self.layout.name}=@"
        return f"{self.layout.name}." + ",".join(f"{name}={_quoted(self.values.get(name))}" for name in keys)


def class_hash(data: bytes) -> str:
    """Return the hash of the class of which a record is an instance. Raises WmiFormatError."""
    try:
        return data[:HASH_BYTES].decode("utf-16-le")
    except UnicodeDecodeError as e:
        raise WmiFormatError("it does not begin with the hash of a class") from e


def read_instance(data: bytes, layout: ClassLayout) -> ClassInstance:
    """Return the instance in a record. Raises WmiFormatError."""
    outer = Reader(data, HASH_BYTES)
    time, _ = outer.u64(), outer.u64()
    part = Reader(outer.block())
    part.take(5)  # flags, and the name of the class
    states, table = part.take(layout.states), part.take(layout.values)
    part.block()  # qualifiers of the instance
    if part.take(1) == b"\x02":
        for _ in range(min(part.u32(), _MOST_QUALIFIED)):
            part.block()
    heap = Heap(part.heap())
    values: dict[str, Value] = {}
    for one in layout.properties:
        bits = state(states, one.index)
        if bits & 2:
            values[one.name] = layout.defaults.get(one.name)
        elif bits == 0:
            values[one.name] = heap.value(one.type, table[one.at : one.at + one.type.width])
    return ClassInstance(layout, time, values, outer.at)


def _quoted(value: Value) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return as_text(value)
