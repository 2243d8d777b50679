"""A program runs with the rights of who starts it: its setuid and setgid bits and its capabilities go, the program stays.

Sources: chmod(2), capabilities(7) (`security.capability`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hunter.host.state import ObjectState
from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._parts import Operation, file_at, obstacles
from hunter.plan.model import RemovalTarget

_CAPABILITIES = "security.capability"
_BITS = 0o6000


class _FileRights(Operation):
    operation = "file-rights"
    starts = False
    stays = True

    def targets(self, fields: Mapping[str, Any]) -> list[RemovalTarget]:
        return [RemovalTarget(file_at(fields))]

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        state = view.files.state(target.ref.name)
        found = Inspection({target.ref: state.to_json() if state else None}, stays=True)
        if state is None:
            found.gone = "the file is not there"
            return found
        found.problems += obstacles(target.ref.name, state)
        if state.type != "file":
            found.problems += [] if found.problems else [f"{target.ref.name} is a {state.type}"]
        elif _without(state) == state:
            found.gone = "it has neither of these bits, and no capabilities"
        return found

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:
        now = found.states[target.ref]
        return [Edit("cut", target.ref, after=_without(ObjectState.from_json(now)).to_json())] if now is not None else []


def _without(state: ObjectState) -> ObjectState:
    xattrs = tuple((name, value) for name, value in state.xattrs if name != _CAPABILITIES)
    return replace(state, mode=f"{int(state.mode, 8) & ~_BITS:04o}", xattrs=xattrs)


MECHANISM = _FileRights()
