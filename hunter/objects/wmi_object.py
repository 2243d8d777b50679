r"""Object kind `wmi-object`: one object of WMI of the running Windows, by its path. Its content is its properties.

What `undo` restores: class and properties, but not who created it.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, ClassVar

from hunter.host.host import RemovalHost
from hunter.host.view import HostView
from hunter.objects import Content, Described, State
from hunter.objects._plain import ManagedState
from hunter.objects._registry import read
from hunter.ref import Ref
from hunter.unsafe import SurpriseError, UnsafeError

_PATH = re.compile(r"(?i)root(?:\\[\w-]+)*:\w+(?:\.\w+=.+|=@)", re.DOTALL)
_COMPARED = ("class", "facts_sha256")


def live_windows(view: HostView) -> RemovalHost | None:
    """Return the host whose WMI answers: the running Windows."""
    return view if isinstance(view, RemovalHost) and view.live and sys.platform == "win32" else None


def checked_path(path: str) -> str:
    """Return the path of one object. ValueError for a class, a namespace or another form."""
    if not _PATH.fullmatch(path):
        raise ValueError('it is no path of one object of WMI, as root\\subscription:__EventFilter.Name="x"; a class is left to a person')
    return path


class _WmiObject(ManagedState):
    kind = "wmi-object"
    exact = True
    address = frozenset({"wmi"})
    facts: ClassVar[Mapping[str, str]] = dict.fromkeys(_COMPARED, "text")

    def words(self, ref: Ref) -> dict[str, str]:
        return {"wmi": ref.name}

    def ref(self, words: Mapping[str, Any]) -> Ref:
        return Ref(self.kind, checked_path(str(words.get("wmi", ""))))

    def place(self, ref: Ref) -> str:
        return ref.name.replace("\\", "/")

    def observe(self, host: RemovalHost, ref: Ref) -> Described:
        known = self._known(host, ref)
        if known is None:
            return None
        raw, facts = _packed(known), _packed((known[0], {k: v for k, v in known[1].items() if k != "CreatorSID"}))
        return {
            "class": known[0],
            "facts_sha256": hashlib.sha256(facts).hexdigest(),
            "sha256": hashlib.sha256(raw).hexdigest(),
            "size": len(raw),
        }

    def _known(self, host: RemovalHost, ref: Ref) -> tuple[str, dict[str, Any]] | None:
        if live_windows(host) is None:
            raise UnsafeError("Windows does not run here")
        from hunter.host.windows import wmi

        return wmi.read(ref.name)

    @contextmanager
    def content(self, host: RemovalHost, ref: Ref) -> Iterator[BinaryIO]:
        known = self._known(host, ref)
        if known is None:
            raise UnsafeError("it went away")
        yield io.BytesIO(_packed(known))

    def same(self, one: Described, other: Described) -> bool:
        if one is None or other is None:
            return one is other
        return all(one[name] == other[name] for name in _COMPARED)

    def changes(self, was: Described, now: Described) -> str:
        if was is None or now is None:
            return "" if now is was else "it was there, is gone" if now is None else "it was removed, is there"
        return "; ".join(f"{name} was {was[name]}, is {now[name]}" for name in _COMPARED if was[name] != now[name])

    def not_restorable(self, state: State) -> str:  # noqa: ARG002
        return "who created it"

    def put(self, host: RemovalHost, ref: Ref, now: Described, then: Described, content: Content | None, mark: str) -> None:  # noqa: ARG002
        from hunter.host.windows import wmi

        present = self.observe(host, ref)
        if not self.same(present, now):
            raise SurpriseError(self.changes(now, present))
        if then is None and present is not None:
            wmi.delete(ref.name)
        elif then is not None:
            wmi.put(ref.name, *json.loads(read(content)))
        if not self.same(self.observe(host, ref), then):
            raise UnsafeError("WMI reported success, but the object is not in the new state")


OBJECT = _WmiObject()


def _packed(known: tuple[str, dict[str, Any]]) -> bytes:
    return json.dumps(known, sort_keys=True).encode()
