"""One registry value gets the data that a clean host has: the option `defaults`, patterns of names → text or number. A pattern with a
backslash is one of the last part of the key and the name. With the option `since` they hold for Windows of 64 bits from this build on.

The value must be there: an absent one is the default of Windows already. A value without a default is left to a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Self

from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._keys import key_of, value_facts, value_seen
from hunter.mechanisms._parts import Operation
from hunter.plan.model import RemovalTarget
from hunter.ref import Ref

BACKSLASH = "\\"
_BUILD = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
_ENVIRONMENT = r"\Control\Session Manager\Environment"
"""below the control set"""


class DefaultRestored(Operation):
    """`value`: the name of the value that is meant, whatever value the finding names."""

    operation = "registry-default"
    stays = True

    def __init__(self, defaults: Mapping[str, str] | None = None, value: str | None = None, since: int = 0) -> None:
        self._defaults, self._value = {name.casefold(): text for name, text in (defaults or {}).items()}, value
        self._since = since

    def bind(self, options: Mapping[str, Any]) -> Self:
        return type(self)(options["defaults"], options.get("value"), int(options.get("since", 0)))

    def targets(self, fields: Mapping[str, Any]) -> list[RemovalTarget]:
        name = self._value if self._value is not None else str(fields.get("name") or "")
        ref = Ref("registry-value", key_of(fields), name)
        if self._data(ref) is None:
            raise ValueError(f"no default is known for {name or 'the default value'}: by hand")
        return [RemovalTarget(ref)]

    def _data(self, ref: Ref) -> str | None:
        name = ref.part.casefold()
        full = f"{ref.name.rpartition(BACKSLASH)[2]}{BACKSLASH}{name}".casefold()
        fitting = (text for pattern, text in self._defaults.items() if fnmatchcase(full if BACKSLASH in pattern else name, pattern))
        return next(fitting, None)

    def recorded(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        return value_facts(fields) if self._value is None else {}

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        found = Inspection(stays=True)
        if (value := value_seen(view, target, found)) is None:
            return found
        data = self._encoded(value.type, target)
        if data is None:
            found.problems.append(f"{target.ref.part} has the type {value.type}, for which no default is known")
        elif value.data == data:
            found.gone = "it has the default already"
        elif self._since and (unfit := _unfit(view, target.ref.name, self._since)):
            found.problems.append(unfit)
        return found

    def _encoded(self, kind: str, target: RemovalTarget) -> bytes | None:
        text = self._data(target.ref)
        return None if text is None else encoded(kind, text)

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:
        state = found.states[target.ref]
        return [Edit("cut", target.ref, data=self._encoded(state["type"], target))] if state else []


def _unfit(view: HostView, key: str, since: int) -> str:
    """Return why the defaults of a build and those after it, of 64 bits, do not hold for a host; '' where they do."""
    build = _text(view, _BUILD, "CurrentBuildNumber")
    bits = _text(view, f"{BACKSLASH.join(key.split(BACKSLASH)[:3])}{_ENVIRONMENT}", "PROCESSOR_ARCHITECTURE")
    if build.isdecimal() and int(build) >= since and bits == "AMD64":
        return ""
    return (
        f"its default is known for Windows of 64 bits from build {since} on, and this is build {build or 'unknown'} "
        f"({bits or 'unknown'}): compare it with a clean host of the same build and put it back by hand"
    )


def _text(view: HostView, key: str, name: str) -> str:
    value = view.registry.value(key, name)
    return value.data.decode("utf-16-le", "replace").partition("\0")[0] if value else ""


def encoded(kind: str, data: str) -> bytes | None:
    """Return text as the data of a value of this type; None for a type that is none of text or number."""
    if kind in ("REG_SZ", "REG_EXPAND_SZ"):
        return f"{data}\0".encode("utf-16-le")
    if kind == "REG_MULTI_SZ":
        return (f"{data}\0\0" if data else "\0").encode("utf-16-le")
    return int(data).to_bytes(4, "little") if kind == "REG_DWORD" and data.isdecimal() else None


MECHANISM = DefaultRestored()
