"""A service of Windows does not start any more: its start type. On a running Windows it is stopped first."""

from __future__ import annotations

from collections.abc import Sequence

from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._services import back, stops, with_state
from hunter.mechanisms.registry_default import DefaultRestored
from hunter.plan.model import RemovalTarget


class _ServiceDisable(DefaultRestored):
    operation = "windows-service-disable"

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        return with_state(view, target, super().inspect(view, target))

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:
        return [*stops(found), *super().apply(found, target)]

    def restore(self, edits: Sequence[Edit]) -> Sequence[Edit]:
        return back(edits)


MECHANISM = _ServiceDisable()
