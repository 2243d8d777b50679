"""Cut the live host off the network, but for the addresses of the responder, until the time is over (`hunter.contain.isolation`).

It is refused, whatever the user answers for, where it would cut off who works on the host from elsewhere at this moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hunter.contain import here, isolation
from hunter.host.host import RemovalHost
from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._parts import Operation
from hunter.objects.isolation import FREE, ISOLATED, OBJECT
from hunter.plan.model import RemovalTarget


class _NetworkIsolation(Operation):
    operation = "network-isolation"
    starts = False
    stays = True

    def targets(self, fields: Mapping[str, Any]) -> list[RemovalTarget]:
        return [RemovalTarget(OBJECT.ref(fields))]

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        found = Inspection(stays=True)
        if not (isinstance(view, RemovalHost) and view.live):
            found.later = "only a running host is on a network"
            return found
        if why := here.usable():
            found.problems.append(why)
            found.states[target.ref] = FREE  # as the plan expects it: the reason is told, not a drift
            return found
        found.states[target.ref] = OBJECT.observe(view, target.ref)
        if found.states[target.ref] == ISOLATED:
            found.gone = f"the host is isolated, for another {here.left() // 60 + 1} min"
        elif lost := isolation.cut_off(isolation.networks(target.ref.name), here.responders()):
            where = ", ".join(map(str, lost))
            found.problems.append(f"it would cut off {where}, from where somebody works on this host: allow that address too")
        return found

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:  # noqa: ARG002
        return [Edit("freeze", target.ref, after=dict(ISOLATED))]


MECHANISM = _NetworkIsolation()
