"""Objects with code that the live Linux host loaded into SCOUT itself."""

from __future__ import annotations

from typing import Any

from commodore.containers.listing import listing_artefact
from commodore.host import Host


def _adds(one: dict[str, Any], host: Host) -> dict[str, Any]:  # noqa: ARG001
    kind = "preloaded" if one.get("preloaded") is True else "foreign" if one.get("foreign") is True else "expected"
    out: dict[str, Any] = {"escadre.listing.kind": kind}
    if isinstance(one.get("path"), str):
        out["dll.name"] = one["path"].rpartition("/")[2]
    return out


ARTEFACT, parse, expected = listing_artefact(
    "own_objects/1",
    renamed={"path": "dll.path", "perms": "escadre.memory.protection", "deleted": "escadre.process.deleted"},
    adds=_adds,
    added=("dll.name", "escadre.listing.kind"),
    name="live_own_objects",
    title="Libraries in SCOUT itself",
    about="Every object with code in SCOUT's own process. What an intruder preloads is in each new process, so also in SCOUT; it filters "
    "all that SCOUT shows. `preloaded` is named by LD_PRELOAD or /etc/ld.so.preload; `foreign` is in no folder of libraries of the system.",
    proves_not="That the list is complete: such a library may hide itself from the process that it is in.",
    targets=("LL03",),
    category=("process",),
    action="library-observed",
    attack=("T1574.006",),
    message="SCOUT had {dll.path!q} in its own process[{?escadre.process.deleted}, whose file is deleted].",
    sources=("scout.live.linux.own_objects: live/own_objects.jsonl, schema own_objects/1", "proc_pid_maps(5), ld.so(8)"),
)
