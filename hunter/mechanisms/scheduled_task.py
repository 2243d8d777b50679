r"""A scheduled task as a whole: its definition file, and what the registry's TaskCache has of it.

`Tree\<path>` names the task's GUID (`Id`), `Tasks\{GUID}` has its actions, and an index key (`Plain`, `Logon`, `Boot`, `Maintenance`) says
when it starts. The index goes first, so that an interrupted removal leaves a task that does not start. Folders of tasks stay.
On a running Windows the Task Scheduler deletes what it knows; a task that is hidden from it goes as on a mounted root.
Sources: [MS-TSCH] 2.4; the keys as every Windows since 6.0 has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._parts import Operation, file_at, obstacles
from hunter.objects.registry_key import view_state
from hunter.objects.scheduled_task import OBJECT as TASK
from hunter.objects.scheduled_task import scheduler_of
from hunter.plan.model import RemovalTarget
from hunter.ref import Ref

_CACHE = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache"
_FOLDER = re.compile(r"(?i)/[^/]+/(?:system32|syswow64)/tasks/(.+)")
_GUID = re.compile(r"\{[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}")
_INDEXES = ("Boot", "Logon", "Maintenance", "Plain")


class _ScheduledTask(Operation):
    operation = "scheduled-task"
    encloses = True

    def targets(self, fields: Mapping[str, Any]) -> list[RemovalTarget]:
        return [RemovalTarget(file_at(fields))]

    def belongings(self, view: HostView, ref: Ref) -> list[Ref]:
        return [key for key in _keys(view, ref) if view_state(view, key)]

    def names(self, ref: Ref, other: Ref) -> bool:
        place = _FOLDER.fullmatch(ref.name)
        tree = f"{_CACHE}\\Tree\\" + place[1].replace("/", "\\") if place else ""
        return other.object == "registry-key" and other.name.casefold() == tree.casefold()

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        state = view.files.state(target.ref.name)
        found = Inspection(
            {target.ref: state.to_json() if state else None}, gone="" if state else "the definition of the task is not there"
        )
        found.problems += obstacles(target.ref.name, state)
        task = _task(target.ref)
        if task is not None and (host := scheduler_of(view)) and (known := TASK.observe(host, task)):
            found.states[task] = known
            return found
        for key in _keys(view, target.ref):
            if known := view_state(view, key):
                found.states[key] = known
        return found

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:
        keys = [ref for ref in found.states if ref != target.ref]
        if any(ref.object == TASK.kind for ref in keys):
            return [Edit("cut", ref) for ref in keys]
        return [*(Edit("cut", ref) for ref in reversed(keys)), Edit("cut", target.ref)]


def _task(ref: Ref) -> Ref | None:
    """Return the task as the Task Scheduler names it, None for a file that is no definition."""
    place = _FOLDER.fullmatch(ref.name)
    return Ref(TASK.kind, "\\" + place[1].replace("/", "\\")) if place else None


def _keys(view: HostView, ref: Ref) -> Iterator[Ref]:
    """Yield the keys of TaskCache that a task may have, its name first."""
    place = _FOLDER.fullmatch(ref.name)
    if place is None:
        return
    tree = f"{_CACHE}\\Tree\\" + place[1].replace("/", "\\")
    yield Ref("registry-key", tree)
    value = view.registry.value(tree, "Id")
    guid = value.data.decode("utf-16-le", "replace").partition("\0")[0] if value else ""
    if _GUID.fullmatch(guid):
        yield Ref("registry-key", f"{_CACHE}\\Tasks\\{guid}")
        yield from (Ref("registry-key", f"{_CACHE}\\{index}\\{guid}") for index in _INDEXES)


MECHANISM = _ScheduledTask()
