r"""Object kind `wmi-object`: one object of WMI of the running Windows, by its path. Its content is its properties.

What `undo` restores: class and properties, but not who created it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from hunter.objects import State
from hunter.objects._managed import WindowsManagedObject, text_facts
from hunter.ref import Ref

_PATH = re.compile(r"(?i)root(?:\\[\w-]+)*:\w+(?:\.\w+=.+|=@)", re.DOTALL)


def checked_path(path: str) -> str:
    """Return the path of one object. ValueError for a class, a namespace or another form."""
    if not _PATH.fullmatch(path):
        raise ValueError('it is no path of one object of WMI, as root\\subscription:__EventFilter.Name="x"; a class is left to a person')
    return path


class _WmiObject(WindowsManagedObject):
    kind = "wmi-object"
    manager = "WMI"
    address = frozenset({"wmi"})
    compared = ("class", "facts_sha256")
    facts = text_facts(compared)

    def words(self, ref: Ref) -> dict[str, str]:
        return {"wmi": ref.name}

    def ref(self, words: Mapping[str, Any]) -> Ref:
        return Ref(self.kind, checked_path(str(words.get("wmi", ""))))

    def place(self, ref: Ref) -> str:
        return ref.name.replace("\\", "/")

    def known(self, ref: Ref) -> tuple[State, bytes] | None:
        from hunter.host.windows import wmi

        known = wmi.read(ref.name)
        if known is None:
            return None
        facts = _packed((known[0], {k: v for k, v in known[1].items() if k != "CreatorSID"}))
        return {"class": known[0], "facts_sha256": hashlib.sha256(facts).hexdigest()}, _packed(known)

    def not_restorable(self, state: State) -> str:  # noqa: ARG002
        return "who created it"

    def delete(self, ref: Ref) -> None:
        from hunter.host.windows import wmi

        wmi.delete(ref.name)

    def write(self, ref: Ref, then: State, content: bytes) -> None:  # noqa: ARG002
        from hunter.host.windows import wmi

        wmi.put(ref.name, *json.loads(content))


OBJECT = _WmiObject()


def _packed(known: tuple[str, dict[str, Any]]) -> bytes:
    return json.dumps(known, sort_keys=True).encode()
