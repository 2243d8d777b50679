"""A second opinion on a hive, or a value of it, that the first reader refuses: `python-registry`, which is slower and written by others.

Its answers have the form of the first reader. It pads and empties data of up to four bytes, so those are taken from its cell.
Source of the program: W. Ballenthin, python-registry.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from scout.formats.regf.data import BASE_BLOCK, filetime
from scout.formats.regf.keys import LONGEST_NAME

NAME = "python-registry"
DEEPEST = 512
"""levels of keys"""
ASKED = 1000
"""values of one hive that the second reader is asked for"""


class SecondKey(NamedTuple):
    """A key as the second reader has it: path below the root, last write (RFC 3339 UTC, '' if none), offset, values."""

    path: str
    last_written: str
    offset: int
    values: tuple[tuple[int, str, int, bytes], ...]
    """(offset of the cell, name, type number, data)"""


def keys(data: bytes) -> Iterator[SecondKey | str]:
    """Yield the keys of a hive, parents first, each once; a text for each place at which the reader failed.

    Lists may name a cell again and again, so the elements of all lists, and the bytes of all values, are bounded by the size of the file.
    """
    from Registry import Registry

    try:
        root = Registry.Registry(io.BytesIO(data)).root()._nkrecord
    except Exception as e:  # it raises what it likes for hostile bytes
        yield f"{NAME}: {_words(e)}"
        return
    stack: list[tuple[Any, str, str, int]] = [(root, "", "", 0)]  # record, path of the key above, name, depth
    met: set[int] = set()
    left, room = len(data) // 4 + 100_000, 4 * len(data) + (1 << 20)
    while stack:
        record, above, name, depth = stack.pop()
        offset = _offset(record)
        if offset in met or depth > DEEPEST:
            continue
        met.add(offset)
        path = f"{above}\\{name}" if above else name
        if left <= 0 or room <= 0:
            yield f"{NAME}: reading stopped: the lists refer to more than the hive can hold"
            return
        children: list[tuple[Any, str]] = []
        try:
            if record.subkey_number():
                for child in islice(record.subkey_list().keys(), left):
                    left -= 1
                    children.append((child, child.name()[:LONGEST_NAME]))
        except Exception as e:  # as above
            yield f"{NAME}: subkeys of {path}: {_words(e)}"
            children = []
        values: list[tuple[int, str, int, bytes]] = []
        try:
            if record.values_number():
                for value in islice(record.values_list().values(), left):
                    values.append(_value(value))
                    left, room = left - 1, room - len(values[-1][3])
                    if room <= 0:
                        break
            yield SecondKey(path, filetime(record.unpack_qword(4)), offset, tuple(values))
        except Exception as e:  # as above
            yield f"{NAME}: values of {path}: {_words(e)}"
        stack += [(child, path, name, depth + 1) for child, name in reversed(children)]


class SecondHiveReader:
    """The second reader on one hive, opened when it is first asked. `left`: how often it may be asked."""

    def __init__(self, data: bytes | bytearray) -> None:
        self._data = data
        self._opened: Any = None
        self.left = ASKED

    def value(self, offset: int) -> tuple[int, str, int, bytes] | None:
        """Return (offset, name, type number, data) of the value whose cell is at `offset` of the hive bins data; None where it refuses
        too, and for a cell that has not even the signature of a value.
        """
        at = BASE_BLOCK + offset + 4
        if self._data[at : at + 2] != b"vk" or self.left <= 0:
            return None
        self.left -= 1
        try:
            return self._value(offset)
        except Exception:  # it raises what it likes for hostile bytes; the first reader has noted the cell
            return None

    def _value(self, offset: int) -> tuple[int, str, int, bytes]:
        from Registry import Registry, RegistryParse

        self._opened = self._opened or Registry.Registry(io.BytesIO(self._data))
        first = next(iter(self._opened._regf.hbins()))
        cell = RegistryParse.HBINCell(self._opened._buf, BASE_BLOCK + offset, first)
        return _value(RegistryParse.VKRecord(self._opened._buf, cell.data_offset(), cell))


def _value(cell: Any) -> tuple[int, str, int, bytes]:
    size = cell.unpack_dword(4)
    raw = cell.unpack_dword(8).to_bytes(4, "little")[: size & 7] if size >> 31 else cell.raw_data()
    return _offset(cell), cell.name() if cell.has_name() else "", cell.unpack_dword(12), bytes(raw)


def _offset(record: Any) -> int:
    return int(record.offset()) - 4 - BASE_BLOCK


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
