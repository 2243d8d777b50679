"""Object kind `registry-key`: one key with everything below it. Its content is all of that, as `hunter.hives.records` packs it.

What `undo` restores: keys, class names, values in their order, data, security descriptors, last writes, that of the parent too.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import time_ns
from typing import Any, BinaryIO, ClassVar

from hunter.hives.records import KeyRecord, packed, unpacked_key
from hunter.host.host import RemovalHost
from hunter.host.keys import KeyEditor, RegistryEdit, ticks
from hunter.host.view import HostView
from hunter.objects import Change, Described, State
from hunter.objects._registry import RegistryObject, checked_key, digest, read, split
from hunter.ref import Ref
from hunter.unsafe import SurpriseError, UnsafeError


class _RegistryKey(RegistryObject):
    kind = "registry-key"
    address = frozenset({"key"})
    facts: ClassVar[Mapping[str, str]] = dict.fromkeys(("keys", "values", "facts_sha256"), "text")
    compared = ("facts_sha256",)

    def words(self, ref: Ref) -> dict[str, str]:
        return {"key": ref.name}

    def ref(self, words: Mapping[str, Any]) -> Ref:
        return Ref(self.kind, checked_key(words))

    def told(self, ref: Ref) -> str:
        return ref.name

    def around(self, ref: Ref) -> str:
        return split(ref.name)[0]

    def observe(self, host: RemovalHost, ref: Ref) -> Described:
        return view_state(host, ref)

    @contextmanager
    def content(self, host: RemovalHost, ref: Ref) -> Iterator[BinaryIO]:
        record = host.registry.key(ref.name)
        if record is None:
            raise UnsafeError("it went away")
        yield io.BytesIO(packed(record))

    def edited(self, before: State, data: bytes, stamp: int) -> State:  # noqa: ARG002
        raise UnsafeError("a key is removed whole")

    def edit(self, host: RemovalHost, change: Change) -> tuple[str, RegistryEdit]:
        ref, now, then, content = change
        parent, name = split(ref.name)
        exact = host.registry.exact_at(ref.name)

        def edit(keys: KeyEditor, below: str) -> None:
            above, key = keys.find(below), None
            if above is None:
                raise SurpriseError("the key above it is gone")
            key = keys.subkey(above, name)
            present = None if key is None else state_of(keys.key(key), keys.written(above), exact=exact)
            if not self.same(present, now):
                raise SurpriseError(self.changes(now, present))
            if key is not None:
                keys.remove_key(key)
            if then is not None:
                keys.put_key(above, unpacked_key(read(content)))
            keys.touch(above, ticks(time_ns()) if then is None else int(then["parent_written"]))

        return parent, edit


OBJECT = _RegistryKey()


def view_state(view: HostView, ref: Ref) -> Described:
    """Return the present state of a key, None where it is not there."""
    record = view.registry.key(ref.name)
    return None if record is None else state_of(record, view.registry.written(split(ref.name)[0]), exact=view.registry.exact_at(ref.name))


def state_of(record: KeyRecord, parent_written: int, *, exact: bool) -> State:
    """Return the state of a key; what it holds is in it as a hash only. `exact`: flags and last writes count."""
    raw = packed(record)
    return {
        "keys": sum(1 for _ in record.every()),
        "values": sum(len(key.values) for key in record.every()),
        "facts_sha256": digest(repr(record.facts(exact=exact)).encode("utf-8", "backslashreplace")),
        "sha256": digest(raw),
        "size": len(raw),
        "parent_written": parent_written,
    }
