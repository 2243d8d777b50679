r"""Running processes, one object each (`processes/1`): the fields of Linux hosts, and those that only Windows has.

pid, ppid, name     numbers, and the name of the image
exe                 path of the executable; exe_sha256, exe_size in bytes; exe_error: why it could not be read
cmdline             list of arguments; command_line: the same as one text
cwd, start (RFC 3339 UTC, 100 ns), threads, rss_bytes, session, handles
user                `DOMAIN\name`; sid; integrity (untrusted, low, medium, high, system); elevated; wow64 (a 32-bit program)
listed_by           which of system, toolhelp, probe showed it, where they differ. A process that ends meanwhile is in some only
unreadable          true: this account may not look at it

The environment is not taken: it contains secrets. Source: Microsoft, NtQuerySystemInformation, CreateToolhelp32Snapshot, psutil.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from scout.live.windows import _files, _native, _processes

SCHEMA = 1
_WITHOUT_FILE = ("System Idle Process", "System", "Registry", "Secure System", "Memory Compression", "vmmem")


def collect() -> Iterator[dict[str, Any]]:
    """Yield all processes of the three lists."""
    listed = {one.pid: one for one in _processes.of_system()}
    toolhelp, probed = _processes.of_toolhelp(), set(_processes.by_probing())
    hashes = _files.FileHashes()
    for pid in sorted(listed.keys() | toolhelp.keys() | probed):
        lists = [("system", pid in listed), ("toolhelp", pid in toolhelp), ("probe", pid in probed)]
        one = listed.get(pid) or _processes.ListedProcess(pid, 0, toolhelp.get(pid, ""), 0, 0, 0, 0, 0)
        process = {
            "pid": pid,
            "ppid": one.parent if pid in listed else None,
            "name": one.name,
            "start": _native.moment(one.created),
            "threads": one.threads,
            "session": one.session if pid in listed else None,
            "rss_bytes": one.working_set,
            "handles": one.handles,
            **_opened(pid, one.name, hashes),
        }
        # the two lowest pids cannot be opened, nor can others without rights: only a probe that saw more is a difference
        if not (pid in listed and pid in toolhelp):
            process["listed_by"] = [name for name, found in lists if found]
        yield _native.known(process)


def difference(row: dict[str, Any]) -> str:
    """Return the sentence for the summary, '' for a row that shows no difference."""
    return f"process {row['pid']} {row.get('name', '')} answers to a probe, and is in no list" if row.get("listed_by") == ["probe"] else ""


def _opened(pid: int, name: str, hashes: _files.FileHashes) -> dict[str, Any]:
    import psutil

    with _native.process(pid) as handle:
        if not handle:
            return {"unreadable": True} if name not in _WITHOUT_FILE else {}
        out: dict[str, Any] = {**_processes.token_facts(handle), "wow64": _processes.wow64(handle), "exe": _processes.image(handle)}
    if out["exe"]:
        file = hashes.of(out["exe"])
        out |= {"exe_sha256": file.get("sha256"), "exe_size": file.get("size"), "exe_error": file.get("error")}
        if not name:
            out["name"] = out["exe"].rpartition("\\")[2]
    with suppress(psutil.Error, OSError, ValueError):
        running = psutil.Process(pid)
        with suppress(psutil.Error, OSError):
            out["cmdline"] = [_native.text(argument) for argument in running.cmdline()]
            out["command_line"] = " ".join(out["cmdline"])
        with suppress(psutil.Error, OSError):
            out["cwd"] = _native.text(running.cwd()).rstrip("\0")
    return out
