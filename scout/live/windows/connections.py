"""Connections and listening sockets with their process (`connections/1`): the fields of Linux hosts, and `created`.

protocol            tcp, tcp6, udp, udp6
local_ip, local_port, remote_ip, remote_port   absent where there is no peer
state               TCP state in capitals; listening: TCP in LISTEN, or UDP
pid, name           process that owns it; module: library in it, where Windows says so
created             RFC 3339 UTC, when the socket was made

Source: Microsoft, GetExtendedTcpTable, GetExtendedUdpTable (tables with OWNER_MODULE).
"""

from __future__ import annotations

import ctypes
import ipaddress
import socket
from collections.abc import Iterator
from ctypes import wintypes
from typing import Any

from scout.live.windows import _native, _processes

SCHEMA = 1
_STATES = ("", "CLOSE", "LISTEN", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2", "CLOSE_WAIT", "CLOSING", "LAST_ACK")
_STATES_END = ("TIME_WAIT", "DELETE_TCB")
_D, _Q, _B16 = wintypes.DWORD, ctypes.c_ulonglong, ctypes.c_ubyte * 16
_INFO = ("info", ctypes.c_ulonglong * 16)
_V4, _V6 = 2, 23
"""address families of Windows"""


class _Tcp(ctypes.Structure):
    _fields_ = (*((name, _D) for name in ("state", "local", "local_port", "remote", "remote_port", "pid")), ("created", _Q), _INFO)


class _Tcp6(ctypes.Structure):
    _fields_ = (
        *(("local", _B16), ("scope", _D), ("local_port", _D), ("remote", _B16), ("remote_scope", _D), ("remote_port", _D)),
        *(("state", _D), ("pid", _D), ("created", _Q), _INFO),
    )


class _Udp(ctypes.Structure):
    _fields_ = (("local", _D), ("local_port", _D), ("pid", _D), ("created", _Q), ("flags", ctypes.c_int), _INFO)


class _Udp6(ctypes.Structure):
    _fields_ = (("local", _B16), ("scope", _D), ("local_port", _D), ("pid", _D), ("created", _Q), ("flags", ctypes.c_int), _INFO)


_TABLES = (
    ("tcp", "GetExtendedTcpTable", _V4, 8, _Tcp),
    ("tcp6", "GetExtendedTcpTable", _V6, 8, _Tcp6),
    ("udp", "GetExtendedUdpTable", _V4, 2, _Udp),
    ("udp6", "GetExtendedUdpTable", _V6, 2, _Udp6),
)


def collect() -> Iterator[dict[str, Any]]:
    """Yield the sockets of the four tables."""
    names = {one.pid: one.name for one in _processes.of_system()}
    for protocol, function, family, kind, row in _TABLES:
        for entry in _rows(function, family, kind, row):
            yield _socket(protocol, entry, names)


def _rows(function: str, family: int, kind: int, row: Any) -> Iterator[Any]:
    call = getattr(_native.library("iphlpapi"), function)

    def fill(room: Any, size: int) -> int:
        return int(call(room, ctypes.byref(wintypes.DWORD(size)), False, family, kind, 0))

    buffer = _native.growing(fill)
    count, offset = ctypes.c_ulong.from_buffer(buffer).value, max(4, ctypes.alignment(row))
    room = (len(buffer) - offset) // ctypes.sizeof(row)
    for number in range(min(count, room)):
        yield row.from_buffer(buffer, offset + number * ctypes.sizeof(row))


def _socket(protocol: str, row: Any, names: dict[int, str]) -> dict[str, Any]:
    tcp, pid = protocol.startswith("tcp"), int(row.pid)
    known: dict[str, Any] = {"protocol": protocol, "local_ip": _address(row.local), "local_port": socket.ntohs(row.local_port & 0xFFFF)}
    if tcp:
        number = int(row.state)
        states = _STATES + _STATES_END
        known["state"] = states[number] if number < len(states) else str(number)
        if known["state"] != "LISTEN":
            known |= {"remote_ip": _address(row.remote), "remote_port": socket.ntohs(row.remote_port & 0xFFFF)}
    known["listening"] = not tcp or known["state"] == "LISTEN"
    return _native.known(known | {"pid": pid or None, "name": names.get(pid) if pid else None, "created": _native.moment(int(row.created))})


def _address(raw: Any) -> str:
    """Return an address: a DWORD in the order of the network, or 16 bytes."""
    return str(ipaddress.ip_address(int(raw).to_bytes(4, "little") if isinstance(raw, int) else bytes(raw)))
