r"""What the two operations on scheduled tasks share: the keys of TaskCache, and the name of a task in each place."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hunter.host.view import HostView
from hunter.objects.scheduled_task import OBJECT as TASK
from hunter.ref import Ref

CACHE = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache"
TASK_FOLDER = "/Windows/System32/Tasks"
_FOLDER = re.compile(r"(?i)/[^/]+/(?:system32|syswow64)/tasks/(.+)")
_GUID = re.compile(r"\{[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}")
_INDEXES = ("Boot", "Logon", "Maintenance", "Plain")


def task_name(ref: Ref) -> str:
    """Return the name of a task from the path of its definition, '' for a file that is none."""
    place = _FOLDER.fullmatch(ref.name)
    return place[1].replace("/", "\\") if place else ""


def scheduled(ref: Ref) -> Ref | None:
    """Return the task as the Task Scheduler names it, None for a file that is no definition."""
    name = task_name(ref)
    return Ref(TASK.kind, f"\\{name}") if name else None


def text_of(view: HostView, key: str, name: str) -> str:
    """Return the text of a value, '' where there is none."""
    value = view.registry.value(key, name)
    return value.data.decode("utf-16-le", "replace").partition("\0")[0] if value else ""


def keys_of(view: HostView, ref: Ref) -> Iterator[Ref]:
    """Yield the keys of TaskCache that a task may have, its name first."""
    name = task_name(ref)
    if not name:
        return
    tree = f"{CACHE}\\Tree\\{name}"
    yield Ref("registry-key", tree)
    guid = text_of(view, tree, "Id")
    if _GUID.fullmatch(guid):
        yield Ref("registry-key", f"{CACHE}\\Tasks\\{guid}")
        yield from indexes(guid)


def indexes(guid: str) -> Iterator[Ref]:
    """Yield the keys that say when a task starts."""
    return (Ref("registry-key", f"{CACHE}\\{index}\\{guid}") for index in _INDEXES)
