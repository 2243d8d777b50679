"""Scheduled tasks as the scheduler of the live Windows had them, beside its files and its cache."""

from __future__ import annotations

import re
from typing import Any

from commodore.containers.listing import listing_artefact
from commodore.host import Host

_EXEC = re.compile(r"<Command>([^<]{1,8192})</Command>(?:\s*<Arguments>([^<]{0,8192})</Arguments>)?")
_ALL = {"scheduler", "file", "cache"}


def _adds(one: dict[str, Any], host: Host) -> dict[str, Any]:  # noqa: ARG001
    from html import unescape

    out: dict[str, Any] = {}
    xml = one.get("xml")
    if isinstance(xml, str):
        found = [unescape(" ".join(filter(None, (command, arguments)))).strip() for command, arguments in _EXEC.findall(xml[: 1 << 20])]
        if found:
            out["escadre.task.commands"] = found
    seen = one.get("seen_by")
    if isinstance(seen, list) and seen and set(seen) != _ALL:
        out["escadre.listing.only"] = [str(word) for word in seen]
    if isinstance(one.get("last_run"), str):
        out["@timestamp"] = one["last_run"]
    return out


ARTEFACT, parse, expected = listing_artefact(
    "tasks/1",
    renamed={
        "path": "escadre.task.path",
        "enabled": "escadre.task.enabled",
        "cache_id": "escadre.task.id",
        "no_descriptor": "escadre.task.hidden",
    },
    shown=("state", "next_run", "last_result", "missed"),
    adds=_adds,
    added=("escadre.task.commands", "escadre.listing.only"),
    name="live_tasks",
    title="Scheduled tasks as the scheduler sees them",
    about="Every task that the scheduler, the folder of task files or the cache in the registry had while SCOUT ran, with its last run. A "
    "task that only some of them have, or without a security descriptor in the cache, is hidden from the usual tools.",
    targets=("WL06",),
    times={"@timestamp": "last run of the task, as the scheduler says"},
    category=("configuration",),
    action="scheduled-task-observed",
    attack=("T1053.005",),
    message="The task {escadre.task.path!q}[ runs {escadre.task.commands!q}][; seen only by {escadre.listing.only}]"
    "[{?escadre.task.hidden}; it is hidden].",
    sources=("scout.live.windows.tasks: live/tasks.jsonl, schema tasks/1",),
)
