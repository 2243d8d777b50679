"""Processes of the live Linux host that one way of asking hides."""

from __future__ import annotations

from typing import Any

from commodore.containers.listing import listing_artefact
from commodore.host import Host

_VIEWS = (("listed", "readdir"), ("direct", "getdents64"), ("answered", "probe"), ("cgroup", "control groups"))
"""Key of an object, and the name of the list that it stands for"""


def _adds(one: dict[str, Any], host: Host) -> dict[str, Any]:  # noqa: ARG001
    if not isinstance(one.get("pid"), int):
        return {"escadre.listing.kind": "summary"}
    seen = [words for key, words in _VIEWS if one.get(key) is True]
    return {"escadre.listing.kind": "hidden process"} | ({"escadre.listing.only": seen} if seen else {})


ARTEFACT, parse, expected = listing_artefact(
    "process_views/1",
    renamed={"pid": "process.pid", "name": "process.name", "exe": "process.executable", "command_line": "process.command_line"},
    shown=("listed", "direct", "answered", "cgroup", "probed_to", "complete", "hidepid"),
    adds=_adds,
    added=("escadre.listing.kind", "escadre.listing.only"),
    name="live_process_views",
    title="Processes that a list hides",
    about="SCOUT asked for processes in four ways: readdir of /proc, the same by a direct system call, a probe of every id, and the ids in "
    "control groups. The first record has the four counts; each further record is a process that an ordinary list does not have.",
    proves_not="That nothing is hidden where no process is named: a rootkit in the kernel may answer all four alike.",
    targets=("LL03",),
    category=("process",),
    action="process-view-compared",
    attack=("T1014", "T1564"),
    message="[The process {process.name!q} (pid {process.pid})|Process {process.pid}|The list of processes]"
    "[ is hidden: only {escadre.listing.only} shows it| was compared with other lists].",
    sources=("scout.live.linux.process_views: live/process_views.jsonl, schema process_views/1",),
)
