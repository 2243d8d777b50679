r"""What values and keys of the registry share: their names, and the hive in which they lie.

A key is named as on the running system: `HKLM\SOFTWARE\…`, `HKU\<SID or profile>\…`.
"""

from __future__ import annotations

import hashlib
import io
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar

from hunter.host.host import RemovalHost
from hunter.host.keys import RegistryEdit
from hunter.objects import Areas, Change, Content, Described, State, of
from hunter.ref import Ref
from hunter.unsafe import UnsafeError

_KEY = re.compile(r"(?:HKLM|HKU)(?:\\[^\\\0*?]+){2,}")
"""a key below a hive; `*` and `?` are patterns, which name no key"""
_EVERY_FILE = re.compile(r"(?i)((?:HKLM\\SOFTWARE(?:\\Wow6432Node)?|HKU\\[^\\]+\\Software)\\Classes|HKU\\[^\\]+_Classes)\\\*(?=\\)")
"""the key of all files, whose name is `*`"""


class RegistryObject(ABC):
    """The methods of `hunter.objects.Object` that do not depend on what of the registry is meant."""

    kind: ClassVar[str]
    exact = True
    fleeting = False
    drifts = True
    address: ClassVar[frozenset[str]]
    facts: ClassVar[Mapping[str, str]]
    compared: ClassVar[tuple[str, ...]]
    """what of a state decides whether two are the same"""

    def place(self, ref: Ref) -> str:
        return ref.name.replace("\\", "/") + (f"/{ref.part}" if ref.part else "")

    def blank(self, state: State, data: bytes) -> bool:  # noqa: ARG002
        return not data.decode("utf-16-le", "replace").strip(" \t,;\0")

    def recorded(self, facts: Mapping[str, Any], root_ino: object) -> dict[str, Any]:  # noqa: ARG002
        return {name: str(facts[name]) for name in self.facts if name in facts}

    def same(self, one: Described, other: Described) -> bool:
        if one is None or other is None:
            return one is other
        return all(one[name] == other[name] for name in self.compared)

    def like(self, now: Described, before: Described) -> bool:
        return self.same(now, before)

    def changes(self, was: Described, now: Described) -> str:
        if now is None or was is None:
            return "" if now is was else "it was there, is gone" if now is None else "it was removed, is there"
        return "; ".join(f"{name} was {was[name]}, is {now[name]}" for name in self.facts if was[name] != now[name])

    def expectation(self, state: State) -> dict[str, Any]:
        return {name: str(state[name]) for name in self.facts}

    def lacking(self, expect: Mapping[str, Any]) -> list[str]:
        return [name for name in self.facts if name not in expect]

    def differences(self, expect: Mapping[str, Any], now: State, *, copy: bool) -> list[tuple[str, str, str]]:  # noqa: ARG002
        return [(n, _short(expect[n]), _short(now[n])) for n in self.facts if n in expect and str(expect[n]) != str(now[n])]

    def controller(self, host: RemovalHost, ref: Ref) -> int:
        return host.registry.controller(ref.name)

    def barrier(self, host: RemovalHost, ref: Ref) -> str:
        return host.registry.barrier(ref.name)

    def not_restorable(self, state: State) -> str:  # noqa: ARG002
        return ""

    def survey(self, host: RemovalHost, refs: Iterable[Ref]) -> Areas:
        """Return the keys around the objects, each value and subkey of them as a digest, and what lies beside the hives."""
        found: Areas = {}
        for ref in refs:
            home = host.registry.home(ref.name)
            if home not in found:
                found[home] = {"keys": {}, "beside": host.registry.beside(home)}
            around = self.around(ref)
            found[home]["keys"][around] = host.registry.digests(around)
        return found

    @abstractmethod
    def around(self, ref: Ref) -> str:
        """Return the key in which an object lies."""

    def changed(self, host: RemovalHost, before: Areas, explained: set[Ref]) -> tuple[list[str], int]:
        known = {(ref.name.casefold(), ref.part.casefold(), ref.object) for ref in explained}
        different, compared = [], 0
        files = {ref.name for ref in explained if ref.object == "file"}
        homes = {*before, *(host.registry.home(ref.name) for ref in explained if isinstance(of(ref), RegistryObject))}
        for home, area in before.items():
            beside, looked = host.registry.changed_beside(home, area["beside"], files)
            different += [path for path in beside if path not in homes]
            compared += looked
        for key, was in ((key, was) for area in before.values() for key, was in area["keys"].items()):
            try:
                now = host.registry.digests(key)
            except UnsafeError:
                different.append(key)
                continue
            for name in sorted({*was, *now}):
                kind, _, last = name.partition(" ")
                meant = (key, last, "registry-value") if kind == "value" else (f"{key}\\{last}", "", "registry-key")
                if tuple(text.casefold() for text in meant) in known:
                    continue
                inside = meant[0].casefold()
                if kind == "key" and any(each == inside or each.startswith(f"{inside}\\") for each, _, _ in known):
                    continue  # something in it is meant, and has an area of its own
                compared += 1
                if was.get(name) != now.get(name):
                    different.append(f"{key}\\{last}")
        return different, compared

    def restore_areas(self, host: RemovalHost, before: Areas) -> list[str]:
        return [reason for home, area in before.items() for reason in host.registry.restore_beside(home, area["beside"])]

    @abstractmethod
    def edit(self, host: RemovalHost, change: Change) -> tuple[str, RegistryEdit]:
        """Return the key to change, and what changes it. The edit raises SurpriseError where the object is not in the state `now`."""

    def put(self, host: RemovalHost, ref: Ref, now: Described, then: Described, content: Content | None, mark: str) -> None:
        self.put_all(host, [(ref, now, then, content)], mark)

    def bundle(self, host: RemovalHost, ref: Ref) -> str:
        return host.registry.bundle(ref.name)

    def put_all(self, host: RemovalHost, changes: Sequence[Change], mark: str) -> None:
        host.registry.change([registry_object(change[0]).edit(host, change) for change in changes], mark)

    def tidy(self, host: RemovalHost, ref: Ref, mark: str) -> None:
        with suppress(FileNotFoundError, NotADirectoryError):
            host.registry.tidy(self.around(ref), mark)


