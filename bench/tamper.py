"""Tamper with archives in twelve ways, many times each, and compare what `verify` says with what it must say; intact archives must pass.

python -m bench.tamper [--attacks 83] [--intact 200] [--seed N]

A class says who could do it, and what finds it: age (without any key), custody (with the recipients' public key, and a tool that knows no
custody), or only the receipt (a complete archive, built by a forger). The archives are taken apart and put together by pyrage, zstandard
and tarfile alone.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import pyrage

from scout.archive import ArchiveWriter, GroupPlace, WantedItem
from scout.archive import writer as writer_module
from scout.console import Complaint
from scout.verifying.verify import verify
from tests.scout.archive_tools import encrypted, joined, pieces, plaintext

Members = list[tuple[str, bytes]]
DAMAGED = ("interrupted", "inconsistent", "unreadable")


class Made(NamedTuple):
    """One archive, its code on paper, and its receipt file."""

    path: Path
    code: str
    receipt: Path


class Expected(NamedTuple):
    """States that `verify` may give without a receipt, and with the receipt of the original. `clock`: it must name a moved clock."""

    alone: tuple[str, ...]
    with_receipt: tuple[str, ...]
    clock: bool = False


class Laboratory:
    """Makes archives in a folder and tampers with them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.random = folder, random.Random(seed)
        self.identity = pyrage.x25519.Identity.generate()
        self._number = 0

    def make(self, *, collection: str = "", clock: list[int] | None = None) -> Made:
        """Write an archive with random files, groups, verdicts and seals. `clock`: seconds by which the host's clock moves at each seal."""
        self._number += 1
        path, rnd = self.folder / f"{self._number}.age", self.random
        begun, real = writer_module.time.time_ns(), writer_module.time.time_ns
        moved = iter(clock or [])
        jump = 0

        def now() -> int:
            nonlocal jump
            jump += next(moved, 0) * 1_000_000_000
            return real() + jump

        started = f"{self._time(begun)}"
        header = {"collection": collection or f"{rnd.getrandbits(64):x}", "host": {"name": "pc"}, "profile": "triage", "started": started}
        with patch.object(writer_module.time, "time_ns", now), ArchiveWriter(path, [self.identity.to_public()], header) as writer:
            with writer.live("processes") as lines:
                for pid in range(rnd.randrange(1, 30)):
                    lines.write({"pid": pid, "name": f"n{pid}"})
            for number in range(rnd.randrange(3, 12)):
                content = rnd.randbytes(rnd.choice((0, 1, 300, 70_000)))
                group = GroupPlace(f"g{number}", "main", 1, 2) if number % 3 == 0 else None
                writer.add(WantedItem(source=f"/etc/f{number}", target="LF04", size=len(content), group=group), io.BytesIO(content))
                if group is not None:
                    again = GroupPlace(f"g{number}", "log1", 2, 2)
                    writer.add(WantedItem(source=f"/etc/f{number}.log", target="LF04", size=4, group=again), io.BytesIO(b"log\n"))
                if rnd.random() < 0.4:
                    writer.verdict(WantedItem(source=f"/etc/d{number}", target="LF04"), rnd.choice(("denied", "missing")), error="no")
                if rnd.random() < 0.3:
                    writer.seal()
            writer.seal()
            receipt = writer.finish()
        return Made(path, receipt.code, Path(f"{path}.receipt.json"))

    @staticmethod
    def _time(nanoseconds: int) -> str:
        from datetime import UTC, datetime

        return f"{datetime.fromtimestamp(nanoseconds / 1e9, UTC):%Y-%m-%dT%H:%M:%S.%f}Z"

    def opened(self, made: Made) -> Members:
        """Return (name, headers and content) of each member."""
        return pieces(plaintext(made.path, self.identity))

    def written(self, made: Made, members: Members) -> Path:
        """Put members together again, encrypted to the same recipient."""
        target = made.path.with_suffix(".tampered")
        target.write_bytes(encrypted(joined(members), self.identity))
        return target


def content_of(raw: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(raw + bytes(1024))) as archive:
        for one in archive:
            file = archive.extractfile(one)
            return file.read() if file is not None else b""
    return b""


