"""Object kind `container-running`: whether a container of the Docker engine runs. It is stopped, never removed."""

from __future__ import annotations

from hunter.host import docker
from hunter.host.host import RemovalHost
from hunter.objects import Content, Described
from hunter.objects.container import ContainerAddress
from hunter.ref import Ref


class _ContainerRunning(ContainerAddress):
    kind = "container-running"
    drifts = False
    facts = dict.fromkeys(("running",), "text")

    def observe(self, host: RemovalHost, ref: Ref) -> Described:
        known = self.inspected(host, ref)
        return None if known is None else {"running": "yes" if known["State"].get("Running") else "no"}

    def changes(self, was: Described, now: Described) -> str:
        return f"running was {(was or {}).get('running', 'not known')}, is {(now or {}).get('running', 'not known')}"

    def put(self, host: RemovalHost, ref: Ref, now: Described, then: Described, content: Content | None, mark: str) -> None:  # noqa: ARG002
        if then is not None:
            docker.change(ref.name, "start" if then["running"] == "yes" else "stop?t=10")


OBJECT = _ContainerRunning()
