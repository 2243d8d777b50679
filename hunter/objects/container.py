"""Object kind `container`: whether the Docker engine starts a container again by itself (its restart policy)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from hunter.host import docker
from hunter.host.host import RemovalHost
from hunter.host.view import HostView
from hunter.objects import Content, Described, State
from hunter.objects._plain import ManagedState
from hunter.ref import Ref
from hunter.unsafe import SurpriseError, UnsafeError

_ID = re.compile(r"[0-9a-f]{64}")


class ContainerAddress(ManagedState):
    """How a plan names a container: its full id."""

    def ref(self, words: Mapping[str, Any]) -> Ref:
        if not _ID.fullmatch(str(words.get("name") or "")):
            raise ValueError("a container is named by its id of 64 hexadecimal digits")
        return Ref(self.kind, str(words["name"]))

    def place(self, ref: Ref) -> str:
        return configuration(ref.name).lstrip("/")

    def inspected(self, host: RemovalHost, ref: Ref) -> dict[str, Any] | None:
        """Return what the engine says of the container. UnsafeError where it cannot be asked."""
        if not host.live:
            raise UnsafeError("no Docker engine runs on this root")
        return docker.inspect(ref.name)


class _Container(ContainerAddress):
    kind = "container"
    facts = dict.fromkeys(("restart", "retries"), "text")

    def observe(self, host: RemovalHost, ref: Ref) -> Described:
        if not (host.live and docker.runs()):
            return written(host, ref)
        known = self.inspected(host, ref)
        return None if known is None else _state(known["HostConfig"])

    def changes(self, was: Described, now: Described) -> str:
        return f"restart policy was {(was or {}).get('restart', 'not known')}, is {(now or {}).get('restart', 'not known')}"

    def put(self, host: RemovalHost, ref: Ref, now: Described, then: Described, content: Content | None, mark: str) -> None:  # noqa: ARG002
        if then is None:
            raise SurpriseError("a container is never removed")
        if self.observe(host, ref) != now:
            raise SurpriseError("its restart policy changed a moment ago")
        policy = {"Name": then["restart"], "MaximumRetryCount": int(then["retries"])}
        docker.change(ref.name, "update", {"RestartPolicy": policy})


def configuration(container: str) -> str:
    """Return the path of the file in which the engine keeps how a container was made."""
    return f"/var/lib/docker/containers/{container}/hostconfig.json"


def written(view: HostView, ref: Ref) -> Described:
    """Return the policy that the file of a container has, None where it has none or is not there."""
    try:
        return _state(json.loads(view.files.read(configuration(ref.name))))
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def _state(settings: Mapping[str, Any]) -> State:
    policy = settings.get("RestartPolicy") or {}
    return {"restart": str(policy.get("Name") or "no"), "retries": str(policy.get("MaximumRetryCount") or 0)}


OBJECT = _Container()
