"""Run by the system's Python, which has hivex: writes registry hives from a JSON document on stdin.

    {"<file>": [["Key\\\\Path", "value name", "REG_SZ", "data"], …]}

The empty hive is laid out here, after the description of the format; keys and values are written by hivex.
"""

import json
import struct
import sys

import hivex

TYPES = {"REG_SZ": 1, "REG_EXPAND_SZ": 2, "REG_BINARY": 3, "REG_DWORD": 4, "REG_MULTI_SZ": 7}


def empty() -> bytes:
    stamp = 133_000_000_000_000_000
    name = b"ROOT"
    security = struct.pack("<BBHIIII", 1, 0, 0x8000, 0, 0, 0, 0)
    nk_size, sk_size = 88, 48
    sk_at = 0x20 + nk_size
    nk = (
        struct.pack(
            "<i2sHQIIIIIIIIIIIIIIIHH",
            -nk_size,
            b"nk",
            0x2C,
            stamp,
            0,
            0xFFFFFFFF,
            0,
            0,
            0xFFFFFFFF,
            0xFFFFFFFF,
            0,
            0xFFFFFFFF,
            sk_at,
            0xFFFFFFFF,
            0,
            0,
            0,
            0,
            0,
            len(name),
            0,
        )
        + name
    )
    sk = struct.pack("<i2sHIIII", -sk_size, b"sk", 0, sk_at, sk_at, 1, len(security)) + security
    cells = nk.ljust(nk_size, b"\0") + sk.ljust(sk_size, b"\0")
    free = 4096 - 0x20 - len(cells)
    page = struct.pack("<4sIIQQI", b"hbin", 0, 4096, 0, stamp, 0) + cells + struct.pack("<i", free)
    head = struct.pack("<4sIIQIIIIIII", b"regf", 1, 1, stamp, 1, 5, 0, 1, 0x20, 4096, 1).ljust(508, b"\0")
    check = 0
    for (word,) in struct.iter_unpack("<I", head):
        check ^= word
    return (head + struct.pack("<I", check)).ljust(4096, b"\0") + page.ljust(4096, b"\0")


def data(kind: str, text: str) -> bytes:
    if kind == "REG_DWORD":
        return struct.pack("<I", int(text))
    if kind == "REG_BINARY":
        return bytes.fromhex(text)
    return (text + "\0").encode("utf-16-le")


def main() -> None:
    for file, values in json.load(sys.stdin).items():
        with open(file, "wb") as out:
            out.write(empty())
        hive = hivex.Hivex(file, write=True)
        # all values of a key at once: hivex writes every value of a key anew for each one, and leaves the old cells free
        keys: dict[int, dict[str, dict]] = {}
        for path, name, kind, text in values:
            node = hive.root()
            for part in path.split("\\"):
                node = hive.node_get_child(node, part) or hive.node_add_child(node, part)
            keys.setdefault(node, {})[name.lower()] = {"key": name, "t": TYPES[kind], "value": data(kind, text)}
        for node, named in keys.items():
            hive.node_set_values(node, list(named.values()))
        hive.commit(None)


main()
