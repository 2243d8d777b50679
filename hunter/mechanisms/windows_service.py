"""A service or driver of Windows: its key with everything below it. On a running Windows the service manager stops and deletes it.

What undo cannot restore: the password of an account that is no account of the system.
"""

from __future__ import annotations

from collections.abc import Sequence

from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._services import back, stops, with_state
from hunter.mechanisms.registry_key import KeyRemoval
from hunter.plan.model import RemovalTarget


class _WindowsService(KeyRemoval):
    operation = "windows-service"

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        return with_state(view, target, super().inspect(view, target))

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:
        return [*stops(found), *super().apply(found, target)]

    def restore(self, edits: Sequence[Edit]) -> Sequence[Edit]:
        return back(edits)


MECHANISM = _WindowsService()
