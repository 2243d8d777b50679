"""Sockets of every network namespace, with the process that holds them (`connections/1`).

protocol            tcp, tcp6, udp, udp6, raw, raw6, unix
local_ip, local_port, remote_ip, remote_port   absent where there is no peer; for `unix`: path (an abstract name begins with `@`)
state               TCP state in capitals (`ESTABLISHED`, `LISTEN` …), `LISTEN` for a listening unix socket
listening           true for what waits for others: TCP in LISTEN, UDP without a peer, a listening unix socket
uid, user           owner of the socket; inode
pid, name           first process that holds it; pids: all of them, where there are several
namespace           inode of its network namespace

Source: proc_net(5), linux/net/tcp_states.h; addresses are in the byte order of the machine, words of 32 bits.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from scout.live.linux import procfs

SCHEMA = 1
_STATES = (
    "",
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT1",
    "FIN_WAIT2",
    "TIME_WAIT",
    "CLOSE",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "CLOSING",
    "NEW_SYN_RECV",
)
_TABLES = ("tcp", "tcp6", "udp", "udp6", "raw", "raw6")
_UNIX_LISTENS = 0x10000
"""__SO_ACCEPTCON"""


def collect() -> Iterator[dict[str, Any]]:
    """Yield the sockets of all namespaces that have a process."""
    owners: dict[int, list[int]] = defaultdict(list)
    spaces: dict[int, int] = {}
    for pid in procfs.pids():
        number = procfs.link(f"/proc/{pid}/ns/net").partition("[")[2].rstrip("]")
        if number.isdigit():
            spaces.setdefault(int(number), pid)
        for inode in _sockets(pid):
            if pid not in owners[inode]:
                owners[inode].append(pid)
    users = procfs.accounts()
    for space, pid in spaces.items():
        for table in _TABLES:
            for line in list(procfs.lines(f"/proc/{pid}/net/{table}"))[1:]:
                socket = internet(table, line)
                if socket is not None:
                    yield _owned(socket, owners, users, space)
        for line in list(procfs.lines(f"/proc/{pid}/net/unix"))[1:]:
            socket = local(line)
            if socket is not None:
                yield _owned(socket, owners, users, space)


def internet(table: str, line: str) -> dict[str, Any] | None:
    """Parse one line of /proc/net/tcp and its like; return None for anything else."""
    fields = line.split()
    if len(fields) < 10 or ":" not in fields[1]:
        return None
    local_ip, local_port = address(fields[1])
    remote_ip, remote_port = address(fields[2])
    number = int(fields[3], 16)
    peer = remote_port or not ipaddress.ip_address(remote_ip).is_unspecified
    state = _STATES[number] if number < len(_STATES) else str(number)
    listening = state == "LISTEN" if table.startswith("tcp") else not peer
    socket: dict[str, Any] = {"protocol": table, "local_ip": local_ip, "local_port": local_port}
    if peer:
        socket |= {"remote_ip": remote_ip, "remote_port": remote_port}
    return socket | {"state": state, "listening": listening, "uid": int(fields[7]), "inode": int(fields[9])}


def local(line: str) -> dict[str, Any] | None:
    """Parse one line of /proc/net/unix; return None unless the socket listens or has a name."""
    fields = line.split(None, 7)
    if len(fields) < 7 or not fields[6].isdigit():
        return None
    listening = bool(int(fields[3], 16) & _UNIX_LISTENS)
    if not listening and len(fields) < 8:
        return None
    state = "LISTEN" if listening else {"01": "UNCONNECTED", "02": "CONNECTING", "03": "CONNECTED"}.get(fields[5], fields[5])
    path = fields[7] if len(fields) > 7 else ""
    return {"protocol": "unix", "path": path, "state": state, "listening": listening, "inode": int(fields[6])}


def address(text: str) -> tuple[str, int]:
    """Return (`127.0.0.1`, 22) for `0100007F:0016`, in this machine's byte order."""
    host, _, port = text.partition(":")
    raw = bytes.fromhex(host)
    if sys.byteorder == "little":
        raw = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    found = ipaddress.ip_address(raw)
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found), int(port, 16)


def _owned(socket: dict[str, Any], owners: dict[int, list[int]], users: dict[int, str], space: int) -> dict[str, Any]:
    pids = owners.get(socket["inode"], []) if socket["inode"] else []
    if socket.get("uid") in users:
        socket["user"] = users[socket["uid"]]
    if pids:
        socket |= {"pid": pids[0], "name": procfs.text(procfs.read(f"/proc/{pids[0]}/comm")).rstrip("\n")}
    if len(pids) > 1:
        socket["pids"] = pids
    return {**socket, "namespace": space}


def _sockets(pid: int) -> Iterator[int]:
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return
    for name in names:
        found = procfs.link(f"/proc/{pid}/fd/{name}")
        if found.startswith("socket:["):
            yield int(found[8:-1])
