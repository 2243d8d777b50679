"""Ask the kernel for a table by netlink (dumps only: nothing is changed). No program of the host is run for it.

Source: netlink(7), rtnetlink(7), linux/netlink.h (struct nlmsghdr, struct nlattr).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

ROUTE, NETFILTER = 0, 12
"""families of netlink"""
_REQUEST_DUMP = 0x301
_ERROR, _DONE = 2, 3
_ROOM = 1 << 18
SECONDS = 5.0
"""time for one answer"""
MAX_ANSWERS = 200_000


def dump(family: int, kind: int, body: bytes) -> Iterator[bytes]:
    """Yield the content of each message that answers a dump. Raises OSError, also where the kernel has no such table."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, family) as asked:
        asked.settimeout(SECONDS)
        asked.sendto(struct.pack("=IHHII", 16 + len(body), kind, _REQUEST_DUMP, 1, 0) + body, (0, 0))
        for _ in range(MAX_ANSWERS):
            data = asked.recv(_ROOM)
            at = 0
            while at + 16 <= len(data):
                length, what = struct.unpack_from("=IH", data, at)
                if what == _DONE or length < 16:
                    return
                if what == _ERROR:
                    number = -struct.unpack_from("=i", data, at + 16)[0]
                    raise OSError(number, "netlink refused the dump")
                yield data[at + 16 : at + length]
                at += length + 3 & ~3


def attributes(data: bytes, at: int) -> dict[int, bytes]:
    """Return the attributes from an offset on, by number; of several with one number the last."""
    found: dict[int, bytes] = {}
    while at + 4 <= len(data):
        length, number = struct.unpack_from("=HH", data, at)
        if length < 4:
            break
        found[number & 0x3FFF] = data[at + 4 : at + length]
        at += length + 3 & ~3
    return found
