r"""Patterns of normalised key paths, indexed by component, so that one walk of a hive finds the keys of all of them.

    index = KeyPatterns(("Software\Microsoft\*\Run", "Software\Microsoft\Office\**"))
    index.search(mounted) → {"Software\Microsoft\*\Run": [FoundKey, …], …}

A key is visited once for all patterns that may have something at or below it, and its subkeys are listed once. So the cost grows with the
part of the hive that is named, not with the number of patterns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import translate
from functools import lru_cache
from typing import NamedTuple, Protocol

from scout.formats.regf import Hive, Key

DEEPEST = 32
"""levels of keys that `**` spans"""


_LINKED = re.compile(r"\\REGISTRY\\(?:MACHINE|USER)\\[^\\]+\\(.+)\Z", re.IGNORECASE | re.DOTALL)
"""Target of a link: the hive, and the path in it"""


class FoundKey(NamedTuple):
    """A key by its normalised path."""

    key: Key
    path: str
    """normalised, with the names as the hive has them"""
    wow64: bool = False
    """whether it is the copy for 32-bit programs"""
    control_set: int = 0
    """number of its control set; 0 outside control sets"""
    current: bool | None = None
    """whether it is in the control set that Select names; None where that is unknown, and outside control sets"""
    parent: Key | None = None
    """the key above; None for one at which normalised paths begin"""


class Views(Protocol):
    """A hive with the views in which normalised paths begin (`MountedHive`)."""

    hive: Hive

    def starts(self, top: str) -> Iterator[tuple[Key, tuple[str, ...], FoundKey]]: ...


class _Node:
    """One component of patterns. `ends`: the patterns that end here; `deep`: those that span everything from here on (`**`)."""

    __slots__ = ("deep", "ends", "globs", "literal")

    def __init__(self) -> None:
        self.literal: dict[str, _Node] = {}
        self.globs: dict[str, tuple[re.Pattern[str], _Node]] = {}
        self.ends: list[str] = []
        self.deep: list[str] = []

    def child(self, part: str) -> _Node:
        """Return the node of a component, made where it is missing."""
        if not any(c in part for c in "*?"):
            return self.literal.setdefault(part, _Node())
        if part not in self.globs:
            self.globs[part] = (re.compile(translate(part), re.DOTALL), _Node())
        return self.globs[part][1]

    def below(self, name: str) -> list[_Node]:
        """Return the nodes that a subkey fits; `name` in upper case."""
        found = [self.literal[name]] if name in self.literal else []
        return found + [node for pattern, node in self.globs.values() if pattern.fullmatch(name)]

    @property
    def open(self) -> bool:
        """Return whether something below this component is asked for."""
        return bool(self.literal or self.globs or self.deep)


class KeyPatterns:
    """The patterns of all artefacts that read a hive."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(dict.fromkeys(patterns))
        self._tops: dict[str, _Node] = {}
        for pattern in self.patterns:
            top, parts = _split(pattern)
            node = self._tops.setdefault(top, _Node())
            for part in parts:
                if part == "**":
                    node.deep.append(pattern)
                    break
                node = node.child(part.upper())
            else:
                node.ends.append(pattern)

    def search(self, mounted: Views) -> dict[str, list[FoundKey]]:
        """Return the keys of each pattern, in the order of the hive."""
        found: dict[str, list[FoundKey]] = {pattern: [] for pattern in self.patterns}
        for top, node in self._tops.items():
            for start, rest, place in mounted.starts(top):
                if nodes := _follow([node], rest):
                    _Walk(mounted, place, found).visit(start, place.path, nodes, [])
        return found


class _Walk:
    """The walk from one place at which normalised paths may begin."""

    def __init__(self, mounted: Views, place: FoundKey, found: dict[str, list[FoundKey]]) -> None:
        self._hive, self._place, self._found = mounted.hive, place, found
        self._met: set[tuple[int, tuple[int, ...]]] = set()

    def visit(self, key: Key, path: str, nodes: list[_Node], deep: list[str], parent: Key | None = None) -> None:
        """Note the key for the patterns that it fits, and visit the subkeys that some pattern may name. `deep`: patterns that take all."""
        deep = deep + [pattern for node in nodes for pattern in node.deep]
        mark = (key.offset, (*map(id, nodes), len(deep)))
        if mark in self._met:  # lists of keys in a circle
            return
        self._met.add(mark)
        here = self._place._replace(key=key, path=path, parent=parent)
        for pattern in (*(end for node in nodes for end in node.ends), *deep):
            self._found[pattern].append(here)
        if not deep and not any(node.open for node in nodes):
            return
        if path.count("\\") >= DEEPEST:
            self._hive.note(key.offset, "keys below this depth were not read")
            return
        for child in key.subkeys():
            name = child.name.upper()
            if (below := [found for node in nodes for found in node.below(name)]) or deep:
                place = f"{path}\\{child.name}" if path else child.name
                self.visit(child, place, below, deep, key)
                if (target := self._linked(child)) is not None:
                    self.visit(target, place, below, deep, key)

    def _linked(self, key: Key) -> Key | None:
        """Return the key of this hive that a symbolic link leads to. Links of the 32-bit view name keys that are read anyway."""
        found = _LINKED.match(key.link)
        target = self._hive.root
        if found is None or self._place.wow64 or "WOW6432NODE" in f"{found[1]}\\{key.name}".upper():
            return None
        for name in found[1].split("\\"):
            target = target.subkey(name) if target else None
        return target.seen_at(key.path) if target else None


def _split(pattern: str) -> tuple[str, list[str]]:
    r"""Return the view of the hive in which a pattern is looked for, and its components there. `System\CurrentControlSet` is a view."""
    first, *parts = pattern.split("\\")
    top = first.casefold()
    if top == "system" and parts[:1] and parts[0].casefold() == "currentcontrolset":
        return "system\\currentcontrolset", parts[1:]
    return (top, parts) if top in ("software", "system") else ("", [first, *parts])


def _follow(nodes: list[_Node], parts: tuple[str, ...]) -> list[_Node]:
    for part in parts:
        nodes = [below for node in nodes for below in node.below(part.upper())]
    return nodes


@lru_cache(maxsize=64)
def key_patterns(patterns: tuple[str, ...]) -> KeyPatterns:
    """Return the index of these patterns; each set of them is compiled once."""
    return KeyPatterns(patterns)
