"""One object of WMI: a timer, a provider. The repository of a system that does not run is not changed: its format is not published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hunter.host.archived import NotCollectedError
from hunter.host.host import RemovalHost
from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._parts import Operation
from hunter.objects._managed import live_windows
from hunter.objects.wmi_object import OBJECT, checked_path
from hunter.plan.model import RemovalTarget
from hunter.ref import Ref

LATER = "WMI is changed on the running Windows only: make this plan again there (hunter plan … -o NAME-live.yaml), check --seal, apply"


class WmiRemoval(Operation):
    """Removes one object."""

    operation = "wmi-object"

    def targets(self, fields: Mapping[str, Any]) -> list[RemovalTarget]:
        return [RemovalTarget(Ref(OBJECT.kind, checked_path(str(fields.get("path")))))]

    def recorded(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002
        """Nothing: the repository on the disk describes an object in another way than WMI."""
        return {}

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        host = live_windows(view)
        if host is None and not isinstance(view, RemovalHost):
            raise NotCollectedError("only the running Windows shows it: hunter verify PLAN there")
        if host is None:
            return Inspection({target.ref: None}, later=LATER)
        state = OBJECT.observe(host, target.ref)
        found = Inspection({target.ref: state}, gone="" if state else "the object is not there")
        if state is not None:
            self.add(host, target, found)
        return found

    def add(self, host: RemovalHost, target: RemovalTarget, found: Inspection) -> None:
        """Add what goes with the object."""

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:  # noqa: ARG002
        return [Edit("cut", ref) for ref in found.states]


MECHANISM = WmiRemoval()
