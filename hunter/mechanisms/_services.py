"""What the removal of a service and its disabling share: on a running Windows, the service is stopped first."""

from __future__ import annotations

from collections.abc import Sequence

from hunter.host.host import RemovalHost
from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.objects.windows_service import OBJECT, service_of, takes_stop
from hunter.plan.model import RemovalTarget

_LATER = "runs and takes no stop: it goes on until the next start of the system"


def with_state(view: HostView, target: RemovalTarget, found: Inspection) -> Inspection:
    """Add whether the service runs, where it can be stopped."""
    service = service_of(view, target.ref.name)
    if service is None or found.gone or not isinstance(view, RemovalHost):
        return found
    state = OBJECT.observe(view, service)
    if state == {"running": "yes"} and takes_stop(service):
        found.states[service] = state
    elif state == {"running": "yes"}:
        found.notes.append(f"{service.name} {_LATER}")
    return found


def stops(found: Inspection) -> list[Edit]:
    """Return the edits that stop the services that `with_state` found."""
    return [Edit("stop", ref, after={"running": "no"}) for ref in found.states if ref.object == OBJECT.kind]


def back(edits: Sequence[Edit]) -> list[Edit]:
    """Return the edits in the order of undo: the key is there again before the service starts."""
    return sorted(edits, key=lambda edit: edit.ref.object == OBJECT.kind)
