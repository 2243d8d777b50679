"""A consumer of WMI with its bindings, and the filters that no other consumer is bound to.

The bindings go first, so that an interrupted removal leaves a consumer that nothing calls; then the consumer, then the filters.
"""

from __future__ import annotations

from hunter.host.host import RemovalHost
from hunter.mechanisms import Inspection
from hunter.mechanisms.wmi_object import WmiRemoval
from hunter.objects.wmi_object import OBJECT
from hunter.plan.model import RemovalTarget
from hunter.ref import Ref


class _WmiSubscription(WmiRemoval):
    operation = "wmi-subscription"
    encloses = True

    def add(self, host: RemovalHost, target: RemovalTarget, found: Inspection) -> None:
        from hunter.host.windows import wmi

        consumer = target.ref.name.casefold()
        every = list(wmi.bindings(target.ref.name))
        mine = [(binding, event) for binding, event, end in every if end.casefold() == consumer]
        others = {event.casefold() for _, event, end in every if end.casefold() != consumer}
        filters = dict.fromkeys(event for _, event in mine if event.casefold() not in others)
        kept = found.states.pop(target.ref)
        before = [Ref(OBJECT.kind, binding) for binding, _ in mine]
        after = [Ref(OBJECT.kind, event) for event in filters]
        found.states |= {ref: OBJECT.observe(host, ref) for ref in before} | {target.ref: kept}
        found.states |= {ref: state for ref in after if (state := OBJECT.observe(host, ref)) is not None}


MECHANISM = _WmiSubscription()
