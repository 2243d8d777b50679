r"""A scheduled task as a whole: its definition file, and what the registry's TaskCache has of it.

`Tree\<path>` names the task's GUID (`Id`), `Tasks\{GUID}` has its actions, and an index key (`Plain`, `Logon`, `Boot`, `Maintenance`) says
when it starts. The index goes first, so that an interrupted removal leaves a task that does not start. Folders of tasks stay.
On a running Windows the Task Scheduler deletes what it knows; a task that is hidden from it goes as on a mounted root.
Sources: [MS-TSCH] 2.4; the keys as every Windows since 6.0 has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._parts import Operation, file_at, obstacles
from hunter.mechanisms._tasks import CACHE, keys_of, scheduled, task_name
from hunter.objects._managed import live_windows
from hunter.objects.registry_key import view_state
from hunter.objects.scheduled_task import OBJECT as TASK
from hunter.plan.model import RemovalTarget
from hunter.ref import Ref


class _ScheduledTask(Operation):
    operation = "scheduled-task"
    encloses = True
    names_others = True

    def targets(self, fields: Mapping[str, Any]) -> list[RemovalTarget]:
        return [RemovalTarget(file_at(fields))]

    def belongings(self, view: HostView, ref: Ref) -> list[Ref]:
        return [key for key in keys_of(view, ref) if view_state(view, key)]

    def names(self, ref: Ref, other: Ref) -> bool:
        tree = f"{CACHE}\\Tree\\{task_name(ref)}"
        return other.object == "registry-key" and other.name.casefold() == tree.casefold()

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        state = view.files.state(target.ref.name)
        found = Inspection(
            {target.ref: state.to_json() if state else None}, gone="" if state else "the definition of the task is not there"
        )
        found.problems += obstacles(target.ref.name, state)
        task = scheduled(target.ref)
        if task is not None and (host := live_windows(view)) and (known := TASK.observe(host, task)):
            found.states[task] = known
            return found
        for key in keys_of(view, target.ref):
            if known := view_state(view, key):
                found.states[key] = known
        return found

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:
        keys = [ref for ref in found.states if ref != target.ref]
        if any(ref.object == TASK.kind for ref in keys):
            return [Edit("cut", ref) for ref in keys]
        return [*(Edit("cut", ref) for ref in reversed(keys)), Edit("cut", target.ref)]


MECHANISM = _ScheduledTask()
