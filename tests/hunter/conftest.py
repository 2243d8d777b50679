"""A compromised Linux root with decoys, a case about it written by hand, and HUNTER run as a person runs it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from tests.conftest import ROOT, need

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"
GUILTY = {
    "file": "/var/tmp/.cache/helper.sh",
    "systemd-unit": "/etc/systemd/system/evil.service",
    "cron-entry": "/etc/cron.d/e2scrub",
    "authorized-key": "/root/.ssh/authorized_keys",
    "ld-so-preload": "/etc/ld.so.preload",
}
ROWS = {"file": "file", "systemd-unit": "L010", "cron-entry": "L001", "authorized-key": "L062", "ld-so-preload": "L050"}
CRON = (
    b"# jobs\r\n30 3 * * 0 root test -e /run || true\r\n*/5 * * * * root /var/tmp/.cache/helper.sh\xff\n\x00binary\nlast line without end"
)
CRON_LINE = b"*/5 * * * * root /var/tmp/.cache/helper.sh\xff"
KEYS = f"# ours\n{KEY}good admin@site\n{KEY}evil dbus@localhost\n{KEY}good admin@site \n".encode()
PRELOAD = b"# libraries\n/usr/lib/libgood.so /usr/local/lib/evil.so:/usr/lib/libother.so\n"


def acl(mode: int, user: int) -> bytes:
    """The extended attribute of an ACL that lets one more user read, as `setfacl -m u:USER:r` writes it.

    Layout: `linux/posix_acl_xattr.h`: version 2, then entries of tag, permissions, id. The mask takes the place of the group's bits.
    """
    owner, group, other, nobody = mode >> 6 & 7, mode >> 3 & 7, mode & 7, 0xFFFFFFFF
    entries = [(0x01, owner, nobody), (0x02, 4, user), (0x04, group, nobody), (0x10, group | 4, nobody), (0x20, other, nobody)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def plant(root: Path) -> None:
    """The five guilty things and what looks like them."""

    def put(path: str, data: bytes, mode: int = 0o644) -> Path:
        at = root / path.lstrip("/")
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_bytes(data)
        at.chmod(mode)
        return at

    put("/etc/machine-id", b"0123456789abcdef0123456789abcdef\n")
    put("/etc/hostname", b"web01\n")
    put("/etc/passwd", b"root:x:0:0:root:/root:/bin/bash\npaul:x:1000:1000::/home/paul:/bin/bash\n")
    put("/etc/shadow", b"root:*:19000:0:99999:7:::\npaul:$y$j9T$abc$def:19000:0:99999:7:::\n", 0o640)
    put(GUILTY["file"], b"#!/bin/sh\necho inert\n", 0o4755)
    put(GUILTY["file"] + " ", b"a twin with a space behind\n")
    put("/var/tmp/.cache/Helper.sh", b"a twin by case\n")
    put(GUILTY["systemd-unit"], b"[Service]\nExecStart=/var/tmp/.cache/helper.sh\n[Install]\nWantedBy=multi-user.target\n")
    put("/etc/systemd/system/evil.service.d/more.conf", b"[Service]\nRestart=always\n")
    put("/usr/lib/systemd/system/good.service", b"[Service]\nExecStart=/bin/true\n")
    wants = root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True)
    (wants / "evil.service").symlink_to("/etc/systemd/system/evil.service")
    (wants / "good.service").symlink_to("/usr/lib/systemd/system/good.service")
    put(GUILTY["cron-entry"], CRON)
    put("/etc/cron.d/other", b"*/5 * * * * root /var/tmp/.cache/helper.sh\n")
    put(GUILTY["authorized-key"], KEYS, 0o600)
    (root / "root/.ssh").chmod(0o700)
    put(GUILTY["ld-so-preload"], PRELOAD)
    os.chown(root / GUILTY["cron-entry"][1:], 0, 4)
    for n, path in enumerate(GUILTY.values()):
        at = root / path[1:]
        os.setxattr(at, "user.origin", f"xattr {n}".encode())
        os.setxattr(at, "system.posix_acl_access", acl(stat.S_IMODE(at.stat().st_mode), 1000))
    for n, path in enumerate(sorted(root.rglob("*"))):
        stamp = 1_700_000_000_123_456_789 + n * 1_000_000_007
        os.utime(path, ns=(stamp, stamp), follow_symlinks=False)


def facts(root: Path, path: str) -> dict:
    """What a collection says of a file, read with the operating system's own calls."""
    at = root / path[1:]
    status = at.lstat()
    known = {
        "mode": f"{stat.S_IMODE(status.st_mode):04o}",
        "uid": status.st_uid,
        "gid": status.st_gid,
        "nlink": status.st_nlink,
        "ino": status.st_ino,
        "dev": status.st_dev,
        "parent_ino": at.parent.stat().st_ino,
        "root_ino": root.stat().st_ino,
    }
    if at.is_symlink():
        return known | {"type": "link", "link": os.readlink(at), "verdict": "link"}
    data = at.read_bytes()
    xattrs = {name: base64.b64encode(os.getxattr(at, name)).decode() for name in os.listxattr(at)}
    return known | {"type": "file", "size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "xattrs": xattrs, "verdict": "taken"}


COLLECTION = "11111111-2222-3333-4444-555555555555"


def members_of(case: Path) -> Path:
    return case / "members" / f"{COLLECTION}.jsonl.zst"


def findings_of(case: Path) -> Path:
    return case / "findings" / f"{COLLECTION}.jsonl.zst"


def manifest_of(case: Path) -> Path:
    return case / "collections" / f"{COLLECTION}.json"


def write_rows(path: Path, rows: list[dict]) -> None:
    path.write_bytes(zstandard.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))


