"""CIM values: types, the heap of an object, and values as text."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from commodore.readers.wmi.pages import WmiFormatError

ARRAY = 0x2000
_NUMBERS = {2: "h", 3: "i", 4: "f", 5: "d", 11: "h", 16: "b", 17: "B", 18: "H", 19: "I", 20: "q", 21: "Q", 103: "H"}
_TEXTS = (8, 101, 102)
"""string, datetime, reference"""
_OBJECT = 13
# fmt: off
_NAMES = {
    2: "sint16", 3: "sint32", 4: "real32", 5: "real64", 8: "string", 11: "boolean", 13: "object", 16: "sint8", 17: "uint8", 18: "uint16",
    19: "uint32", 20: "sint64", 21: "uint64", 101: "datetime", 102: "ref", 103: "char16",
}
_DICTIONARY = {1: "key", 3: "read", 4: "write", 5: "volatile", 6: "provider", 7: "dynamic", 8: "cimwin32", 9: "DWORD", 10: "CIMTYPE"}
# fmt: on
LONGEST_VALUE = 1 << 20
"""bytes of one value that are read; more is cut, and the text says so"""
_MOST_ITEMS = 4096
_SHOWN_BYTES = 32 << 10

Value = str | int | float | bool | bytes | list["str | int | float | bool | bytes | None"] | None


class CimType(NamedTuple):
    """A CIM type: number without flags, and whether it is an array."""

    number: int
    array: bool

    @property
    def name(self) -> str:
        """Return the name as in MOF: `string`, `uint8[]`."""
        return _NAMES.get(self.number, f"type {self.number}") + ("[]" if self.array else "")

    @property
    def width(self) -> int:
        """Return the bytes of a value in the table of values: 4 (an offset in the heap) for what has no fixed size."""
        code = None if self.array else _NUMBERS.get(self.number)
        return struct.calcsize("<" + code) if code else 4


def cim_type(raw: int) -> CimType:
    """Return the type of a 32-bit field. Raises WmiFormatError for an unknown one."""
    number = raw & 0xFFF
    if number not in _NAMES:
        raise WmiFormatError(f"the CIM type 0x{raw:x} is unknown")
    return CimType(number, bool(raw & ARRAY))


class Heap:
    """Texts, arrays and objects that a table of values refers to. `data` begins behind the length of the heap."""

    def __init__(self, data: bytes) -> None:
        self._data, self._left = data, LONGEST_VALUE + 8 * len(data)

    def name(self, reference: int) -> str:
        """Return a name: of the dictionary where the highest bit is set, else of the heap."""
        if reference & 0x80000000:
            return _DICTIONARY.get(reference & 0x7FFFFFFF, f"#{reference & 0x7FFFFFFF}")
        return self.text(reference)

    def text(self, at: int) -> str:
        """Return a text: a byte of flags (0: one byte a character, 1: UTF-16), then the text up to its NUL."""
        if at >= len(self._data):
            raise WmiFormatError(f"a text is at {at} of a heap of {len(self._data)} bytes")
        if self._data[at] == 0:
            end = self._data.find(b"\0", at + 1, at + 1 + LONGEST_VALUE)
            end = min(len(self._data), at + 1 + LONGEST_VALUE) if end < 0 else end
            raw, coding = self._data[at + 1 : end], "latin-1"
        else:
            raw, coding = self._data[at + 1 : at + 1 + LONGEST_VALUE], "utf-16-le"
            raw = raw[: next(_zeros(raw), len(raw) & ~1)]
        self._left -= len(raw)
        if self._left < 0:
            raise WmiFormatError("its texts are used so often that they are not read further")
        return raw.decode(coding, "surrogatepass")

    def value(self, kind: CimType, raw: bytes) -> Value:
        """Return the value whose field in the table is `raw`."""
        if not kind.array:
            return self._scalar(kind.number, raw)
        (at,) = struct.unpack_from("<I", raw)
        return self._items(kind.number, at)

    def _scalar(self, number: int, raw: bytes) -> str | int | float | bool | bytes | None:
        if code := _NUMBERS.get(number):
            (value,) = struct.unpack_from("<" + code, raw)
            return bool(value) if number == 11 else chr(value) if number == 103 else value
        (at,) = struct.unpack_from("<I", raw)
        if number in _TEXTS:
            return self.text(at)
        size = struct.unpack_from("<I", self._data, at)[0] if at + 4 <= len(self._data) else 0
        return self._data[at + 4 : at + 4 + min(size, LONGEST_VALUE)]

    def _items(self, number: int, at: int) -> Value:
        if at + 4 > len(self._data):
            raise WmiFormatError(f"an array is at {at} of a heap of {len(self._data)} bytes")
        (count,) = struct.unpack_from("<I", self._data, at)
        if number == 17:
            return self._data[at + 4 : at + 4 + min(count, LONGEST_VALUE)]
        width = CimType(number, array=False).width
        if count * width > len(self._data) - at - 4:
            raise WmiFormatError(f"an array of {count} elements is longer than its heap")
        kept = min(count, _MOST_ITEMS)
        items = [self._scalar(number, self._data[one : one + width]) for one in range(at + 4, at + 4 + kept * width, width)]
        return [*items, f"… {count - kept} more"] if count > kept else list(items)


def as_text(value: Value) -> str:
    """Return a value as a person reads it; bytes as hexadecimal digits."""
    if isinstance(value, bytes):
        return value[:_SHOWN_BYTES].hex() + (f"… ({len(value)} bytes)" if len(value) > _SHOWN_BYTES else "")
    if isinstance(value, list):
        return ", ".join(as_text(item) for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _zeros(raw: bytes) -> Iterator[int]:
    """Yield the even offsets at which there are two zero bytes."""
    at = raw.find(b"\0\0")
    while at >= 0:
        if at % 2 == 0:
            yield at
        at = raw.find(b"\0\0", at + 1)
