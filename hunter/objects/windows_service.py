"""Object kind `service`: whether a service or driver of the running Windows runs; stopped and started by the service manager.

One that the service manager does not know does not run. Source: [MS-SCMR].
"""

from __future__ import annotations

import sys

from hunter.host.host import RemovalHost
from hunter.host.view import HostView
from hunter.objects import Content, Described
from hunter.objects._plain import ManagedState
from hunter.ref import Ref
from hunter.unsafe import SurpriseError, UnsafeError

_ENDED = ("stopped", "stopping")


def service_of(view: HostView, key: str) -> Ref | None:
    """Return the service of the running Windows that a key of the registry belongs to, None for any other key."""
    if not (isinstance(view, RemovalHost) and view.live and sys.platform == "win32"):
        return None
    from hunter.host.windows import services

    name = services.service_of(f"\\Registry\\Machine\\{key.partition(chr(92))[2]}")
    return Ref("service", name) if name else None


def takes_stop(ref: Ref) -> bool:
    """Return whether the service says that it can be stopped."""
    from hunter.host.windows import services

    known = services.state(ref.name)
    return known is not None and known[1]


class _Service(ManagedState):
    kind = "service"

    def observe(self, host: RemovalHost, ref: Ref) -> Described:
        if not (host.live and sys.platform == "win32"):
            raise UnsafeError("Windows does not run here")
        from hunter.host.windows import services

        known = services.state(ref.name)
        return {"running": "yes" if known is not None and known[0] not in _ENDED else "no"}

    def changes(self, was: Described, now: Described) -> str:
        return f"running was {(was or {}).get('running', 'not known')}, is {(now or {}).get('running', 'not known')}"

    def put(self, host: RemovalHost, ref: Ref, now: Described, then: Described, content: Content | None, mark: str) -> None:  # noqa: ARG002
        from hunter.host.windows import services

        if self.observe(host, ref) == then:
            return
        (services.start if then == {"running": "yes"} else services.stop)(ref.name)
        if self.observe(host, ref) != then:
            raise SurpriseError("the service manager reported success, but the service is not in the new state")


OBJECT = _Service()
