"""A whole repository: its namespaces, the classes of each, and their instances."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from hashlib import blake2b
from typing import NamedTuple

from commodore.readers.wmi import index
from commodore.readers.wmi.classes import ClassDefinition, ClassLayout, layout, read_class
from commodore.readers.wmi.index import Pointer, name_hash
from commodore.readers.wmi.instances import ClassInstance, class_hash, read_instance
from commodore.readers.wmi.mapping import PageMap
from commodore.readers.wmi.pages import ObjectStore, PagedFile, WmiFormatError, slots
from commodore.record import Problem

SYSTEM = name_hash("__SystemClass")
"""The namespace of the classes that every namespace has"""
NAMESPACE_CLASS = name_hash("__NAMESPACE")
_KEPT = 200_000
"""properties of all layouts that stay in memory"""
_KEPT_BYTES = 32 << 20
"""bytes of class definitions that stay in memory"""
_LONGEST_NAMESPACE = 1024
"""characters of the path of a namespace; WMI has no longer paths"""
_MOST_SALVAGED = 20_000
_DEEPEST = 64
"""classes above a class, and namespaces above a namespace"""
BROKEN = (WmiFormatError, struct.error, UnicodeError)
"""what reading an object may raise"""


class InstancePlace(NamedTuple):
    """An instance as the index names it: namespace, class (hashes) and record."""

    namespace: str
    class_hash: str
    pointer: Pointer


class WmiRepository:
    """The objects that the index names. `problems`: what of the index could not be read.

    Without index or mapping there are no objects, and class definitions are those of all tables of pages (`salvage`).
    """

    def __init__(self, objects: PagedFile, tree: PagedFile | None, page_map: PageMap | None) -> None:
        pages = page_map.objects.pages if page_map else array("I", range(objects.count))
        self.store = ObjectStore(objects, pages)
        self.logical = {physical: logical for logical, physical in enumerate(pages) if physical < objects.count} if page_map else {}
        """physical page → logical page"""
        self.salvaged: dict[str, ClassDefinition] = {}
        self.problems: list[Problem] = []
        self.classes: dict[str, dict[str, Pointer]] = {}
        self.instances: list[InstancePlace] = []
        self.live: set[tuple[int, int]] = set()
        """(logical page, id) of every record that the index names"""
        self.begins: set[int] = set()
        """offsets in the file at which records begin that were read"""
        for key in index.walk(tree, page_map.index.pages, page_map.index.root) if tree and page_map else ():
            self._add(key)
        self.contents: set[bytes] = set()
        """digests of the records that were read"""
        self._layouts: dict[tuple[str, str], ClassLayout] = {}
        self._definitions: dict[Pointer, ClassDefinition] = {}
        self._layout_room, self._definition_room = _KEPT, _KEPT_BYTES
        self.names = {name_hash("root"): "root", SYSTEM: "__SystemClass"}
        self._name_namespaces()

    def _add(self, key: index.IndexKey | Problem) -> None:
        if isinstance(key, Problem):
            self.problems.append(key)
            return
        if key.pointer is None:
            return
        self.live.add((key.pointer.page, key.pointer.id))
        kinds = tuple(part.split("_", 1)[0] for part in key.parts)
        hashes = [sys.intern(part.split("_", 1)[1]) for part in key.parts if "_" in part]
        if kinds == ("NS", "CD"):
            self.classes.setdefault(hashes[0], {})[hashes[1]] = key.pointer
        elif kinds == ("NS", "CI", "IL"):
            self.instances.append(InstancePlace(hashes[0], hashes[1], key.pointer))

    def salvage(self) -> None:
        """Take class definitions from the tables of all pages, for a repository without its index."""
        for number in range(self.store.file.count):
            page = self.store.file.page(number)
            for slot in slots(page):
                try:
                    found = read_class(self.store.content(page, slot, number))
                except BROKEN:
                    continue
                if found.name and found.name.isprintable() and len(self.salvaged) < _MOST_SALVAGED:
                    self.salvaged[name_hash(found.name)] = found

    def _name_namespaces(self) -> None:
        """Find the names of namespaces: each is an instance in the namespace above it."""
        below: dict[str, list[InstancePlace]] = {}
        for place in self.instances:
            if place.class_hash == NAMESPACE_CLASS:
                below.setdefault(place.namespace, []).append(place)
        todo = [(name_hash("root"), "root", 0)]
        while todo:
            above, name, depth = todo.pop()
            for place in below.get(above, ()):
                try:
                    child = f"{name}\\{self.instance(place).text('Name')}"
                except BROKEN:
                    continue  # reported where the instance itself is read
                known = name_hash(child)
                if known not in self.names and depth < _DEEPEST and len(child) <= _LONGEST_NAMESPACE:
                    self.names[known] = child
                    todo.append((known, child, depth + 1))

    def namespace(self, hashed: str) -> str:
        """Return the name of a namespace, or `?` and the beginning of its hash."""
        return self.names.get(hashed) or f"?{hashed[:16]}"

    def record(self, pointer: Pointer) -> bytes:
        """Return the bytes of a record that the index names. Raises WmiFormatError."""
        data, begins = self.store.record(*pointer)
        if begins not in self.begins:
            self.begins.add(begins)
            self.contents.add(digest(data))
        return data

    def definition(self, namespace: str, hashed: str) -> ClassDefinition:
        """Return a class of a namespace, or of those that every namespace has. Raises WmiFormatError where there is none."""
        for known in (namespace, SYSTEM):
            if (pointer := self.classes.get(known, {}).get(hashed)) is not None:
                return self._definition_at(pointer)
        if (found := self.salvaged.get(hashed)) is not None:
            return found
        raise WmiFormatError(f"its class {hashed[:16]}… is not in the index")

    def _definition_at(self, pointer: Pointer) -> ClassDefinition:
        if (kept := self._definitions.get(pointer)) is not None:
            return kept
        data = self.record(pointer)
        self._definition_room -= 4 * len(data) + 1024
        if self._definition_room < 0:
            self._definitions.clear()
            self._definition_room = _KEPT_BYTES
        made = self._definitions[pointer] = read_class(data)
        return made

    def layout(self, namespace: str, hashed: str) -> ClassLayout:
        """Return a class with all that it inherits. Raises WmiFormatError."""
        todo: list[tuple[str, ClassDefinition]] = []
        seen: set[str] = set()
        made = None
        while hashed and (made := self._layouts.get((namespace, hashed))) is None:
            if hashed in seen or len(todo) > _DEEPEST:
                raise WmiFormatError("its superclasses lead back to it, or are too many")
            seen.add(hashed)
            todo.append((hashed, self.definition(namespace, hashed)))
            hashed = name_hash(todo[-1][1].superclass) if todo[-1][1].superclass else ""
        for hashed, definition in reversed(todo):
            made = layout(definition, made)
            self._layout_room -= len(made.properties) + 16
            if self._layout_room < 0:
                self._layouts.clear()
                self._layout_room = _KEPT
            self._layouts[namespace, hashed] = made
        if made is None:
            raise WmiFormatError("it has no class")
        return made

    def instance(self, place: InstancePlace) -> ClassInstance:
        """Return an instance. Raises what is in `BROKEN`."""
        data = self.record(place.pointer)
        if class_hash(data) != place.class_hash:
            raise WmiFormatError("it is of another class than the index says")
        return read_instance(data, self.layout(place.namespace, place.class_hash))

    def each_class(self) -> Iterator[tuple[str, str, Pointer]]:
        """Yield (namespace, class, record) of every class, in the order of the index."""
        for namespace, classes in self.classes.items():
            for hashed, pointer in classes.items():
                yield namespace, hashed, pointer


def digest(data: bytes) -> bytes:
    """Return what two records have in common only where their bytes are the same."""
    return blake2b(data, digest_size=16).digest()
