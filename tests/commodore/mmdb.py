"""A MaxMind database of a few networks, written from the format's description (MaxMind DB file format 2.0). IPv4, records of 24 bits."""

from __future__ import annotations

import ipaddress
import struct

U16, U64 = 5, 9
"""Kinds of numbers; a plain one is of 32 bits."""


def _sized(kind: int, size: int) -> bytes:
    """The control byte: kinds above 7 stand in a byte of their own; sizes from 29 take one more byte."""
    small, more = (size, b"") if size < 29 else (29, bytes([size - 29]))
    return (bytes([kind << 5 | small]) if kind <= 7 else bytes([small, kind - 7])) + more


def value(data) -> bytes:
    if isinstance(data, str):
        return _sized(2, len(data.encode())) + data.encode()
    if isinstance(data, dict):
        return _sized(7, len(data)) + b"".join(value(k) + value(v) for k, v in data.items())
    if isinstance(data, list):
        return _sized(11, len(data)) + b"".join(map(value, data))
    number, kind = data if isinstance(data, tuple) else (data, 6)
    raw = number.to_bytes(8, "big").lstrip(b"\0")
    return _sized(kind, len(raw)) + raw


def database(networks: dict[str, dict], kind: str = "Test-City") -> bytes:
    section, offsets = b"", {}
    for network, data in networks.items():
        offsets[network] = len(section)
        section += value(data)
    nodes: list[list] = [[None, None]]
    for network, offset in offsets.items():
        block, at = ipaddress.ip_network(network), 0
        bits = f"{int(block.network_address):032b}"[: block.prefixlen]
        for bit in map(int, bits[:-1]):
            if nodes[at][bit] is None:
                nodes.append([None, None])
                nodes[at][bit] = len(nodes) - 1
            at = nodes[at][bit]
        nodes[at][int(bits[-1])] = ("data", offset)
    count = len(nodes)
    tree = b""
    for node in nodes:
        for side in node:
            number = count if side is None else side if isinstance(side, int) else count + 16 + side[1]
            tree += struct.pack(">I", number)[1:]
    about = {"binary_format_major_version": (2, U16), "binary_format_minor_version": (0, U16), "build_epoch": (1764374400, U64)}
    about |= {"database_type": kind, "description": {"en": "made by a test"}, "ip_version": (4, U16), "languages": ["en"]}
    about |= {"node_count": count, "record_size": (24, U16)}
    return tree + bytes(16) + section + b"\xab\xcd\xefMaxMind.com" + value(about)
