r"""The keys of a hive by normalised path, which does not depend on the file name: a renamed hive is read for what it has.

    Software\X                   `X` and `Wow6432Node\X` of a SOFTWARE hive, the same below `Software` of a user's hive
    Software\Classes\X           also the 32-bit copy below `Classes`, and `X` of a user's UsrClass.dat
    System\CurrentControlSet\X   `X` of every control set; `current` marks the one that Select names
    System\X                     `X` of a SYSTEM hive
    anything else                as it is in the hive: `SAM\Domains\Account`, `Environment`

Sources: Registry Redirector and Shared Registry Keys, Microsoft Win32; HKEY_CLASSES_ROOT Key, Microsoft Win32; CurrentControlSet and
Select, Microsoft Learn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from scout.formats.regf import Hive, Key
from scout.formats.regf.patterns import FoundKey, key_patterns

_CONTROL_SET = re.compile(r"CONTROLSET(\d{1,3})")
_WOW64 = "Wow6432Node"


class HiveViews:
    """An opened hive with an index of the keys that were looked up. `classes`: it is the hive of a user's classes (UsrClass.dat)."""

    def __init__(self, hive: Hive, *, classes: bool = False, current: int = 0) -> None:
        self.hive, self._classes = hive, classes
        self._children: dict[int, dict[str, Key]] = {}
        self.current = self._selected() or current  # a copy of the hive may name another one than the host's

    def find(self, pattern: str) -> Iterator[FoundKey]:
        """Yield the keys whose normalised path fits: `*` and `?` stay within a component, `**` as the last one is the key and all below."""
        yield from key_patterns((pattern,)).search(self)[pattern]

    def starts(self, top: str) -> Iterator[tuple[Key, tuple[str, ...], FoundKey]]:
        r"""Yield the keys at which normalised paths of a view begin, with the components of the view that lead to them.

        Views: `software`, `system\currentcontrolset`, `system`, and '' for paths as they are in the hive.
        """
        root = self.hive.root
        if root is None:
            return
        if top == "software":
            yield from self._software(root)
        elif top == "system\\currentcontrolset":
            for number, key in self.control_sets():
                current = number == self.current if self.current else None
                yield key, (), FoundKey(key, "System\\CurrentControlSet", False, number, current)
        else:
            yield root, (), FoundKey(root, "System" if top == "system" else "")

    def _software(self, root: Key) -> Iterator[tuple[Key, tuple[str, ...], FoundKey]]:
        for above in ((), ("Software",)):
            for node in ((), (_WOW64,)):
                if key := self._below(root, *above, *node):
                    yield key, (), FoundKey(key, "Software", bool(node))
        for classes in (("Classes",), ("Software", "Classes")):
            if key := self._below(root, *classes, _WOW64):
                yield key, ("Classes",), FoundKey(key, "Software\\Classes", True)
        if self._classes:
            yield root, ("Classes",), FoundKey(root, "Software\\Classes")
            if key := self._below(root, _WOW64):
                yield key, ("Classes",), FoundKey(key, "Software\\Classes", True)

    def control_sets(self) -> Iterator[tuple[int, Key]]:
        """Yield number and key of every control set."""
        root = self.hive.root
        for name, key in self._names(root).items() if root else ():
            if found := _CONTROL_SET.fullmatch(name):
                yield int(found[1]), key

    def _selected(self) -> int:
        root = self.hive.root
        select = self._below(root, "Select") if root else None
        value = select.value("Current") if select else None
        return (value.number or 0) if value else 0

    def _below(self, key: Key, *names: str) -> Key | None:
        found: Key | None = key
        for name in names:
            found = self._names(found).get(name.upper()) if found else None
        return found

    def _names(self, key: Key) -> dict[str, Key]:
        """Return the subkeys of a key by name in upper case, read once."""
        if key.offset not in self._children:
            names: dict[str, Key] = {}
            for child in key.subkeys():
                names.setdefault(child.name.upper(), child)
            self._children[key.offset] = names
        return self._children[key.offset]