def read_rows(path: Path) -> list[dict]:
    with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as stream:
        return [json.loads(line) for line in stream.read().splitlines()]


def write_case(case: Path, root: Path, kinds: list[str], host: str = "web01") -> None:
    """A case as the contracts say, with one finding per kind."""
    case.mkdir()
    collection = COLLECTION
    (case / "case.json").write_text(json.dumps({"schema": 2}))
    for name in ("collections", "members", "findings"):
        (case / name).mkdir()
    (case / "collections" / f"{collection}.json").write_text(json.dumps({"collection": collection, "host": host, "host_inferred": False}))
    members = [
        "/etc/machine-id",
        *GUILTY.values(),
        "/etc/systemd/system/evil.service.d/more.conf",
        "/etc/systemd/system/multi-user.target.wants/evil.service",
        "/etc/systemd/system/multi-user.target.wants/good.service",
        "/usr/lib/systemd/system/good.service",
    ]
    rows = [{"collection": collection, "member": n, "path": path} | facts(root, path) for n, path in enumerate(members)]
    write_rows(members_of(case), rows)
    lines = []
    for n, kind in enumerate(kinds):
        path = GUILTY[kind]
        target = {"mechanism": ROWS[kind], "kind": kind, "path": path, "file": facts(root, path), "payload": []}
        if kind == "cron-entry":
            target |= {
                "line": CRON_LINE.decode(errors="backslashreplace"),
                "line_bytes": base64.b64encode(CRON_LINE).decode(),
                "line_number": 3,
            }
        if kind == "authorized-key":
            target |= {"line": f"{KEY}evil dbus@localhost", "line_number": 3}
        if kind == "ld-so-preload":
            target |= {"data": "/usr/local/lib/evil.so", "line_number": 2}
        if kind == "systemd-unit":
            target |= {"links": ["/etc/systemd/system/multi-user.target.wants/evil.service"], "name": "evil.service"}
        lines.append(
            {
                "host.name": host,
                "escadre.collection": collection,
                "escadre.id": f"{n:032x}",
                "escadre.severity": "high",
                "rule.id": ROWS[kind],
                "message": f"{kind} was planted: no [markup] \x1b[31m",
                "target": target,
            }
        )
    raw = "".join(json.dumps(line) + "\n" for line in lines).encode()
    findings_of(case).write_bytes(zstandard.compress(raw[:40]) + zstandard.compress(raw[40:]))


def manifest(root: Path) -> dict[str, tuple]:
    """Everything about every object of a tree that can be put back: bytes, mode, owner, mtime in ns, xattrs with ACLs, links, names."""
    found = {}
    for folder, folders, files in os.walk(root, followlinks=False):
        for name in [".", *folders, *files]:
            at = os.path.join(folder, name)
            status = os.lstat(at)
            link = os.readlink(at) if stat.S_ISLNK(status.st_mode) else ""
            data = Path(at).read_bytes() if stat.S_ISREG(status.st_mode) else b""
            xattrs = tuple(sorted((x, os.getxattr(at, x, follow_symlinks=False)) for x in os.listxattr(at, follow_symlinks=False)))
            nlink = 0 if stat.S_ISDIR(status.st_mode) else status.st_nlink
            found[os.path.relpath(at, root)] = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, nlink, link, data, xattrs)
    return found


class Bench:
    """A root, a case, a plan, and `hunter` run in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.root, self.case, self.folder = folder / "root", folder / "case", folder
        self.plan = folder / "work" / "plan.yaml"
        self.plan.parent.mkdir(mode=0o700)
        self.journal = Path(f"{self.plan}.journal.jsonl")
        self.key = folder / "key.txt"
        self.root.mkdir()
        plant(self.root)

    def recipient(self) -> str:
        from scout.keys import keygen

        if not self.key.exists():
            keygen(self.key)
        return next(line.split(": ")[1] for line in self.key.read_text().splitlines() if "public key" in line)

    def known(self) -> Path:
        """A list in which nothing is known: no action of the plan is a question."""
        path = self.folder / "known.txt"
        path.write_text("# nothing\n")
        return path

    def hunter(self, *arguments: str, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
        command = [*prefix, sys.executable, "-m", "hunter", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False)

    def make_plan(self, kinds: list[str] | None = None) -> None:
        write_case(self.case, self.root, kinds or list(GUILTY))
        done = self.hunter("plan", self.case, "--known", self.known(), "-r", self.recipient(), "-o", self.plan)
        assert done.returncode == 0, done.stderr

    def plan_here(self, kinds: list[str] | None = None) -> None:
        """The same as `make_plan` in this process, where many are made."""
        from tests.hunter.driver import hunt

        write_case(self.case, self.root, kinds or list(GUILTY))
        code, _, err = hunt("plan", self.case, "--known", self.known(), "-r", self.recipient(), "-o", self.plan)
        assert code == 0, err

    def on_root(self, command: str, *arguments: str) -> subprocess.CompletedProcess:
        first = self.journal if command == "undo" else self.plan
        return self.hunter(command, first, "--root", self.root, *arguments)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    need(os.name == "posix" and os.geteuid() == 0, "a Linux root account")
    return Bench(tmp_path)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of this folder need Linux."""
    if sys.platform == "win32":
        for item in items:
            if "tests/hunter" in str(item.path).replace("\\", "/"):
                item.add_marker(pytest.mark.skip(reason="Linux mechanisms"))
