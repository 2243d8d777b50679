"""Hardware resources that a device uses: data of REG_RESOURCE_LIST and REG_FULL_RESOURCE_DESCRIPTOR.

Source: CM_RESOURCE_LIST, CM_FULL_RESOURCE_DESCRIPTOR, CM_PARTIAL_RESOURCE_DESCRIPTOR, Windows Driver Kit (wdm.h). A partial
descriptor has 16 bytes on 32-bit Windows and 20 on 64-bit Windows, where the affinity of an interrupt has 64 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

_COUNT = Struct("<I")
_FULL = Struct("<iIHHI")  # interface type, bus, version, revision, number of partial descriptors
_HEAD = Struct("<BBH")  # type, share disposition, flags
_RANGE = Struct("<QI")  # start, length
_PAIR = Struct("<II")
_PORT, _INTERRUPT, _MEMORY, _DMA, _DEVICE, _BUS, _LARGE = 1, 2, 3, 4, 5, 6, 7
_SIZES = (20, 16)
MOST = 4096
"""resources of one value"""


def resources(kind: int, raw: bytes) -> list[str]:
    """Return the resources in data of type number 8 or 9, one text each (`bus 0: port 0x3f8-0x3ff`); [] where the data has another form."""
    for size in _SIZES:
        try:
            return list(_listed(raw, size, single=kind == 9))
        except ValueError:
            continue
    return []


def _listed(raw: bytes, size: int, *, single: bool) -> Iterator[str]:
    """Yield the resources. Raises ValueError where the descriptors of this size do not fill the data exactly."""
    at, lists = (0, 1) if single else (4, _unpack(_COUNT, raw, 0)[0])
    count = 0
    for _ in range(lists):
        _, bus, _, _, partial = _unpack(_FULL, raw, at)
        at += _FULL.size
        for _ in range(partial):
            kind, _, flags = _unpack(_HEAD, raw, at)
            if at + size > len(raw) or count >= MOST:
                raise ValueError
            text = _shown(kind, flags, raw[at + 4 : at + size])
            extra = _unpack(_COUNT, raw, at + 4)[0] if kind == _DEVICE else 0
            at += size + extra
            count += 1
            if text:
                yield f"bus {bus}: {text}"
    if at != len(raw):
        raise ValueError


def _unpack(form: Struct, raw: bytes, at: int) -> tuple[int, ...]:
    if at + form.size > len(raw):
        raise ValueError
    return form.unpack_from(raw, at)


def _shown(kind: int, flags: int, data: bytes) -> str:
    start, length = _RANGE.unpack_from(data)
    first, second = _PAIR.unpack_from(data)
    if kind in (_PORT, _MEMORY):
        return f"{'port' if kind == _PORT else 'memory'} {start:#x}-{start + max(length, 1) - 1:#x}"
    if kind == _LARGE:
        unit = next((shift for bit, shift in ((0x200, 8), (0x400, 16), (0x800, 32)) if flags & bit), 0)
        return f"memory {start:#x}-{start + max(length << unit, 1) - 1:#x}"
    if kind == _INTERRUPT:
        return f"interrupt level {first}, vector {second}, affinity {int.from_bytes(data[8:], 'little'):#x}"
    if kind == _DMA:
        return f"DMA channel {first}, port {second}"
    if kind == _BUS:
        return f"bus numbers {first}-{first + max(second, 1) - 1}"
    return f"data of the device, {first} bytes" if kind == _DEVICE else f"resource of type {kind}" if kind else ""
