"""Cells to which a hive refers more than once, as none does that Windows wrote: freeing one would take it from its other owner.

A value whose data is the cell of a key, or two keys with one list of values, are read without trouble; a removal would destroy the other.
Items of security are shared on purpose, and count their owners; nothing but a key has one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from struct import unpack_from

from hunter.hives.tree import CLASS, CLASS_LENGTH, KEY_LIST, KEYS, OFFSET, SECURITY, VALUE_LIST, VALUES, HiveKeys
from hunter.unsafe import UnsafeError
from scout.formats.regf.keys import NOWHERE, SEGMENT, VK


def shared_cells(hive: HiveKeys) -> frozenset[int]:
    """Return the offsets of the cells to which several places of the tree refer. What cannot be read refers to nothing."""
    once, twice, security, stack = {hive.root}, set[int](), set[int](), [hive.root]
    while stack:
        key = stack.pop()
        with suppress(UnsafeError):
            security.add(hive.field(key, SECURITY))
        for offset in _cells_of(hive, key):
            (twice if offset in once else once).add(offset)
        with suppress(UnsafeError):
            for below in _subkeys(hive, key):
                if below in once:
                    twice.add(below)
                else:
                    once.add(below)
                    stack.append(below)
    return frozenset(twice | once & security)


def _subkeys(hive: HiveKeys, key: int) -> list[int]:
    return [each for leaf in hive.lists(key) for _, each, _ in hive.elements(leaf)]


def _cells_of(hive: HiveKeys, key: int) -> Iterator[int]:
    """Yield the cells that belong to a key, without its subkeys: lists, class, and all of its values."""
    with suppress(UnsafeError):
        at = hive.place(key)
        if unpack_from("<H", hive.cells.data, at + CLASS_LENGTH)[0] and (offset := hive.field(key, CLASS)) != NOWHERE:
            yield offset
        if hive.field(key, KEYS):
            top = hive.field(key, KEY_LIST)
            yield top
            yield from (leaf for leaf in hive.lists(key) if leaf != top)
        if count := hive.field(key, VALUES):
            yield (listed := hive.field(key, VALUE_LIST))
            for (value,) in OFFSET.iter_unpack(hive.cells.content(listed, 4 * count)):
                yield value
                yield from _data_of(hive, value)


def _data_of(hive: HiveKeys, value: int) -> Iterator[int]:
    with suppress(UnsafeError):
        _, _, size, data, *_ = VK.unpack_from(hive.cells.data, hive.cells.cell(value, VK.size))
        if not size or size & 0x80000000:
            return
        yield data
        if size > SEGMENT and hive.cells.minor > 3:
            _, count, listed = unpack_from("<2sHI", hive.cells.content(data, 8))
            yield listed
            yield from (segment for (segment,) in OFFSET.iter_unpack(hive.cells.content(listed, 4 * count)))
