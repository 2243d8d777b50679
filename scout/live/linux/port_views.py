"""Ports that wait for others, by three ways of asking (`port_views/1`): what hides from one is shown by another.

The first object: listed (ports in /proc/net), dumped (ports that the kernel's socket dump has), taken (TCP ports that cannot be bound),
complete (all TCP ports were probed), namespace (inode of the network namespace: that of SCOUT).
Then one object for each port that a list lacks: protocol (tcp, tcp6, udp, udp6), port, listed, dumped, taken; uid where the dump has it.

A probe binds a TCP port for a moment, without listening, and only where nothing has it. A port that opens or closes meanwhile is none: what
differs is asked again. Source: sock_diag(7), linux/inet_diag.h, proc_net(5), bind(2), socket(7) on SO_REUSEADDR.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

from scout.live.linux import _netlink, connections, procfs

SCHEMA = 1
SECONDS = 10.0
"""time for probing"""
_SOCK_DIAG, _BY_FAMILY = 4, 20
_STATES = {"tcp": 1 << 10, "udp": 1 << 7}
"""TCP_LISTEN, and the state of a UDP socket without a peer"""
_PROTOCOLS = {"tcp": 6, "udp": 17}
_FAMILIES = {"": socket.AF_INET, "6": socket.AF_INET6}
_TABLES = ("tcp", "tcp6", "udp", "udp6")
Port = tuple[str, int]


def collect() -> Iterator[dict[str, Any]]:
    """Yield the summary, and the ports that differ."""
    before = _listed(connected=True)
    dumped, (taken, complete) = _dumped(), _taken()
    waiting, known = _listed(), before | _listed(connected=True)
    yield {
        "listed": len(waiting),
        "dumped": len(dumped or ()),
        "taken": len(taken),
        "complete": complete,
        "namespace": int(procfs.link("/proc/self/ns/net").partition("[")[2].rstrip("]") or 0),
    }
    doubtful = (set(dumped or ()) | taken) - known
    if dumped is not None:
        doubtful |= waiting - dumped.keys()
    for port in sorted(doubtful):
        if (one := _one(port)) is not None:
            yield one


def difference(row: dict[str, Any]) -> str:
    """Return the sentence for the summary, '' for a row that shows no difference."""
    if "port" not in row:
        return ""
    ways = {"listed": "/proc/net", "dumped": "the socket dump", "taken": "a probe"}
    return f"{row['protocol']} port {row['port']} is shown by {' and '.join(w for key, w in ways.items() if row.get(key))} only"


def _one(port: Port) -> dict[str, Any] | None:
    """Ask again for one port; None where the lists agree now, or nothing has it any more."""
    dumped, taken, listed = _dumped(), port[0].startswith("tcp") and _refused(*port), port in _listed()
    known = port in (dumped or ())
    if not (listed and dumped is not None and not known) and (not (known or taken) or port in _listed(connected=True)):
        return None
    one = {"protocol": port[0], "port": port[1], "listed": listed, "dumped": known, "taken": taken}
    return one | ({"uid": (dumped or {})[port]} if known else {})


def _listed(*, connected: bool = False) -> set[Port]:
    """Return the ports in /proc/net of this namespace that wait for others, with `connected` those of connections too."""
    found = set()
    for table in _TABLES:
        for line in list(procfs.lines(f"/proc/self/net/{table}"))[1:]:
            one = connections.internet(table, line)
            if one is not None and one["local_port"] and (one["listening"] or connected):
                found.add((table, one["local_port"]))
    return found


def _dumped() -> dict[Port, int] | None:
    """Return (table, port) → uid of the sockets that the kernel's dump has, None where the kernel gives none."""
    found: dict[Port, int] = {}
    try:
        for protocol, states in _STATES.items():
            for suffix, family in _FAMILIES.items():
                body = struct.pack("=BBBxI", family, _PROTOCOLS[protocol], 0, states) + bytes(48)
                for data in _netlink.dump(_SOCK_DIAG, _BY_FAMILY, body):
                    if len(data) >= 72 and (number := struct.unpack_from(">H", data, 4)[0]):
                        found[protocol + suffix, number] = struct.unpack_from("=I", data, 64)[0]
    except OSError:
        return None
    return found


def _taken() -> tuple[set[Port], bool]:
    """Return the TCP ports that cannot be bound because something has them, and whether all were probed."""
    found: set[Port] = set()
    until = time.monotonic() + SECONDS
    for number in range(1 if os.geteuid() == 0 else 1024, 65536):
        if number & 0xFFF == 0 and time.monotonic() > until:
            return found, False
        found.update((table, number) for table in ("tcp", "tcp6") if _refused(table, number))
    return found, True


def _refused(table: str, number: int) -> bool:
    """Return whether binding a port is refused because it is in use."""
    family = _FAMILIES[table[3:]]
    try:
        with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(("", number))
    except OSError as e:
        return e.errno == errno.EADDRINUSE
    return False
