"""Peak memory of the process tree on archives that were made to cost: `python -m bench.hostile [CASE …]`, each with its limit.

An archive of this kind is small and valid; who knows the public key can build it. The threat model lists the limits.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyrage
import zstandard

from bench.common import ROOT, Memory, commodore
from scout.archive.custody import NOTHING

LIMIT = 1 << 30
MB = 1 << 20
HEAD = {"collection": "0b5e", "host": {"name": "h", "os": "linux"}}


def member(out: tarfile.TarFile, name: str, content: io.BufferedIOBase | bytes, size: int, **facts: str) -> None:
    """Write one member."""
    info = tarfile.TarInfo(name)
    info.size = size
    info.pax_headers = facts
    out.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else content)  # type: ignore[arg-type]


class Thin(io.RawIOBase):
    """A head, then 256 random bytes in each 64 KiB of zeros: dense enough for the bound on expansion (1,200-fold)."""

    def __init__(self, head: bytes) -> None:
        self._head, self._random = head, random.Random(head)

    def read(self, n: int = -1) -> bytes:  # type: ignore[override]
        piece, self._head = self._head[:n], self._head[n:]
        out = bytearray(piece + bytes(n - len(piece)))
        for at in range(len(piece), len(out) - 256, 64 << 10):
            out[at : at + 256] = self._random.randbytes(256)
        return bytes(out)


def groups(out: tarfile.TarFile) -> None:
    """Three hives of 63 MB, each with 15 companions of 63 MB: 3 GB."""
    number = 1
    for group in range(3):
        for n in range(1, 17):
            role = "main" if n == 1 else f"log{n}"
            facts = {"ESCADRE.member": str(number), "ESCADRE.group": f"g{group}:{role}:{n}/16"}
            name = f"files/C/Windows/System32/config/S{group}{'' if n == 1 else f'.LOG{n}'}"
            member(out, name, Thin(b"regf%d" % number), 63 * MB, **facts)
            number += 1


def singles(out: tarfile.TarFile) -> None:
    """40 event logs of 63 MB."""
    for n in range(1, 41):
        name = f"files/C/Windows/System32/winevt/Logs/{n}.evtx"
        member(out, name, Thin(b"ElfFile\0%d" % n), 63 * MB, **{"ESCADRE.member": str(n)})


def members(out: tarfile.TarFile) -> None:
    """One million empty members."""
    for n in range(1, 1_000_001):
        member(out, f"files/root/a/{n}", b"", 0, **{"ESCADRE.member": str(n)})


def custody(out: tarfile.TarFile) -> None:
    """60 parts of 60,000 items each."""
    head = NOTHING
    import hashlib

    for part in range(60):
        lines = [json.dumps({"part": part, "previous": head, "time": "2026-10-31T20:00:00Z"})]
        lines += [json.dumps({"name": f"files/root/x/{part}/{n}", "source": f"/x/{part}/{n}", "verdict": "missing"}) for n in range(60_000)]
        text = "\n".join(lines).encode() + b"\n"
        head = hashlib.sha256(text).hexdigest()
        member(out, f"custody/{part:06d}.jsonl", text, len(text))


def findings(out: tarfile.TarFile) -> None:
    """80,000 cron lines, each with a program in a folder that everybody may write."""
    lines = b"".join(b"* * * * * root /tmp/%d.sh\n" % n for n in range(80_000))
    member(out, "files/root/etc/crontab", lines, len(lines), **{"ESCADRE.member": "1"})


def preload(out: tarfile.TarFile) -> None:
    """80,000 entries of ld.so.preload."""
    lines = b"".join(b"/tmp/lib%d.so\n" % n for n in range(80_000))
    member(out, "files/root/etc/ld.so.preload", lines, len(lines), **{"ESCADRE.member": "1"})


def problems(out: tarfile.TarFile) -> None:
    """1,000 logins, then three million lines of junk, which are random: repeated ones expand more than an archive may."""
    lines = (
        b"Oct 31 19:00:00 h sshd[1]: Accepted password for root from 192.0.2.1 port 22 ssh2\n" * 1000
        + random.Random(1).randbytes(3_000_000).hex("\n").encode()
    )
    member(out, "files/root/var/log/auth.log", lines, len(lines), **{"ESCADRE.member": "1"})


CASES: dict[str, Callable[[tarfile.TarFile], None]] = {
    one.__name__: one for one in (groups, singles, members, custody, findings, preload, problems)
}


def build(path: Path, fill: Callable[[tarfile.TarFile], None], identity: pyrage.x25519.Identity) -> None:
    """Write an archive around what `fill` adds, as someone else's tools would."""
    plain = path.with_suffix(".zst")
    with (
        plain.open("wb") as file,
        zstandard.ZstdCompressor(level=1).stream_writer(file) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as out,  # type: ignore[arg-type]
    ):
        head = json.dumps(HEAD).encode()
        member(out, "collection.json", head, len(head), **{"ESCADRE.member": "0"})
        fill(out)
    pyrage.encrypt_file(str(plain), str(path), [identity.to_public()])
    plain.unlink()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="CASE", help=", ".join(CASES))
    bad = 0
    names = parser.parse_args().names or list(CASES)
    with tempfile.TemporaryDirectory(prefix="bench-hostile-") as place:
        folder, identity = Path(place), pyrage.x25519.Identity.generate()
        (folder / "key.txt").write_text(f"{identity}\n")
        (folder / "key.txt").chmod(0o600)
        for name in names:
            archive = folder / f"{name}.age"
            build(archive, CASES[name], identity)
            start = time.perf_counter()
            command = commodore("process", archive, "-i", folder / "key.txt", "-o", folder / name, "--workers", "2")
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
            memory = Memory(process.pid)
            code, peak = process.wait(), memory.stop()
            manifest = json.loads(next((folder / name / "collections").glob("*.json")).read_text())
            bad += peak > LIMIT
            records, found = sum(manifest["records"].values()), sum(manifest["findings"].values())
            print(
                f"{name:<10} {archive.stat().st_size / 1e3:>10,.0f} kB archive  peak {peak / 1e6:>6,.0f} MB of {LIMIT / 1e6:,.0f}"
                f"  {time.perf_counter() - start:>5.0f} s  exit {code}  {manifest['members']:,} members  {records:,} records"
                f"  {found:,} findings",
                flush=True,
            )
            archive.unlink()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