def with_content(raw: bytes, content: bytes) -> bytes:
    """The same member with other content of its own size or another; PAX keys stay."""
    with tarfile.open(fileobj=io.BytesIO(raw + bytes(1024))) as archive:
        info = archive.getmembers()[0]
    out = io.BytesIO()
    info.size = len(content)
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info, io.BytesIO(content))
        end = archive.offset
    return out.getvalue()[:end]


# the attacks: each returns the tampered file


def flipped(lab: Laboratory, made: Made) -> Path:
    data = bytearray(made.path.read_bytes())
    data[lab.random.randrange(len(data))] ^= 1 << lab.random.randrange(8)
    return _raw(made, bytes(data))


def cut(lab: Laboratory, made: Made) -> Path:
    data = made.path.read_bytes()
    return _raw(made, data[: lab.random.randrange(len(data))])


def appended(lab: Laboratory, made: Made) -> Path:
    data = made.path.read_bytes()
    more = lab.random.choice((b"\0", lab.random.randbytes(300), data))
    return _raw(made, data + more)


def removed(lab: Laboratory, made: Made) -> Path:
    members = lab.opened(made)
    del members[lab.random.randrange(len(members) - 1)]  # without the last, end.json, see `unended`
    return lab.written(made, members)


def unended(lab: Laboratory, made: Made) -> Path:
    members = lab.opened(made)
    return lab.written(made, members[: lab.random.randrange(1, len(members))])


def reordered(lab: Laboratory, made: Made) -> Path:
    members = lab.opened(made)
    a, b = lab.random.sample(range(len(members)), 2)
    members[a], members[b] = members[b], members[a]
    return lab.written(made, members)


