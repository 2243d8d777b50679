"""One element of a registry value that is a list: `Userinit`, `BootExecute`, `AppInit_DLLs`, `Authentication Packages`.

In text the elements are separated by the characters of the option `separators`; in REG_MULTI_SZ each string is an element. Every other byte
stays. With the option `pairs` the strings belong together in twos, and both go. Where nothing is left, the value gets what the option
`defaults` has for its name; in the hives of users, and without a default, it is removed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Self

from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._keys import key_of, value_facts, value_seen
from hunter.mechanisms._parts import Operation
from hunter.mechanisms.registry_default import encoded
from hunter.objects._text import Cut, NotFoundError
from hunter.plan.model import RemovalTarget
from hunter.ref import Ref

_AROUND = ' \t"'
"""what may stand around an element"""


class _RegistryListElement(Operation):
    operation = "registry-list-element"
    stays = True
    loads = True

    def __init__(self, separators: str = ",", defaults: Mapping[str, str] | None = None, *, pairs: bool = False) -> None:
        self._pairs = pairs
        self._separators, self._defaults = separators, {name.casefold(): text for name, text in (defaults or {}).items()}

    def bind(self, options: Mapping[str, Any]) -> Self:
        return type(self)(str(options["separators"]), options.get("defaults"), pairs=options.get("pairs") == "yes")

    def targets(self, fields: Mapping[str, Any]) -> list[RemovalTarget]:
        elements = fields.get("elements")
        elements = elements[::2] if self._pairs and isinstance(elements, list) else elements
        if not isinstance(elements, list) or not elements or not all(isinstance(e, str) and e for e in elements):
            raise ValueError("the finding does not name the elements")
        ref = Ref("registry-value", key_of(fields), str(fields.get("name") or ""))
        return [RemovalTarget(ref, e.encode("utf-8", "surrogatepass")) for e in dict.fromkeys(elements)]

    def recorded(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        return value_facts(fields)

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        found = Inspection(holder="the value")
        if (value := value_seen(view, target, found)) is None:
            return found
        try:
            wanted = (target.line or b"").decode("utf-8", "surrogatepass")
            found.cuts = find_pair(value.data, wanted) if self._pairs else find_entry(value.type, value.data, wanted, self._separators)
            found.copies = len(found.cuts)
        except NotFoundError as e:
            found.gone = str(e)
        except ValueError as e:
            found.problems.append(str(e))
        return found

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:
        state = found.states[target.ref]
        machine = target.ref.name.upper().startswith("HKLM\\")
        text = self._defaults.get(target.ref.part.casefold()) if machine else None
        default = encoded(state["type"], text) if state and text is not None else None
        return [Edit("cut", target.ref, cuts=found.cuts, drop_if_blank=default is None, default=default)]


def find_entry(kind: str, data: bytes, element: str, separators: str) -> list[Cut]:
    """Return a cut for every equal element, compared without case; all of them go, as one that stays would do the same.

    NotFoundError where there is none; ValueError for a type that is no text. An element goes with the separator behind it, the last one
    with the one before it.
    """
    if kind not in ("REG_SZ", "REG_EXPAND_SZ", "REG_MULTI_SZ"):
        raise ValueError(f"a value of the type {kind} is no list")
    text = data[: len(data) // 2 * 2].decode("utf-16-le", "surrogatepass")
    cuts, at = [], 0
    end = len(text.rstrip("\0"))
    marks = "\0" if kind == "REG_MULTI_SZ" else separators
    body = text if kind == "REG_MULTI_SZ" else text[:end]
    while at < end:
        stop = next((i for i in range(at, end) if body[i] in marks), end)
        if body[at:stop].strip(_AROUND).casefold() == element.strip(_AROUND).casefold():
            behind = stop < end or kind == "REG_MULTI_SZ"
            cuts.append((at, min(stop + 1, len(text))) if behind else (max(at - 1, 0), stop))
        at = stop + 1
    if not cuts:
        raise NotFoundError("the element is not there")
    return [(2 * begin, 2 * stop) for begin, stop in cuts]


def find_pair(data: bytes, element: str) -> list[Cut]:
    """Return a cut for every pair of strings of which one is this element: what is renamed, and its new name, '' for a deletion.

    Source: Microsoft Win32 documentation, MoveFileExW, MOVEFILE_DELAY_UNTIL_REBOOT.
    """
    strings = data[: len(data) // 2 * 2].decode("utf-16-le", "surrogatepass").split("\0")
    places, at = [], 0
    for text in strings:
        places.append((at, text))
        at += len(text) + 1
    cuts = []
    for (begin, old), (middle, new) in zip(places[::2], places[1::2], strict=False):
        if old and element.casefold() in (_native(old), _native(new), old.casefold(), new.casefold()):
            cuts.append((2 * begin, 2 * (middle + len(new) + 1)))
    if not cuts:
        raise NotFoundError("the element is not there")
    return cuts


def _native(text: str) -> str:
    """Return a path without the marks in front of it: an exclamation mark replaces what is there, two question marks are all drives."""
    return re.sub(r"\A[!*]?\d*\\\?\?\\", "", text).casefold()


MECHANISM = _RegistryListElement()
