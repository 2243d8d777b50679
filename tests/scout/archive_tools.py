"""Archives for tests: written by SCOUT on one side, by tarfile, zstandard and pyrage alone on the other."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyrage
import zstandard

from scout.archive import ArchiveWriter, GroupPlace, Receipt, WantedItem

MTIME = "2026-11-21T03:04:05.123456789Z"


def small(path: Path, recipients: Sequence[Any], **changed: bytes) -> Receipt:
    """A small archive of every kind of member; `changed` replaces contents by name of the file."""
    contents = {"SYSTEM": b"regf" + bytes(9000), "LOG1": b"log one" * 300, "LOG2": b"", "passwd": b"root:x:0:0::/root:/bin/sh\n", **changed}
    with ArchiveWriter(path, recipients, {"collection": "0b5e", "host": {"name": "pc"}, "profile": "triage"}) as writer:
        with writer.live("processes") as lines:
            lines.write({"pid": 1, "name": "systemd"})
            lines.write({"pid": 2, "name": "\udcff"})
        for number, (name, role) in enumerate((("SYSTEM", "main"), ("LOG1", "log1"), ("LOG2", "log2")), 1):
            source = "C:\\Windows\\System32\\config\\" + ("SYSTEM" if number == 1 else f"SYSTEM.{name}")
            group = GroupPlace("registry-1", role, number, 3)
            writer.add(
                WantedItem(source=source, volume="C", size=len(contents[name]), group=group, target="registry", facts={"mtime": MTIME}),
                io.BytesIO(contents[name]),
            )
        writer.verdict(WantedItem(source="/etc/shadow", target="accounts"), "denied", error="Permission denied")
        facts = {"mtime": MTIME, "mode": "0640", "uid": 7, "gid": 8, "owner": "root"}
        writer.add(WantedItem(source="/etc/passwd", size=len(contents["passwd"]), facts=facts), io.BytesIO(contents["passwd"]))
        return writer.finish()


def plaintext(path: Path, identity: Any) -> bytes:
    """The tar inside, by pyrage and zstandard."""
    packed = pyrage.decrypt(path.read_bytes(), [identity])
    with zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True) as stream:
        return stream.read()


def encrypted(tar: bytes, identity: Any) -> bytes:
    """An archive around any tar, as someone else's tools would make it: one frame, one recipient."""
    return pyrage.encrypt(zstandard.ZstdCompressor(level=1).compress(tar), [identity.to_public()])


def pieces(tar: bytes) -> list[tuple[str, bytes]]:
    """(name, headers and content) of each member of a tar, by tarfile."""
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        members = archive.getmembers()
        ends = [m.offset for m in members[1:]] + [archive.offset]
    return [(m.name, tar[m.offset : end]) for m, end in zip(members, ends, strict=True)]


def joined(parts: Sequence[tuple[str, bytes]]) -> bytes:
    """A tar of such pieces."""
    return b"".join(raw for _, raw in parts) + bytes(1024)


def foreign(fill: Callable[[tarfile.TarFile], None]) -> bytes:
    """A tar that tarfile writes; `fill` adds members."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        fill(archive)
    return out.getvalue()


def plain(archive: tarfile.TarFile, name: str, content: bytes = b"x", **more: Any) -> None:
    """Add one member; `more` are attributes of its TarInfo."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in more.items():
        setattr(info, key, value)
    archive.addfile(info, io.BytesIO(content))


def shell(script: str, *arguments: object) -> bytes:
    """stdout of a shell pipeline that must not fail."""
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", script, *map(str, arguments)],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    ).stdout
