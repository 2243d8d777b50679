"""All values of a key at once, as plain tuples: the quick way through a complete hive.

A cell that is as Windows writes it is read with one unpack. Any other one is read by `Value`, which checks and notes what is wrong.
"""

from __future__ import annotations

from struct import Struct

from scout.formats.regf.data import BASE_BLOCK
from scout.formats.regf.keys import SEGMENT, Key

_CELL = Struct("<i2sHIIIH")  # size, signature, length of the name, size of the data, offset of the data, type, flags
_SIZE = Struct("<i")
_NUMBER = Struct("<I")
_RESIDENT = 0x80000000
_FEW = 64
_LISTS = tuple(Struct(f"<{count}I") for count in range(_FEW + 1))
"""short lists of values, by their length"""


PlainValue = tuple[int, str, int, bytes, bool]
"""offset of its cell in the hive bins data, name, type number, data, and whether its cell or data came from a log"""


def plain_values(key: Key) -> list[PlainValue]:
    """Return the values of a key in the order of its list, each cell once. Damage is noted in the hive."""
    count, listed = key.values_listed
    if not count:
        return []
    hive = key.hive
    data = hive.data if isinstance(hive.data, bytes) and not hive.replayed else b""  # with a log, `Value` says what came from it
    end = hive.end if data else 0
    unpack, cell_size, spent = _CELL.unpack_from, _SIZE.unpack_from, 0
    start = BASE_BLOCK + listed
    offsets: tuple[int, ...]
    if count <= _FEW and not hive.exhausted and start + 4 + 4 * count <= end and cell_size(data, start)[0] + 4 + 4 * count <= 0:
        offsets = _LISTS[count].unpack_from(data, start + 4)
    else:
        offsets = key.value_offsets()
    if len(offsets) > 1 and len(set(offsets)) < len(offsets):
        offsets = tuple(dict.fromkeys(offsets))
    result: list[PlainValue] = []
    for offset in offsets:
        at = BASE_BLOCK + offset
        if at + 24 <= end:
            size, signature, length, amount, place, kind, flags = unpack(data, at)
            if signature == b"vk" and flags & 1 and 24 + length + size <= 0 and at - size <= end:
                raw: bytes | None = None
                if amount >= _RESIDENT:
                    raw = _NUMBER.pack(place)[: amount - _RESIDENT]
                elif not amount:
                    raw = b""
                elif amount <= SEGMENT:
                    start = BASE_BLOCK + place
                    if start + 4 + amount <= end and cell_size(data, start)[0] + 4 + amount <= 0:
                        raw = data[start + 4 : start + 4 + amount]
                        spent += amount
                if raw is not None:
                    result.append((offset, str(data[at + 24 : at + 24 + length], "latin-1"), kind, raw, False))
                    continue
        value = key.value_at(offset)
        if value is not None:
            result.append((offset, value.name, value.kind, value.raw, value.replayed))
        elif hive.exhausted:
            break
    hive.spend(2 * len(offsets), spent)
    return result
