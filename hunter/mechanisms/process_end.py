"""End a running process: stop it and everything below it before persistence is cut, end all of them when everything else is done.

Ending is behind the barrier: nothing makes the process again. Until then undo lets it go on.
Options: `memory: "yes"` keeps the memory of all of them when they are stopped; `ends: "no"` leaves them stopped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hunter.host import processes
from hunter.host.host import RemovalHost
from hunter.host.process import RunningProcess
from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._parts import Operation
from hunter.objects.frozen import OBJECT as FROZEN
from hunter.objects.process import OBJECT as PROCESS
from hunter.objects.process import find
from hunter.plan.model import RemovalTarget
from hunter.ref import Ref
from hunter.unsafe import UnsafeError

_SHOWN = 8
_INTERPRETER = re.compile(
    r"(?i).*/(?:(?:(?:ba|da|z|k|mk|c|tc|fi|pw)?sh|busybox|(?:python|pythonw|perl|ruby|php|lua|node|java|javaw|tclsh|gawk|mawk)[\d.]*)(?:\.exe)?"
    r"|(?:cmd|powershell|wscript|cscript|mshta|rundll32|regsvr32|msbuild|dllhost|svchost)\.exe)"
)
"""programs that run what their arguments name: the same program alone says nothing"""


class _ProcessEnd(Operation):
    operation = "process-end"

    def __init__(self, *, ends: bool = True, memory: bool = False) -> None:
        self._ends, self._memory, self.stays = ends, memory, not ends

    def bind(self, options: Mapping[str, Any]) -> _ProcessEnd:
        return _ProcessEnd(ends=options.get("ends") != "no", memory=options.get("memory") == "yes")

    def targets(self, fields: Mapping[str, Any]) -> list[RemovalTarget]:
        return [RemovalTarget(PROCESS.ref({"path": fields.get("path"), "pid": fields.get("pid"), "start": fields.get("started")}))]

    def recorded(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        named = {"started": "started", "executable": "path", "image": "image_sha256", "command": "data"}
        return {fact: fields.get(word) for fact, word in named.items()}

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        if not (isinstance(view, RemovalHost) and view.live):
            return Inspection(later="only a running host has processes")
        state = PROCESS.observe(view, target.ref)
        found = Inspection({target.ref: state}, stays=self.stays)
        process = find(view, target.ref)
        if state is None or process is None:
            found.states[target.ref] = None
            found.gone = "the process has ended"
            return found
        frozen = target.ref._replace(object=FROZEN.kind)
        found.states[frozen] = FROZEN.observe(view, frozen)
        if not self._ends and process.stopped:
            found.gone = "the process is stopped"
            return found
        if self._memory:
            try:
                found.memory = processes.memory_size(process)
            except UnsafeError as e:
                found.problems.append(str(e))
        children = processes.below(process)
        if children:
            told = ", ".join(child.told for child in children[:_SHOWN]) + (" …" if len(children) > _SHOWN else "")
            found.notes.append(f"what it started goes with it: {told}")
        return found

    def returned(self, view: HostView, target: RemovalTarget, expect: Mapping[str, Any]) -> str:
        if not (self._ends and isinstance(view, RemovalHost) and view.live):
            return ""
        now = [p for p in processes.everything() if _again(p, target.ref, expect)]
        return f"it runs again: {', '.join(p.told for p in now[:_SHOWN])}" if now else ""

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:
        frozen = target.ref._replace(object=FROZEN.kind)
        state = found.states.get(frozen) or {}
        stop = [Edit("freeze", frozen, after={**state, "frozen": "yes"}, memory=self._memory)] if state.get("frozen") == "no" else []
        return [*stop, *([Edit("irreversible", target.ref, memory=self._memory)] if self._ends else [])]


def _again(process: RunningProcess, ref: Ref, expect: Mapping[str, Any]) -> bool:
    """Return whether a process runs what the ended one ran: the same program, and of an interpreter the same command line."""
    if process.kernel or not processes.same_program(process.executable, ref.name):
        return False
    return _INTERPRETER.fullmatch(ref.name) is None or process.command == expect.get("command")


MECHANISM = _ProcessEnd()
