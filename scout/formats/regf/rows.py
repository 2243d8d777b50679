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


PlainValue = tuple[int, str, int, bytes, bool]
"""offset of its cell in the hive bins data, name, type number, data, and whether its cell or data came from a log"""


def plain_values(key: Key) -> list[PlainValue]:
    """Return the values of a key in the order of its list, each cell once. Damage is noted in the hive."""
    hive = key.hive
    offsets = key.value_offsets()
    if len(offsets) > 1 and len(set(offsets)) < len(offsets):
        offsets = tuple(dict.fromkeys(offsets))
    data, end, logged = hive.data, hive.end, bool(hive.replayed)
    unpack, cell_size, result = _CELL.unpack_from, _SIZE.unpack_from, []
    spent = 0
    for offset in offsets:
        at = BASE_BLOCK + offset
        if at + 24 <= end:
            size, signature, length, amount, place, kind, flags = unpack(data, at)
            if signature == b"vk" and 24 + length + size <= 0 and at - size <= end:
                name = data[at + 24 : at + 24 + length]
                if amount >= _RESIDENT:
                    raw = _NUMBER.pack(place)[: amount - _RESIDENT]
                elif not amount:
                    raw = b""
                else:
                    start = BASE_BLOCK + place
                    if amount > SEGMENT or start + 4 + amount > end or cell_size(data, start)[0] + 4 + amount > 0:
                        raw = None
                    else:
                        raw = bytes(data[start + 4 : start + 4 + amount])
                        spent += amount
                if raw is not None and flags & 1 and not logged:
                    result.append((offset, name.decode("latin-1"), kind, raw, False))
                    continue
        value = key.value_at(offset)
        if value is not None:
            result.append((offset, value.name, value.kind, value.raw, value.replayed))
        elif hive.exhausted:
            break
    hive.spend(2 * len(offsets), spent)
    return result
