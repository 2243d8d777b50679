"""Running processes, one object each (`processes/1`).

pid, ppid, name     numbers, and the kernel's short name (`comm`)
exe                 path of the executable as the process sees it, without ` (deleted)`; absent for kernel threads
exe_deleted         its file has no name any more; exe_memfd: it never had one (memfd_create)
exe_sha256          of the running image itself (read through /proc/<pid>/exe), deleted or not; exe_size in bytes
cmdline             list of arguments; command_line: the same joined by blanks
cwd, root           paths; root only where it is not /
start               RFC 3339 UTC, hundredths of a second (clock ticks since boot)
uid, gid, user      real ids, name from /etc/passwd; euid where it differs; loginuid: user of the first login
status              running, sleeping, disk sleep, stopped, traced, zombie, dead, idle
terminal, session, pgid, threads, rss_bytes, kernel_thread, tracer_pid (of a debugger), cap_eff (hexadecimal)
ns_mnt, ns_pid, ns_net, ns_user   inodes of namespaces; cgroup: path

unreadable          which of exe, cwd, root this account may not look at (their keys are absent)

The environment is not taken: it holds secrets. Source: proc(5).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Any

from scout.live.linux import procfs
from scout.sources.timed_calls import TimedCalls

SCHEMA = 1
MAX_EXE = 512 << 20
"""a larger executable is not hashed"""
_STATES = {"R": "running", "S": "sleeping", "D": "disk sleep", "T": "stopped", "t": "traced", "Z": "zombie", "X": "dead", "I": "idle"}
_KERNEL_THREAD = 0x200000
_NOBODY = 0xFFFFFFFF


def collect() -> Iterator[dict[str, Any]]:
    """Yield all processes that the kernel lists; those that end meanwhile are left out."""
    users, boot, ticks = procfs.accounts(), procfs.boot_time(), os.sysconf("SC_CLK_TCK")
    hashes: dict[tuple[int, int, int, int], str] = {}
    patience = TimedCalls(20)
    for pid in procfs.pids():
        process = _process(pid, users, boot, ticks)
        if process is not None:
            process |= _image(pid, hashes, patience)
            process["unreadable"] = [name for name in ("exe", "cwd", "root") if procfs.denied(f"/proc/{pid}/{name}")] or None
            yield {key: value for key, value in process.items() if value not in (None, "")}
    patience.close()


def _process(pid: int, users: dict[int, str], boot: float, ticks: int) -> dict[str, Any] | None:
    stat, status = procfs.stat(pid), procfs.status(pid)
    if len(stat) < 22 or not status:
        return None
    uid = [int(number) for number in status.get("Uid", "").split()]
    gid = [int(number) for number in status.get("Gid", "").split()]
    arguments = procfs.read(f"/proc/{pid}/cmdline")
    command = [procfs.text(one) for one in arguments.rstrip(b"\0").split(b"\0")] if arguments else []
    login = procfs.text(procfs.read(f"/proc/{pid}/loginuid")).strip()
    root = procfs.link(f"/proc/{pid}/root")
    return {
        "pid": pid,
        "ppid": int(stat[1]),
        "name": procfs.text(procfs.read(f"/proc/{pid}/comm")).rstrip("\n"),
        "cmdline": command,
        "command_line": " ".join(command),
        "cwd": procfs.link(f"/proc/{pid}/cwd"),
        "root": root if root != "/" else None,
        "start": procfs.moment(boot + int(stat[19]) / ticks),
        "uid": uid[0] if uid else None,
        "gid": gid[0] if gid else None,
        "euid": uid[1] if len(uid) > 1 and uid[1] != uid[0] else None,
        "user": users.get(uid[0]) if uid else None,
        "loginuid": int(login) if login.isdigit() and int(login) != _NOBODY else None,
        "status": _STATES.get(stat[0], stat[0]),
        "terminal": _terminal(int(stat[4])),
        "session": int(stat[3]),
        "pgid": int(stat[2]),
        "threads": int(stat[17]),
        "rss_bytes": int(stat[21]) * os.sysconf("SC_PAGE_SIZE"),
        "kernel_thread": bool(int(stat[6]) & _KERNEL_THREAD) or None,
        "tracer_pid": int(status.get("TracerPid", "0")) or None,
        "cap_eff": status.get("CapEff", "").strip(),
        "cgroup": _cgroup(pid),
        **{f"ns_{kind}": _namespace(pid, kind) for kind in ("mnt", "pid", "net", "user")},
    }


def _image(pid: int, hashes: dict[tuple[int, int, int, int], str], patience: TimedCalls) -> dict[str, Any]:
    path = f"/proc/{pid}/exe"
    target = procfs.link(path)
    if not target:
        return {}
    image: dict[str, Any] = {"exe": target, "exe_deleted": False, "exe_memfd": target.startswith("/memfd:")}
    try:
        known = patience.call(os.stat, path)
        image["exe_deleted"] = known.st_nlink == 0
        image["exe_size"] = known.st_size
        key = (known.st_dev, known.st_ino, known.st_mtime_ns, known.st_size)
        if key not in hashes and known.st_size <= MAX_EXE:
            hashes[key] = patience.call(_sha256, path)
        image["exe_sha256"] = hashes.get(key)
    except OSError as e:
        image["exe_error"] = e.strerror or str(e)
    if target.endswith(" (deleted)") and image["exe_deleted"]:
        image["exe"] = target.removesuffix(" (deleted)")
    return image


def _sha256(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _terminal(number: int) -> str | None:
    """Return the name of a controlling terminal from its device number: tty_nr of proc_pid_stat(5)."""
    if not number:
        return None
    major, minor = (number >> 8) & 0xFFF, (number & 0xFF) | ((number >> 12) & 0xFFF00)
    if 136 <= major <= 143:
        return f"pts/{(major - 136) * 256 + minor}"
    return f"tty{minor}" if major == 4 and minor < 64 else f"ttyS{minor - 64}" if major == 4 else f"{major}:{minor}"


def _namespace(pid: int, kind: str) -> int | None:
    found = procfs.link(f"/proc/{pid}/ns/{kind}")
    number = found.partition("[")[2].rstrip("]")
    return int(number) if number.isdigit() else None


def _cgroup(pid: int) -> str | None:
    """Return the path in the unified hierarchy, or in systemd's own."""
    for line in procfs.lines(f"/proc/{pid}/cgroup"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" or controllers == "name=systemd":
            return path
    return None
