"""One value of a registry key: removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._keys import key_of, value_facts
from hunter.mechanisms._parts import Operation
from hunter.objects.registry_value import view_state
from hunter.plan.model import RemovalTarget
from hunter.ref import Ref


class _RegistryValue(Operation):
    operation = "registry-value"

    def targets(self, fields: Mapping[str, Any]) -> list[RemovalTarget]:
        return [RemovalTarget(Ref("registry-value", key_of(fields), str(fields.get("name") or "")))]

    def recorded(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        return value_facts(fields)

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        state = view_state(view, target.ref)
        return Inspection({target.ref: state}, gone="" if state else "the value is not there")

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:  # noqa: ARG002
        return [Edit("cut", target.ref)]


MECHANISM = _RegistryValue()
