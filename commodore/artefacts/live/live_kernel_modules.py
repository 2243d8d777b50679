"""Modules that the kernel of the live Linux host had loaded."""

from __future__ import annotations

from typing import Any

from commodore.containers.listing import listing_artefact
from commodore.host import Host

_VIEWS = (("in_proc", "/proc/modules"), ("in_sys", "/sys/module"))


def _adds(one: dict[str, Any], host: Host) -> dict[str, Any]:  # noqa: ARG001
    seen = [words for key, words in _VIEWS if one.get(key) is True]
    return {"escadre.listing.only": seen} if len(seen) == 1 else {}


ARTEFACT, parse, expected = listing_artefact(
    "kernel_modules/1",
    renamed={"name": "file.name", "size": "escadre.memory.size"},
    shown=("state", "used", "used_by", "version", "srcversion", "taint"),
    adds=_adds,
    added=("escadre.listing.only",),
    name="live_kernel_modules",
    title="Loaded kernel modules",
    about="Every module that /proc/modules or /sys/module had while SCOUT ran. A module that only one of them lists is hidden from usual "
    "tools. `taint` has O for a module from outside of the kernel's tree and E for one without a valid signature.",
    proves_not="That nothing is hidden: a rootkit in the kernel may take itself out of both lists.",
    targets=("LL05",),
    category=("driver",),
    action="kernel-module-observed",
    attack=("T1014", "T1547.006"),
    message="The kernel has the module {file.name!q}[; seen only by {escadre.listing.only}].",
    sources=("scout.live.linux.kernel_modules: live/kernel_modules.jsonl, schema kernel_modules/1", "proc_modules(5)"),
)
