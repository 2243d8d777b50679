"""Object kind `registry-value`: one value of a key. Its content is its data.

What `undo` restores: data, type, place in the list of values, the letters of the name, the last write of the key.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import time_ns
from typing import Any, BinaryIO, ClassVar

from hunter.hives.records import ValueRecord
from hunter.host.host import RemovalHost
from hunter.host.keys import KeyEditor, RegistryEdit, ticks
from hunter.host.view import HostView
from hunter.objects import Change, Described, State
from hunter.objects._registry import RegistryObject, checked_key, digest, read
from hunter.ref import Ref
from hunter.unsafe import SurpriseError, UnsafeError


class _RegistryValue(RegistryObject):
    kind = "registry-value"
    address = frozenset({"key", "value"})
    facts: ClassVar[Mapping[str, str]] = dict.fromkeys(("type", "size", "sha256"), "text")
    compared = ("type", "size", "sha256")

    def words(self, ref: Ref) -> dict[str, str]:
        return {"key": ref.name, "value": ref.part}

    def ref(self, words: Mapping[str, Any]) -> Ref:
        if "value" not in words:
            raise ValueError("it has no value ('' is the default value of the key)")
        return Ref(self.kind, checked_key(words), str(words["value"]))

    def told(self, ref: Ref) -> str:
        return f"{ref.name}\\{ref.part}" if ref.part else f"{ref.name}\\ (default value)"

    def around(self, ref: Ref) -> str:
        return ref.name

    def observe(self, host: RemovalHost, ref: Ref) -> Described:
        return view_state(host, ref)

    @contextmanager
    def content(self, host: RemovalHost, ref: Ref) -> Iterator[BinaryIO]:
        value = host.registry.value(ref.name, ref.part)
        if value is None:
            raise UnsafeError("it went away")
        yield io.BytesIO(value.data)

    def edited(self, before: State, data: bytes, stamp: int) -> State:
        return {**before, "size": len(data), "sha256": digest(data), "written": ticks(stamp)}

    def edit(self, host: RemovalHost, change: Change) -> tuple[str, RegistryEdit]:  # noqa: ARG002
        ref, now, then, content = change

        def edit(keys: KeyEditor, below: str) -> None:
            key = keys.find(below)
            if key is None:
                raise SurpriseError("its key is gone")
            value = keys.value(key, ref.part)
            present = None if value is None else state_of(value, keys.written(key))
            if not self.same(present, now):
                raise SurpriseError(self.changes(now, present))
            if then is None:
                keys.remove_value(key, ref.part)
                keys.touch(key, ticks(time_ns()))
                return
            keys.put_value(key, _record(then, read(content)))
            keys.touch(key, int(then["written"]))

        return ref.name, edit


OBJECT = _RegistryValue()


def view_state(view: HostView, ref: Ref) -> Described:
    """Return the present state of a value, None where it is not there."""
    value = view.registry.value(ref.name, ref.part)
    return None if value is None else state_of(value, view.registry.written(ref.name))


def state_of(value: ValueRecord, written: int) -> State:
    """Return the state of a value in a key that was last written at these ticks; the data is in it as its hash only."""
    cell = bytearray(value.cell)
    cell[4:12] = bytes(8)  # size and place of the data, or the data itself where it is short
    return {
        "type": value.type,
        "size": len(value.data),
        "sha256": digest(value.data),
        "cell": base64.b64encode(bytes(cell)).decode(),
        "index": value.index,
        "at": list(value.at),
        "held_by": value.held_by,
        "written": written,
    }


def _record(state: State, data: bytes) -> ValueRecord:
    cell = base64.b64decode(state["cell"], validate=True)
    return ValueRecord(cell, data, int(state["index"]), tuple(map(int, state["at"])), int(state["held_by"]))
