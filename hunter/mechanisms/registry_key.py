"""One registry key with everything below it: removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._keys import key_of
from hunter.mechanisms._parts import Operation
from hunter.objects.registry_key import view_state
from hunter.plan.model import RemovalTarget
from hunter.ref import Ref


class KeyRemoval(Operation):
    operation = "registry-key"
    encloses = True
    names_others = True

    def names(self, ref: Ref, other: Ref) -> bool:
        """Return whether another key or value lies in the key."""
        if other.object not in ("registry-key", "registry-value"):
            return False
        inside = f"{other.name}\\".casefold().startswith(f"{ref.name}\\".casefold())
        return inside and (other.object == "registry-value" or len(other.name) > len(ref.name))

    def targets(self, fields: Mapping[str, Any]) -> list[RemovalTarget]:
        return [RemovalTarget(Ref("registry-key", key_of(fields)))]

    def recorded(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002
        """Nothing: a finding tells of one value of a key, not of all that the key holds."""
        return {}

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        state = view_state(view, target.ref)
        return Inspection({target.ref: state}, gone="" if state else "the key is not there")

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:  # noqa: ARG002
        return [Edit("cut", target.ref)]


MECHANISM = KeyRemoval()