def registry_object(ref: Ref) -> RegistryObject:
    """Return the object of a reference to the registry. TypeError for any other one."""
    found = of(ref)
    if not isinstance(found, RegistryObject):
        raise TypeError(f"{ref.object} is not of the registry")
    return found


def checked_key(words: Mapping[str, Any]) -> str:
    """Return the key that words of a plan name. ValueError where they name none."""
    key = str(words.get("key", ""))
    plain = _EVERY_FILE.sub(r"\1\\_", key)
    if not _KEY.fullmatch(plain) or any(part in ("", ".", "..") for part in key.split("\\")):
        raise ValueError("key must be the whole path of one key, as HKLM\\SOFTWARE\\…")
    return key


def split(key: str) -> tuple[str, str]:
    """Return (parent, name) of a key."""
    parent, _, name = key.rpartition("\\")
    return parent, name


def digest(raw: bytes) -> str:
    """Return the sha256 of bytes."""
    return hashlib.sha256(raw).hexdigest()


class _Memory(io.BytesIO):
    """Bytes in memory that grow to the size to which they are truncated, as a file does: zeros at the end are written as a hole."""

    def truncate(self, size: int | None = None, /) -> int:
        size = self.tell() if size is None else size
        if (missing := size - self.seek(0, io.SEEK_END)) > 0:
            self.write(bytes(missing))
        return super().truncate(size)


def read(content: Content | None) -> bytes:
    """Return the bytes that a writer writes."""
    stream = _Memory()
    if content is not None:
        content(stream)
    return stream.getvalue()


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 24 else text[:23] + "…"
