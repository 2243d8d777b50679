r"""A scheduled task that the registry names, as a whole: its keys of TaskCache, and its definition where there is one.

`Tasks\{GUID}` has the name of the task (`Path`). `Tree\<name>` goes where its `Id` is this GUID, and the file of that name with it. The
index keys go first, so that an interrupted removal leaves a task that does not start. Source: the keys as every Windows since 6.0 has them.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Any

from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._parts import Operation, obstacles
from hunter.mechanisms._tasks import CACHE, TASK_FOLDER, indexes, scheduled, text_of
from hunter.objects._managed import live_windows
from hunter.objects._registry import checked_key
from hunter.objects.registry_key import view_state
from hunter.objects.scheduled_task import OBJECT as TASK
from hunter.plan.model import RemovalTarget
from hunter.ref import Ref

_KEY = re.compile(re.escape(f"{CACHE}\\Tasks\\") + r"(\{[0-9A-Fa-f-]{32,36}\})", re.IGNORECASE)


class _CachedTask(Operation):
    operation = "cached-task"
    encloses = True

    def targets(self, fields: Mapping[str, Any]) -> list[RemovalTarget]:
        key = checked_key({"key": fields.get("path")})
        if not _KEY.fullmatch(key):
            raise ValueError("the finding names no task of TaskCache")
        return [RemovalTarget(Ref("registry-key", key))]

    def recorded(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002
        return {}

    def companions(self, fields: Mapping[str, Any]) -> list[Ref]:
        name = str(fields.get("name") or "")
        file = _file(name)
        return [file, Ref("registry-key", f"{CACHE}\\Tree{name}")] if file else []

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        key = target.ref.name
        state = view_state(view, target.ref)
        found = Inspection({target.ref: state}, gone="" if state else "the key is not there")
        place = _KEY.fullmatch(key)
        if state is None or place is None:
            return found
        name = text_of(view, key, "Path")
        tree = Ref("registry-key", f"{CACHE}\\Tree{name}")
        file = _file(name)
        known = view.files.state(file.name) if file else None
        if file and known:
            found.states[file] = known.to_json()
            found.problems += obstacles(file.name, known)
        task = scheduled(file) if file else None
        if task is not None and (host := live_windows(view)) and (running := TASK.observe(host, task)):
            found.states[task] = running
            return found
        if file and text_of(view, tree.name, "Id").casefold() == place[1].casefold() and (tree_state := view_state(view, tree)):
            found.states[tree] = tree_state
        found.states |= {ref: known_key for ref in indexes(place[1]) if (known_key := view_state(view, ref))}
        return found

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:
        others = [ref for ref in found.states if ref != target.ref]
        if running := [ref for ref in others if ref.object == TASK.kind]:
            return [Edit("cut", ref) for ref in running]
        keys = [ref for ref in others if ref.object == "registry-key"]
        files = [ref for ref in others if ref.object == "file"]
        return [*(Edit("cut", ref) for ref in reversed(keys)), Edit("cut", target.ref), *(Edit("cut", ref) for ref in files)]


def _file(name: str) -> Ref | None:
    """Return the definition of the task of this name, None for a name that could lead elsewhere."""
    parts = name.split("\\")
    if len(parts) < 2 or parts[0] or any(part in ("", ".", "..") or "/" in part or "\0" in part for part in parts[1:]):
        return None
    return Ref("file", posixpath.join(TASK_FOLDER, *parts[1:]))


MECHANISM = _CachedTask()
