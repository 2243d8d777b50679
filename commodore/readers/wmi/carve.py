"""Objects that the index no longer names: in the tables of pages, in pages that are no longer in use, and in free space.

WMI writes a changed page to another place and deletes a record by its key in the index. So a deleted object may still be in the table of
its page (`deleted`), in an old copy of the page, or in free space (`carved`). Old copies of an object that is still there are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from commodore.readers.wmi import index
from commodore.readers.wmi.classes import ClassDefinition, read_class
from commodore.readers.wmi.instances import HASH_BYTES, ClassInstance, read_instance
from commodore.readers.wmi.pages import PAGE, ObjectStore, PagedFile, Slot, WmiFormatError, slots
from commodore.readers.wmi.repository import BROKEN, SYSTEM, WmiRepository, digest
from commodore.record import Problem

MOST = 20_000
"""objects that are carved from one repository"""
_FLOOR = 4_000_000
"""properties that are decoded for objects without a key, and one more for each byte of the file: what is read may overlap"""
_HASH = re.compile(rb"(?:[0-9A-F]\0){64}")
_ACROSS = 8
"""pages that an object may reach over in free space"""
_EARLIEST, _LATEST = 0x01B000000000000, 0x0280000000000000
"""FILETIME of 1992 and of 2114: a time outside is none"""


_DAMAGED = 8
"""digits of a hash that may be damaged"""
_LEAST_BLOCK = 16
"""bytes of the smallest block of a class or an object"""


class CarvedObject(NamedTuple):
    """An object without a key. `offset`: in `OBJECTS.DATA`; `namespace`: its hash where an old page of the index names it, else ''."""

    offset: int
    state: str
    namespace: str
    instance: ClassInstance | None
    definition: ClassDefinition | None


class _Unread:
    """Records in tables of pages that have the shape of a class or an object, and could not be read. `first`: offset of the first;
    `properties`: how many may still be decoded.

    What is in free space is promised by nothing: most of it is the beginning of something that was written over.
    """

    def __init__(self, properties: int) -> None:
        self.count, self.first, self.properties = 0, 0, properties

    def add(self, offset: int) -> None:
        self.first = self.first if self.count else offset
        self.count += 1

    def problems(self) -> Iterator[Problem]:
        if self.count:
            words = "1 class or object without a key was" if self.count == 1 else f"{self.count:,} classes and objects without a key were"
            why = "it is damaged, or the class of the object is not in the repository"
            yield Problem(f"{words} not read, the first at this offset: {why}", f"offset {self.first:#x}")


def carve(repository: WmiRepository, tree: PagedFile | None, pages: set[int]) -> Iterator[CarvedObject | Problem]:
    """Yield the objects without a key, by offset; last a problem that counts those that could not be read.

    `pages`: the pages of the index in use. Read all live records before.
    """
    found, unread = 0, _Unread(_FLOOR + repository.store.file.count * PAGE)
    old_keys = _old_keys(tree, pages) if tree else {}
    by_hash = _classes(repository)
    seen = set(repository.contents)
    for number in range(repository.store.file.count):
        for one, content in _of_page(repository, number, by_hash, old_keys, unread):
            if content in seen:
                continue
            seen.add(content)
            found += 1
            if found > MOST:
                yield Problem(f"more than {MOST:,} deleted objects: the rest was not read", f"offset {one.offset:#x}")
                yield from unread.problems()
                return
            yield one
        if unread.properties < 0:
            yield Problem("deleted objects overlap so much that those behind this offset were not read", f"offset {(number + 1) * PAGE:#x}")
            break
    yield from unread.problems()


def _of_page(
    repository: WmiRepository, number: int, by_hash: dict[str, str], old_keys: dict[int, str], unread: _Unread
) -> Iterator[tuple[CarvedObject, bytes]]:
    store = repository.store
    try:
        page = store.file.page(number)
    except WmiFormatError:
        return  # behind the end: the member is cut, which the engine reports
    logical = repository.logical.get(number)
    table: dict[int, Slot] = {}
    for slot in slots(page):
        offset = number * PAGE + slot.at
        table[offset] = slot
        if offset in repository.begins or (logical is not None and (logical, slot.id) in repository.live):
            continue
        data = _content(store, page, slot, logical)
        definition = _definition(data) if data else None
        if definition is not None and data:
            state = "carved" if logical is None else "deleted"
            yield CarvedObject(offset, state, old_keys.get(slot.id, ""), None, definition), digest(data)
        elif data and (_shaped_class(data) or (_shaped(data) and _near_hash(data))):
            unread.add(offset)
    behind = store.file.page(number + 1)[: HASH_BYTES - 2] if number + 1 < store.file.count else b""
    for match in _HASH.finditer(page + behind):
        offset = number * PAGE + match.start()
        if match.start() >= PAGE or offset in repository.begins:
            continue
        known = table.get(offset)
        namespace = by_hash.get(match[0].decode("utf-16-le"))
        raw = _content(store, page, known, logical) if known is not None else None
        raw = raw or (_from(store.file, number, match.start()) if namespace is not None else b"")
        instance = _instance(repository, namespace, raw, unread) if namespace is not None else None
        if instance is None:
            if known is not None and _shaped(raw):
                unread.add(offset)
            continue
        if not any(value is not None for value in instance.values.values()):
            continue
        listed = known is not None and logical is not None
        where = old_keys.get(known.id, "") if known is not None else ""
        yield CarvedObject(offset, "deleted" if listed else "carved", where, instance, None), digest(raw[: instance.length])


def _from(file: PagedFile, number: int, at: int) -> bytes:
    """Return the bytes from an offset of a page on, with the pages behind it."""
    last = min(number + _ACROSS, file.count)
    return b"".join((file.page(number)[at:], *(file.page(behind) for behind in range(number + 1, last))))


def _content(store: ObjectStore, page: bytes, slot: Slot, logical: int | None) -> bytes | None:
    if slot.at + slot.size <= PAGE:
        return page[slot.at : slot.at + slot.size]
    if logical is None:
        return None
    try:
        return store.content(page, slot, logical)
    except WmiFormatError:
        return None


def _instance(repository: WmiRepository, namespace: str, raw: bytes, unread: _Unread) -> ClassInstance | None:
    try:
        layout = repository.layout(namespace, raw[:HASH_BYTES].decode("utf-16-le"))
        unread.properties -= len(layout.properties)
        found = read_instance(raw, layout)
    except BROKEN:
        return None
    return found if _EARLIEST < found.time < _LATEST else None


def _definition(data: bytes) -> ClassDefinition | None:
    try:
        found = read_class(data)
    except BROKEN:
        return None
    return found if _EARLIEST < found.time < _LATEST and found.name.isprintable() and found.name else None


def _shaped(raw: bytes) -> bool:
    """Return whether a record has the shape of an object: behind the hash of its class two times, and a block that fits."""
    return _dated(raw, HASH_BYTES, 16)


def _near_hash(data: bytes) -> bool:
    """Return whether a record begins with the hash of a class of which some digits are damaged."""
    digits = sum(data[at] in b"0123456789ABCDEF" and not data[at + 1] for at in range(0, HASH_BYTES, 2))
    return HASH_BYTES // 2 - _DAMAGED <= digits < HASH_BYTES // 2


def _shaped_class(data: bytes) -> bool:
    """Return whether a record has the shape of a class: a name, a time, and a block that fits. Records of references have no such block."""
    return _dated(data, 4 + 2 * int.from_bytes(data[:4], "little"), 8)


def _dated(data: bytes, at: int, times: int) -> bool:
    """Return whether there is a time at an offset, and a block behind its times that ends within the record."""
    block = int.from_bytes(data[at + times : at + times + 4], "little")
    fits = _LEAST_BLOCK <= block <= len(data) - at - times
    return fits and _EARLIEST < int.from_bytes(data[at : at + 8], "little") < _LATEST


def _classes(repository: WmiRepository) -> dict[str, str]:
    """Return hash of a class → hash of a namespace that defines it, first those that every namespace has."""
    found = dict.fromkeys((*repository.classes.get(SYSTEM, {}), *repository.salvaged), SYSTEM)
    for namespace, hashed, _ in repository.each_class():
        found.setdefault(hashed, namespace)
    return found


def _old_keys(tree: PagedFile, used: set[int]) -> dict[int, str]:
    """Return id of a record → hash of its namespace, from pages of the index that are no longer in use."""
    found: dict[int, str] = {}
    for number in range(tree.count):
        if number in used:
            continue
        try:
            keys, _ = index.read_page(tree.page(number))
        except BROKEN:
            continue
        for key in keys:
            if key.pointer is not None and key.parts[0].startswith("NS_"):
                found[key.pointer.id] = key.parts[0][3:]
    return found
