"""One container of Docker is stopped and does not start again: its restart policy. The container, its image and its volumes stay.

A running engine is asked by its socket, as it would write its file anew. Where none runs, the policy changes in `hostconfig.json`, which
the engine reads when it starts. Sources: Docker Engine API (ContainerUpdate, ContainerStop); dockerd's container/container.go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from hunter.host import docker
from hunter.host.host import RemovalHost
from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._parts import Operation, file_at, obstacles
from hunter.objects._text import Cut, Put
from hunter.objects.container import OBJECT as CONTAINER
from hunter.objects.container import configuration, written
from hunter.objects.container_running import OBJECT as RUNNING
from hunter.plan.model import RemovalTarget
from hunter.ref import Ref

_FILE = re.compile(r"/var/lib/docker/containers/([0-9a-f]{64})/hostconfig\.json")
_POLICY = re.compile(rb'"RestartPolicy"\s*:\s*\{([^{}]*)\}')
_NAME, _RETRIES = re.compile(rb'"Name"\s*:\s*("[a-z-]*")'), re.compile(rb'"MaximumRetryCount"\s*:\s*(\d+)')


class _ContainerStop(Operation):
    operation = "container-stop"
    starts = False
    stays = True

    def targets(self, fields: Mapping[str, Any]) -> list[RemovalTarget]:
        ref = file_at(fields)
        if not _FILE.fullmatch(ref.name):
            raise ValueError(f"{ref.name} is not the file of a container")
        return [RemovalTarget(Ref(CONTAINER.kind, ref.name.split("/")[-2]))]

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        if isinstance(view, RemovalHost) and view.live and docker.runs():
            return _asked(view, target)
        file = Ref("file", configuration(target.ref.name))
        state = view.files.state(file.name)
        found = Inspection({target.ref: written(view, target.ref), file: state.to_json() if state else None}, stays=True)
        found.problems += obstacles(file.name, state)
        if state is None:
            found.gone = "the file is not there"
        elif not found.problems:
            edits = _off(view.files.read(file.name))
            if edits is None:
                found.problems.append(f"{file.name} is no configuration of a container with one restart policy")
            elif not edits[0]:
                found.gone = "it is not started again"
            else:
                found.edits = {file: edits}
        return found

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:  # noqa: ARG002
        if any(ref.object == "file" for ref in found.states):
            return [Edit("cut", ref, cuts=cuts, puts=puts) for ref, (cuts, puts) in found.edits.items()]
        wanted: dict[str, tuple[str, dict[str, Any]]] = {
            RUNNING.kind: ("stop", {"running": "no"}),
            CONTAINER.kind: ("cut", {"restart": "no", "retries": "0"}),
        }
        return [
            Edit(stage, ref, after=after)
            for ref, state in found.states.items()
            if ref.object in wanted and state is not None
            for stage, after in (wanted[ref.object],)
            if state != after
        ]


def _asked(host: RemovalHost, target: RemovalTarget) -> Inspection:
    """Return what the running engine says of the container."""
    running = target.ref._replace(object=RUNNING.kind)
    found = Inspection({running: RUNNING.observe(host, running), target.ref: CONTAINER.observe(host, target.ref)}, stays=True)
    states = [state for state in found.states.values() if state is not None]
    if not states:
        found.gone = "the Docker engine does not know the container"
    elif all(state.get("running", "no") == state.get("restart", "no") == "no" for state in states):
        found.gone = "it does not run, and is not started again"
    return found


def _off(data: bytes) -> tuple[list[Cut], list[Put]] | None:
    """Return the cuts and puts that set the policy to `no`, none where it is; None for a file of another form."""
    try:
        before = json.loads(data)
        policy = before["RestartPolicy"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    places = _POLICY.findall(data)
    if not isinstance(policy, dict) or len(places) != 1:
        return None
    if policy.get("Name") in ("", "no"):
        return [], []
    begin = data.index(places[0], next(_POLICY.finditer(data)).start())
    cuts, puts = list[Cut](), list[Put]()
    for form, new in ((_NAME, b'"no"'), (_RETRIES, b"0")):
        for match in form.finditer(places[0]):
            at = (begin + match.start(1), begin + match.end(1))
            cuts.append(at)
            puts.append((at[0], new))
    return (cuts, puts) if cuts else None


MECHANISM = _ContainerStop()
