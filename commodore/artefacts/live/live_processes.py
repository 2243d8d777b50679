"""Processes that ran while SCOUT collected: one record each, with parent, user, executable and its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.containers.json_lines import JsonLinesView, Schema, locator
from commodore.fence import fenced
from commodore.host import Host

ARTEFACT = Artefact(
    name="live_processes",
    title="Running processes",
    about="Every process that the kernel listed while SCOUT ran: executable with SHA-256, command line, parent, user, start. Marks an "
    "executable that was deleted or that never had a file (memfd). A process that a rootkit hides from the kernel's list is missing here.",
    holds=Schema("processes", 1),
    targets=("LL01", "WL01"),
    needs=("users",),
    fields=(
        "process.pid",
        "process.entity_id",
        "process.name",
        "process.executable",
        "process.command_line",
        "process.args",
        "process.start",
        "process.working_directory",
        "process.hash.sha256",
        "process.parent.pid",
        "process.parent.name",
        "process.parent.executable",
        "process.parent.command_line",
        "process.parent.entity_id",
        "process.parent.start",
        "user.id",
        "user.name",
        "related.hash",
        "related.user",
        "escadre.process.deleted",
        "escadre.process.memfd",
        "escadre.process.status",
        "escadre.process.threads",
        "escadre.tty",
    ),
    times={
        "@timestamp": "process.start: when the process started",
        "process.start": "start of the process, as the kernel says",
        "process.parent.start": "start of the parent",
    },
    kind="state",
    category=("process",),
    type=("info",),
    action="process-observed",
    attack=("T1057",),
    message="[{process.name!q}|A process] (pid {process.pid}) runs [`{process.command_line}`|`{process.executable}`|without a command line]"
    "[ as {user.name!q}][{?escadre.process.deleted}, from a deleted executable][{?escadre.process.memfd}, from memory alone].",
    version=2,
    sources=(
        "scout.live.linux.processes, scout.live.windows.processes: live/processes.jsonl, schema processes/1",
        "proc(5): /proc/pid/stat, exe, cmdline; psutil documentation",
    ),
)


def expected(listing: JsonLinesView) -> int:
    """Count the lines after the first that are not blank."""
    return listing.expected()


def parse(listing: JsonLinesView, host: Host) -> Iterator[Record | Problem]:
    listed: list[tuple[int, dict[str, Any]]] = []

    def note(numbered: tuple[int, dict[str, Any]]) -> Iterator[Problem]:
        if isinstance(numbered[1].get("pid"), int):
            listed.append(numbered)
        else:
            yield Problem("object has no pid", locator(numbered), 1)

    yield from listing.each(note)
    by_pid = {one["pid"]: one for _, one in listed}
    yield from fenced(listed, locator, lambda one: [Record(locator(one), _fields(one[1], by_pid, host), "live")])


def _fields(one: dict[str, Any], by_pid: dict[int, dict[str, Any]], host: Host) -> dict[str, Any]:
    out: dict[str, Any] = {"process.pid": one["pid"], "process.entity_id": entity(host.collection, one["pid"], one.get("start"))}
    for name, field in (
        ("name", "process.name"),
        ("exe", "process.executable"),
        ("cwd", "process.working_directory"),
        ("start", "process.start"),
        ("exe_sha256", "process.hash.sha256"),
        ("user", "user.name"),
        ("status", "escadre.process.status"),
        ("terminal", "escadre.tty"),
    ):
        if isinstance(one.get(name), str) and one[name]:
            out[field] = one[name]
    out |= _command(one)
    if "process.start" in out:
        out["@timestamp"] = out["process.start"]
    if isinstance(one.get("threads"), int):
        out["escadre.process.threads"] = one["threads"]
    if (account := one.get("uid", one.get("sid"))) is not None:
        out["user.id"] = str(account)
        if "user.name" not in out and str(account) in host.users:
            out["user.name"] = host.users[str(account)]
    for name, field in (("exe_deleted", "escadre.process.deleted"), ("exe_memfd", "escadre.process.memfd")):
        if isinstance(one.get(name), bool):
            out[field] = one[name]
    if "process.hash.sha256" in out:
        out["related.hash"] = [out["process.hash.sha256"]]
    if "user.name" in out:
        out["related.user"] = [out["user.name"]]
    out |= _parent(one, by_pid, host)
    return out


def _command(one: dict[str, Any]) -> dict[str, Any]:
    args = one.get("cmdline")
    out: dict[str, Any] = {}
    if isinstance(args, list) and args:
        out["process.args"] = [str(a) for a in args]
        out["process.command_line"] = " ".join(out["process.args"])
    if isinstance(one.get("command_line"), str) and one["command_line"]:
        out["process.command_line"] = one["command_line"]
    return out


def _parent(one: dict[str, Any], by_pid: dict[int, dict[str, Any]], host: Host) -> dict[str, Any]:
    """Return the fields of the parent. A process that started later than its child has reused the pid and is not the parent."""
    ppid = one.get("ppid")
    if not isinstance(ppid, int):
        return {}
    out: dict[str, Any] = {"process.parent.pid": ppid}
    parent = by_pid.get(ppid)
    start, began = one.get("start"), parent.get("start") if parent else None
    if parent is None or parent is one or (isinstance(start, str) and isinstance(began, str) and began > start):
        return out
    out["process.parent.entity_id"] = entity(host.collection, ppid, began)
    for name, field in (
        ("name", "process.parent.name"),
        ("exe", "process.parent.executable"),
        ("command_line", "process.parent.command_line"),
        ("start", "process.parent.start"),
    ):
        if isinstance(parent.get(name), str) and parent[name]:
            out[field] = parent[name]
    return out


def entity(collection: str, pid: int, start: object) -> str:
    """Return `process.entity_id`: a hash of collection, pid and start time, so that a reused pid is another process."""
    return hashlib.blake2b(f"{collection}\0{pid}\0{start or ''}".encode("utf-8", "backslashreplace"), digest_size=12).hexdigest()
