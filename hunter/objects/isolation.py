"""Object kind `isolation`: whether the live host is cut off the network, but for the allowed addresses, for a number of minutes.

It ends by itself, so its state drifts without a fault. `undo` ends it at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from hunter.contain import here, isolation
from hunter.host.host import RemovalHost
from hunter.objects import Content, Described
from hunter.objects._plain import ManagedState
from hunter.ref import Ref
from hunter.unsafe import SurpriseError, UnsafeError

ISOLATED, FREE = {"isolated": "yes"}, {"isolated": "no"}


class _Isolation(ManagedState):
    kind = "isolation"
    drifts = False
    address = frozenset({"allow", "minutes"})
    facts: ClassVar[Mapping[str, str]] = {"isolated": "text"}

    def words(self, ref: Ref) -> dict[str, str]:
        return {"allow": ref.name, "minutes": ref.part}

    def ref(self, words: Mapping[str, Any]) -> Ref:
        minutes = str(words.get("minutes", ""))
        if not (minutes.isascii() and minutes.isdecimal() and isolation.LEAST <= int(minutes) <= isolation.MOST):
            raise ValueError(f"minutes must be a number from {isolation.LEAST} to {isolation.MOST}")
        return Ref(self.kind, isolation.told(isolation.networks(str(words.get("allow", "")))), str(int(minutes)))

    def told(self, ref: Ref) -> str:
        return f"all but {', '.join(ref.name.split())} for {ref.part} min"

    def place(self, ref: Ref) -> str:  # noqa: ARG002
        return "network"

    def observe(self, host: RemovalHost, ref: Ref) -> Described:  # noqa: ARG002
        if not host.live:
            raise UnsafeError("only a running host is on a network")
        return ISOLATED if here.left() else FREE

    def changes(self, was: Described, now: Described) -> str:
        return f"isolated was {(was or {}).get('isolated', 'not known')}, is {(now or {}).get('isolated', 'not known')}"

    def put(self, host: RemovalHost, ref: Ref, now: Described, then: Described, content: Content | None, mark: str) -> None:  # noqa: ARG002
        if then == ISOLATED:
            allowed = isolation.networks(ref.name)
            if lost := isolation.cut_off(allowed, here.responders()):
                raise SurpriseError(f"it would cut off {', '.join(map(str, lost))}, from where somebody works on this host")
            here.isolate(allowed, int(ref.part) * 60)
        else:
            here.release()
        if self.observe(host, ref) != then:
            raise SurpriseError("the firewall reported success, but the host is not in the new state")


OBJECT = _Isolation()