def replaced(lab: Laboratory, made: Made) -> Path:
    members = lab.opened(made)
    places = [at for at, (name, raw) in enumerate(members) if name.startswith(("files/", "live/")) and content_of(raw)]
    at = lab.random.choice(places)
    old = content_of(members[at][1])
    new = bytearray(old)
    new[lab.random.randrange(len(new))] ^= 0xFF
    shorter = bytes(new[: max(1, len(new) // 2)]) if lab.random.random() < 0.3 and len(new) > 1 else bytes(new)
    members[at] = members[at][0], with_content(members[at][1], shorter)
    return lab.written(made, members)


def added(lab: Laboratory, made: Made) -> Path:
    members = lab.opened(made)
    places = [at for at, (name, _) in enumerate(members) if name.startswith("files/")]
    twin = members[lab.random.choice(places)]
    members.insert(lab.random.randrange(1, len(members)), twin)
    return lab.written(made, members)


def custody_edited(lab: Laboratory, made: Made) -> Path:
    members = lab.opened(made)
    at = lab.random.choice([at for at, (name, _) in enumerate(members) if name.startswith("custody/")])
    lines = content_of(members[at][1]).splitlines()
    which = lab.random.randrange(len(lines))
    value = json.loads(lines[which])
    key = lab.random.choice(sorted(value))
    value[key] = {"verdict": "missing", "time": "2001-01-01T00:00:00Z"}.get(key, 7 if isinstance(value[key], int) else "x")
    lines[which] = json.dumps(value).encode()
    if lab.random.random() < 0.3 and len(lines) > 1:
        del lines[lab.random.randrange(1, len(lines))]
    members[at] = members[at][0], with_content(members[at][1], b"\n".join(lines) + b"\n")
    return lab.written(made, members)


def totals_edited(lab: Laboratory, made: Made) -> Path:
    members = lab.opened(made)
    end = json.loads(content_of(members[-1][1]))
    if lab.random.random() < 0.5:
        end["totals"][lab.random.choice(sorted(end["totals"]))] += 1
    else:
        end[lab.random.choice(("chain_head", "members", "parts", "items", "collection"))] = 3
    members[-1] = members[-1][0], with_content(members[-1][1], json.dumps(end).encode())
    return lab.written(made, members)


def exchanged(lab: Laboratory, _: Made) -> Path:
    return lab.make().path


def rebuilt(lab: Laboratory, made: Made) -> Path:
    """Everything anew, the same collection id, consistent in itself: by someone who has the public key."""
    members = lab.opened(made)
    return lab.make(collection=json.loads(content_of(members[0][1]))["collection"]).path


def _raw(made: Made, data: bytes) -> Path:
    target = made.path.with_suffix(".tampered")
    target.write_bytes(data)
    return target


Attack = Callable[[Laboratory, Made], Path]
BROKEN = Expected(DAMAGED, DAMAGED)
INCONSISTENT = Expected(("inconsistent",), ("inconsistent",))
FORGED = Expected(("whole",), ("inconsistent",))
CLASSES: dict[str, tuple[Attack | None, Expected]] = {
    "byte flipped": (flipped, BROKEN),
    "cut": (cut, Expected(("interrupted", "unreadable"), DAMAGED)),
    "bytes appended": (appended, BROKEN),
    "member removed": (removed, INCONSISTENT),
    "end removed": (unended, Expected(("interrupted",), ("interrupted", "inconsistent"))),
    "members reordered": (reordered, Expected(("inconsistent", "interrupted"), ("inconsistent", "interrupted"))),
    "content replaced": (replaced, INCONSISTENT),
    "member added": (added, INCONSISTENT),
    "custody edited": (custody_edited, INCONSISTENT),
    "totals edited": (totals_edited, INCONSISTENT),
    "archive exchanged or rebuilt": (None, FORGED),
    "clock moved": (None, Expected(("whole",), ("whole",), clock=True)),
}


def judged(lab: Laboratory, path: Path, receipt: str | Path | None) -> tuple[str, list[str]]:
    """Return the state and the notes about the clock; `unreadable` where verify refuses the file."""
    try:
        found = verify(path, [lab.identity], receipt)
    except Complaint:
        return "unreadable", []
    wrong_code = (found.code == 0) != (found.state == "whole")
    return ("exit code and state differ" if wrong_code else found.state), found.clock


def attack(lab: Laboratory, name: str) -> str:
    """Tamper once; return what was wrong with the verdict, '' for nothing."""
    act, expected = CLASSES[name]
    if expected.clock:
        made = lab.make(clock=[lab.random.choice((-86_400, -3_600, -60, 60, 3_600, 7 * 86_400)) for _ in range(2)])
        path = made.path
    else:
        made = lab.make()
        chosen = act or lab.random.choice((exchanged, rebuilt))
        path = chosen(lab, made)
    paper: str | Path = made.code if lab.random.random() < 0.5 else made.receipt
    alone, clock = judged(lab, path, None)
    with_receipt, _ = judged(lab, path, paper)
    if alone not in expected.alone or with_receipt not in expected.with_receipt:
        return f"{name}: {alone} alone, {with_receipt} with the receipt"
    return f"{name}: the moved clock was not named" if expected.clock and not clock else ""


def campaign(folder: Path, attacks: int, intact: int, seed: int) -> Iterator[tuple[str, int, list[str]]]:
    """Yield (class, number, wrong verdicts) of each class, then of the intact archives."""
    lab = Laboratory(folder, seed)
    for name in CLASSES:
        wrong = [text for text in (attack(lab, name) for _ in range(attacks)) if text]
        yield name, attacks, wrong
        for path in folder.iterdir():
            path.unlink()
    wrong = []
    for _ in range(intact):
        made = lab.make()
        states = [judged(lab, made.path, paper) for paper in (None, made.code, made.receipt)]
        if states != [("whole", [])] * 3:
            wrong.append(f"intact: {states}")
        made.path.unlink()
    yield "intact", intact, wrong


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--attacks", type=int, default=84)
    options.add_argument("--intact", type=int, default=200)
    options.add_argument("--seed", type=int, default=20261129)
    given = options.parse_args()
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for name, number, wrong in campaign(Path(folder), given.attacks, given.intact, given.seed):
            print(f"tamper  {name:<30} {number - len(wrong):>4} of {number} as expected")
            for text in sorted(set(wrong))[:5]:
                print(f"        {text}")
            total["intact" if name == "intact" else "attacks"] += number
            total["wrong"] += len(wrong)
    print(f"tamper  {total['attacks']:,} attacks and {total['intact']} intact archives, {total['wrong']} wrong verdicts")
    raise SystemExit(1 if total["wrong"] else 0)


if __name__ == "__main__":
    main()
