"""One registry value gets the data of a clean host (`data`, a number or text of the catalogue); its name may be fixed (`value`).

The value must be there: an absent one is the default of Windows already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._keys import key_of, value_facts
from hunter.mechanisms._parts import Operation
from hunter.objects.registry_value import view_state
from hunter.plan.model import RemovalTarget
from hunter.ref import Ref


class _RegistryDefault(Operation):
    operation = "registry-default"

    def __init__(self, data: str = "", value: str | None = None) -> None:
        self._data, self._value = data, value

    def bind(self, options: Mapping[str, Any]) -> Self:
        return type(self)(str(options["data"]), options.get("value"))

    def targets(self, fields: Mapping[str, Any]) -> list[RemovalTarget]:
        name = self._value if self._value is not None else str(fields.get("name") or "")
        return [RemovalTarget(Ref("registry-value", key_of(fields), name))]

    def recorded(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        return value_facts(fields) if self._value is None else {}

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        state = view_state(view, target.ref)
        found = Inspection({target.ref: state}, stays=True)
        if state is None:
            found.gone = "the value is not there"
        elif encoded(state["type"], self._data) is None:
            found.problems.append(f"{target.ref.part} has the type {state['type']}, for which no default is known")
        elif view.registry.value(target.ref.name, target.ref.part).data == encoded(state["type"], self._data):  # type: ignore[union-attr]
            found.gone = "it has the default already"
        return found

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:
        state = found.states[target.ref]
        return [Edit("cut", target.ref, data=encoded(state["type"], self._data))] if state else []


def encoded(kind: str, data: str) -> bytes | None:
    """Return text as the data of a value of this type; None for a type that is none of text or number."""
    if kind in ("REG_SZ", "REG_EXPAND_SZ"):
        return f"{data}\0".encode("utf-16-le")
    if kind == "REG_MULTI_SZ":
        return f"{data}\0\0".encode("utf-16-le") if data else "\0\0".encode("utf-16-le")
    return int(data).to_bytes(4, "little") if kind == "REG_DWORD" and data.isdecimal() else None


MECHANISM = _RegistryDefault()
