"""Libraries that processes of the live Windows had loaded, and private executable memory."""

from __future__ import annotations

from typing import Any

from commodore.containers.listing import listing_artefact
from commodore.host import Host


def _adds(one: dict[str, Any], host: Host) -> dict[str, Any]:  # noqa: ARG001
    out: dict[str, Any] = {"escadre.memory.private": bool(one.get("anonymous"))} if "unreadable" not in one else {}
    if isinstance(one.get("path"), str):
        out["dll.name"] = one["path"].rpartition("\\")[2]
    return out


ARTEFACT, parse, expected = listing_artefact(
    "modules/1",
    renamed={
        "pid": "process.pid",
        "name": "process.name",
        "path": "dll.path",
        "start": "escadre.memory.address",
        "size": "escadre.memory.size",
        "perms": "escadre.memory.protection",
    },
    shown=("sha256_head", "unreadable"),
    adds=_adds,
    added=("dll.name", "escadre.memory.private"),
    name="live_modules",
    title="Libraries and executable memory of processes",
    about="Every file that a process had mapped while SCOUT ran, and private memory that can be executed, where injected code is.",
    proves_not="That private executable memory is malicious: .NET, Java and browsers compile code at run time.",
    targets=("WL02",),
    category=("process",),
    action="library-observed",
    attack=("T1055", "T1574"),
    message="[{process.name!q}|A process] (pid {process.pid}) has [{dll.path!q} mapped|{?escadre.memory.private}private "
    "{escadre.memory.protection} memory of {escadre.memory.size} bytes|memory that could not be read].",
    sources=("scout.live.windows.modules: live/modules.jsonl, schema modules/1",),
)
