"""A file system that does not answer some calls: a small FUSE server on /dev/fuse, run as a program of its own.

    python silent_fuse.py MOUNT_POINT TREE.json      prints `ready`; when it ends, the kernel gives all waiting callers an error

TREE.json: path below the root → {"content": text, "silent": WHAT}; a path that ends with `/` is a folder. WHAT: a call that is not answered
(`open`, `read`, `readdir`); `endless`: a folder whose list does not end; `drops`: a file that brings one byte a read, half a second each.
Source: linux/fuse.h (protocol 7.31).
"""

from __future__ import annotations

import ctypes
import json
import os
import stat
import struct
import sys
import time

LOOKUP, FORGET, GETATTR, OPEN, READ, STATFS, RELEASE, FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR = (
    1,
    2,
    3,
    14,
    15,
    17,
    18,
    25,
    26,
    27,
    28,
    29,
)
INTERRUPT, BATCH_FORGET = 36, 42
ENOENT, ENOSYS = -2, -38
ROOT = 1


class Node:
    def __init__(self, number: int, content: str | None, silent: str) -> None:
        self.number, self.silent = number, silent
        self.content = content.encode() if content is not None else None
        self.children: dict[str, Node] = {}

    def attributes(self) -> bytes:
        folder = self.content is None
        mode = stat.S_IFDIR | 0o755 if folder else stat.S_IFREG | 0o644
        size = 0 if self.content is None else len(self.content)
        return struct.pack("=6Q10I", self.number, size, 1, 10**9, 10**9, 10**9, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def tree(described: dict[str, dict[str, str]]) -> list[Node]:
    """Return the nodes; node n is at place n - 1."""
    nodes = [Node(ROOT, None, "")]
    for path, what in described.items():
        here, names = nodes[0], path.strip("/").split("/")
        for depth, name in enumerate(names):
            if name not in here.children:
                leaf = depth == len(names) - 1 and not path.endswith("/")
                here.children[name] = Node(len(nodes) + 1, what.get("content", "") if leaf else None, "")
                nodes.append(here.children[name])
            here = here.children[name]
        here.silent = what.get("silent", "")
    return nodes


def answer(nodes: list[Node], opcode: int, node: Node, body: bytes) -> bytes | int | None:
    """Return the body of the reply, a negative error number, or None for no reply at all."""
    if opcode == INIT:
        return struct.pack("=IIIIHHIIHHI7I", 7, 31, 65536, 0, 16, 12, 65536, 1, 0, 0, 0, *[0] * 7)
    if opcode == LOOKUP:
        child = node.children.get(body.rstrip(b"\0").decode())
        if node.silent == "endless":
            child = next(iter(node.children.values()))
        return ENOENT if child is None else struct.pack("=4Q2I", child.number, 0, 60, 60, 0, 0) + child.attributes()
    if opcode == GETATTR:
        return struct.pack("=QII", 60, 0, 0) + node.attributes()
    if opcode in (OPEN, OPENDIR):
        return None if node.silent == "open" else struct.pack("=QII", node.number, node.silent == "drops", 0)
    if opcode == READ:
        offset, size = struct.unpack_from("=QI", body, 8)
        if node.silent == "drops":
            time.sleep(0.5)
            return (node.content or b"")[offset : offset + 1]
        return None if node.silent == "read" else (node.content or b"")[offset : offset + size]
    if opcode == READDIR:
        if node.silent == "endless":
            return endless(node, *struct.unpack_from("=QI", body, 8))
        return None if node.silent == "readdir" else entries(node, *struct.unpack_from("=QI", body, 8))
    if opcode == STATFS:
        return struct.pack("=5Q4I6I", 0, 0, 0, 0, 0, 4096, 255, 4096, 0, *[0] * 6)
    return b"" if opcode in (RELEASE, RELEASEDIR, FLUSH) else ENOSYS


def entries(node: Node, offset: int, size: int) -> bytes:
    out = b""
    for place, (name, child) in enumerate(sorted(node.children.items())):
        raw = name.encode()
        kind = 4 if child.content is None else 8
        entry = struct.pack("=QQII", child.number, place + 1, len(raw), kind) + raw
        entry += bytes(-len(entry) % 8)
        if place >= offset:
            if len(out) + len(entry) > size:
                break
            out += entry
    return out


def endless(node: Node, offset: int, size: int) -> bytes:
    out = b""
    for place in range(offset, offset + size):
        raw = f"name {place}".encode()
        entry = struct.pack("=QQII", node.number, place + 1, len(raw), 8) + raw
        entry += bytes(-len(entry) % 8)
        if len(out) + len(entry) > size:
            break
        out += entry
    return out


def serve(point: str, nodes: list[Node]) -> None:
    fd = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    if libc.mount(b"silent", point.encode(), b"fuse", 0, options):
        raise OSError(ctypes.get_errno(), "mount")
    print("ready", flush=True)
    while True:
        asked = os.read(fd, 1 << 17)
        _, opcode, unique, number = struct.unpack_from("=IIQQ", asked)
        if opcode in (FORGET, BATCH_FORGET, INTERRUPT):
            continue
        node = nodes[number - 1] if 0 < number <= len(nodes) else nodes[0]
        said = answer(nodes, opcode, node, asked[40:])
        if isinstance(said, int):
            os.write(fd, struct.pack("=IiQ", 16, said, unique))
        elif said is not None:
            os.write(fd, struct.pack("=IiQ", 16 + len(said), 0, unique) + said)


if __name__ == "__main__":
    with open(sys.argv[2]) as file:
        serve(sys.argv[1], tree(json.load(file)))
