"""Mounts of the live Linux host."""

from __future__ import annotations

from commodore.containers.listing import listing_artefact

ARTEFACT, parse, expected = listing_artefact(
    "mounts/1",
    renamed={"point": "file.path", "source": "file.target_path"},
    shown=("fstype", "options", "device", "root", "why_not"),
    name="live_mounts",
    title="Mounts",
    about="Every mount that SCOUT saw: what is mounted where, and whether SCOUT reads files there. A mount over a folder hides what the "
    "folder has; one over a folder of /proc hides a process from the tools that read it.",
    proves_not="That other processes see the same: each mount namespace has mounts of its own.",
    targets=("LL05",),
    category=("configuration",),
    action="mount-observed",
    attack=("T1564", "T1014"),
    message="{file.path!q} has [{file.target_path!q}|a file system] mounted over it.",
    sources=("scout.live.linux.mounts: live/mounts.jsonl, schema mounts/1", "proc_pid_mountinfo(5)"),
)
