"""Who else may write a file of Windows, by its descriptor. Source: [MS-DTYP] 2.4.3 to 2.4.6."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from struct import unpack_from

from hunter.host.windows import handles
from hunter.host.windows.files import TRUSTED, caller
from hunter.host.windows.native import descriptor, owner
from scout.formats.regf.data import sid

_SWAPS = 0x40 | 0x10000 | 0x40000 | 0x80000 | 0x10000000
"""delete an entry, delete, write the descriptor, take ownership, everything"""
_WRITES = _SWAPS | 0x2 | 0x4 | 0x40000000
"""write or add a file, append or add a folder, write"""
_ALLOW, _INHERIT_ONLY = 0, 0x8
_OF_ITSELF = {"S-1-3-0", "S-1-3-4"}
"""who creates something, who owns it"""


def other_writer(path: Path, *, swap_only: bool) -> str:
    """Return the SID of who may write a file or folder beside administrators and the caller, '' for nobody.

    `swap_only`: of a folder above, only that its entries can be exchanged counts. OSError where the descriptor cannot be read.
    """
    with handles.opened(f"\\\\?\\{path}", handles.CONTROL) as handle:
        raw = descriptor(handle)
    known = {*TRUSTED, caller(), *_OF_ITSELF}
    holder = sid(owner(raw))
    if holder not in known:
        return holder
    mask = _SWAPS if swap_only else _WRITES
    return next((who for who, rights in _allowed(raw) if rights & mask and who not in known), "")


def _allowed(raw: bytes) -> Iterator[tuple[str, int]]:
    """Yield (SID, rights) of each entry that allows something; without a list, everybody may do everything."""
    start = int.from_bytes(raw[16:20], "little")
    if not start:
        yield "S-1-1-0", 0x10000000
        return
    (count,) = unpack_from("<H", raw, start + 4)
    at = start + 8
    for _ in range(count):
        kind, flags, size, rights = unpack_from("<BBHI", raw, at)
        if kind == _ALLOW and not flags & _INHERIT_ONLY:
            yield sid(raw[at + 8 : at + size]), rights
        at += size
