"""What hooks into the running kernel (`kernel_hooks/1`); `kind` says which.

bpf_program  id, name, type (number of BPF_PROG_TYPE_*), tag, loaded (RFC 3339 UTC), uid, maps (number), bytes (of translated code),
             held_by (list of `pid name`): empty where only the kernel or a pinned file holds it
probe        text of a line of /sys/kernel/debug/kprobes/list
trace        setting, value: of ftrace, where it is not as after a start (tracer, enabled functions, dynamic probes)
packet_socket  line of /proc/net/packet: a program that reads raw packets, with a filter of its own perhaps
error        what could not be asked, and why

Source: bpf(2), linux/bpf.h (struct bpf_prog_info), kernel documentation "Kprobes" and "ftrace".
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scout.live.linux import procfs

SCHEMA = 1
MAX_PROGRAMS = 20_000
_NUMBERS = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "i686": 357, "armv7l": 386, "ppc64le": 361, "s390x": 351}
_NEXT_ID, _OPEN_ID, _INFO = 11, 13, 15
_TRACING = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")
_TRACE_FILES = {"current_tracer": "nop", "enabled_functions": "", "kprobe_events": "", "uprobe_events": "", "dynamic_events": ""}


def collect() -> Iterator[dict[str, Any]]:
    """Yield programs of BPF, probes, settings of ftrace and packet sockets."""
    try:
        yield from _programs()
    except OSError as e:
        yield {"kind": "bpf_program", "error": e.strerror or str(e)}
    for line in procfs.lines("/sys/kernel/debug/kprobes/list"):
        yield {"kind": "probe", "text": line}
    place = next((one for one in _TRACING if Path(one, "current_tracer").exists()), "")
    for name, usual in _TRACE_FILES.items() if place else ():
        value = procfs.whole(f"{place}/{name}", 1 << 20).strip()
        if value not in (usual, ""):
            yield {"kind": "trace", "setting": name, "value": value}
    for line in list(procfs.lines("/proc/net/packet"))[1:]:
        yield {"kind": "packet_socket", "text": line.strip()}


def _programs() -> Iterator[dict[str, Any]]:
    holders = _holders()
    number, last = _NUMBERS.get(os.uname().machine), 0
    if number is None:
        raise OSError(f"the number of the call bpf is not known for {os.uname().machine}")
    for _ in range(MAX_PROGRAMS):
        asked = ctypes.create_string_buffer(struct.pack("=III", last, 0, 0), 128)
        if _bpf(number, _NEXT_ID, asked) < 0:
            if ctypes.get_errno() == 2:  # ENOENT: no more
                return
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        last = struct.unpack_from("=I", asked, 4)[0]
        fd = _bpf(number, _OPEN_ID, ctypes.create_string_buffer(struct.pack("=I", last), 128))
        if fd < 0:
            continue  # it ended meanwhile
        try:
            yield {"kind": "bpf_program", "id": last, **_info(number, fd), "held_by": holders.get(last, [])}
        finally:
            os.close(fd)


def _info(number: int, fd: int) -> dict[str, Any]:
    room = ctypes.create_string_buffer(256)
    asked = ctypes.create_string_buffer(struct.pack("=IIQ", fd, len(room), ctypes.addressof(room)), 128)
    if _bpf(number, _INFO, asked) < 0:
        return {"error": os.strerror(ctypes.get_errno())}
    kind, _, tag, _, size = struct.unpack_from("=II8sII", room, 0)
    loaded, uid, maps = struct.unpack_from("=QII", room, 40)
    name = procfs.text(room.raw[64:80].split(b"\0", 1)[0])
    moment = procfs.moment(procfs.boot_time() + loaded / 1e9)
    return {"name": name, "type": kind, "tag": tag.hex(), "loaded": moment, "uid": uid, "maps": maps, "bytes": size}


def _bpf(number: int, command: int, attributes: Any) -> int:
    call = ctypes.CDLL(None, use_errno=True).syscall
    return int(call(ctypes.c_long(number), ctypes.c_int(command), attributes, ctypes.c_uint(ctypes.sizeof(attributes))))


def _holders() -> dict[int, list[str]]:
    """Return the processes that hold a program, by its id: `prog_id` in /proc/<pid>/fdinfo."""
    found: dict[int, list[str]] = defaultdict(list)
    for pid in procfs.pids():
        try:
            names = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue
        for name in names:
            if not procfs.link(f"/proc/{pid}/fd/{name}").startswith("anon_inode:bpf"):
                continue
            for line in procfs.lines(f"/proc/{pid}/fdinfo/{name}", 1 << 16):
                if line.startswith("prog_id:") and line.split()[1].isdigit():
                    who = f"{pid} {procfs.text(procfs.read(f'/proc/{pid}/comm')).strip()}"
                    if who not in found[int(line.split()[1])]:
                        found[int(line.split()[1])].append(who)
    return dict(found)
