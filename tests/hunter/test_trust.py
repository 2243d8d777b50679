"""Writers of plan and journal, journals without their end, and the extent of "verified"."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import struct
from pathlib import Path

import pytest

from tests.conftest import need
from tests.hunter.conftest import GUILTY, manifest, manifest_of, write_case
from tests.hunter.driver import hunt

GETFLAGS, SETFLAGS = 0x80086601, 0x40086602  # linux/fs.h
CHATTR = {"s": 0x1, "S": 0x8, "d": 0x40, "A": 0x80}  # chattr(1), linux/fs.h


def grant(path: Path, *, tag: int, who: int, permissions: int, mask: int = 7) -> None:
    """Write an ACL as the kernel has it: u32 version 2, then u16 tag, u16 permissions, u32 id. Source: linux/posix_acl_xattr.h."""
    none = 0xFFFFFFFF
    base = 7 if path.is_dir() else 6
    rows = [(0x01, base, none), (0x04, 0, none), (0x10, mask, none), (0x20, 0, none), (tag, permissions, who)]
    raw = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *row) for row in sorted(rows))
    try:
        os.setxattr(path, "system.posix_acl_access", raw)
    except OSError as e:
        need(False, f"ACLs ({e.strerror})")


def held(bench, *arguments: object) -> None:
    """HUNTER refuses with code 2 and changes nothing."""
    state = manifest(bench.root)
    code, out, err = hunt(*arguments, "--root", bench.root)
    assert code == 2, out + err
    assert "can be written by" in err
    assert manifest(bench.root) == state


@pytest.mark.parametrize("place", ["plan", "folder"])
@pytest.mark.parametrize(("tag", "who"), [(0x02, 1000), (0x08, 1000)])
def test_a_plan_that_an_acl_lets_somebody_write_is_refused(bench, place, tag, who) -> None:
    bench.plan_here()
    at = bench.plan if place == "plan" else bench.plan.parent
    grant(at, tag=tag, who=who, permissions=7 if at.is_dir() else 6)
    held(bench, "apply", bench.plan, "--yes")
    held(bench, "check", bench.plan)


def test_an_acl_that_lets_nobody_write_is_no_obstacle(bench) -> None:
    bench.plan_here()
    grant(bench.plan, tag=0x02, who=1000, permissions=4)
    assert hunt("check", bench.plan, "--root", bench.root)[0] == 0
    grant(bench.plan, tag=0x02, who=1000, permissions=6, mask=4)
    assert hunt("check", bench.plan, "--root", bench.root)[0] == 0


def loosen(path: Path) -> None:
    path.chmod(0o666)


def grant_user(path: Path) -> None:
    grant(path, tag=0x02, who=1000, permissions=6)


@pytest.mark.parametrize("change", [loosen, grant_user])
@pytest.mark.parametrize("file", ["journal.jsonl", "journal.head"])
def test_apply_and_undo_demand_the_same_of_a_journal(bench, change, file) -> None:
    bench.plan_here()
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    change(Path(f"{bench.plan}.{file}"))
    held(bench, "apply", bench.plan)
    held(bench, "apply", bench.plan, "--yes")
    held(bench, "undo", bench.journal)


def test_a_journal_that_lost_its_end_is_refused_before_anything_is_written(bench) -> None:
    """Every cut at the end of a line, and the copy without the head."""
    bench.plan_here()
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    raw, state = bench.journal.read_bytes(), manifest(bench.root)
    lines = raw.splitlines(keepends=True)
    assert len(lines) > 20
    for n in range(1, len(lines)):
        bench.journal.write_bytes(b"".join(lines[:n]))
        for command in (("undo", bench.journal), ("apply", bench.plan, "--yes")):
            code, out, err = hunt(*command, "--root", bench.root)
            assert (code, manifest(bench.root)) == (2, state), out + err
            assert f"has {n} of at least {len(lines)} lines: its end is missing" in err
        assert bench.journal.read_bytes() == b"".join(lines[:n])
    bench.journal.write_bytes(raw)
    head = Path(f"{bench.plan}.journal.head")
    whole = head.read_bytes()
    head.unlink()
    code, _, err = hunt("undo", bench.journal, "--root", bench.root)
    assert (code, "journal.head is missing" in err, manifest(bench.root)) == (2, True, state)
    head.write_bytes(whole)
    assert hunt("undo", bench.journal, "--root", bench.root)[0] == 0


def test_a_head_and_a_journal_that_somebody_wrote_anew_do_not_fit_the_run_key(bench) -> None:
    """Who may write the files, but not read the run key, cuts the journal and writes a head of the right form for it."""
    import hashlib

    bench.plan_here()
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    lines = bench.journal.read_bytes().splitlines(keepends=True)[:-4]
    bench.journal.write_bytes(b"".join(lines))
    slot = {"lines": len(lines), "sha256": hashlib.sha256(lines[-1]).hexdigest(), "mac": ""}
    for mac in ("", "0" * 64):
        raw = json.dumps(slot | {"mac": mac}).encode().ljust(511) + b"\n"
        Path(f"{bench.plan}.journal.head").write_bytes(raw + raw)
        state = manifest(bench.root)
        code, _, err = hunt("undo", bench.journal, "--root", bench.root)
        assert (code, "its MAC does not fit" in err, manifest(bench.root)) == (3, True, state)


def test_after_close_the_head_still_knows_the_number_of_lines(bench) -> None:
    bench.plan_here()
    before = manifest(bench.root)
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    assert hunt("close", bench.journal)[0] == 0
    raw = bench.journal.read_bytes()
    bench.journal.write_bytes(b"".join(raw.splitlines(keepends=True)[:-3]))
    assert hunt("undo", bench.journal, "--root", bench.root, "-i", bench.key)[0] == 2
    bench.journal.write_bytes(raw)
    assert hunt("undo", bench.journal, "--root", bench.root, "-i", bench.key)[0] == 0
    assert manifest(bench.root) == before


def test_a_run_after_close_has_a_key_and_a_head_of_its_own(bench) -> None:
    bench.plan_here()
    before = manifest(bench.root)
    for _ in range(2):
        assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
        assert hunt("undo", bench.journal, "--root", bench.root)[0] == 0
        assert hunt("close", bench.journal)[0] == 0
    assert manifest(bench.root) == before


def test_access_times_come_back(bench) -> None:
    bench.plan_here()
    stamps = {}
    for n, path in enumerate(GUILTY.values()):
        at = bench.root / path[1:]
        stamps[path] = 1_600_000_000_111_222_333 + n
        os.utime(at, ns=(stamps[path], at.stat().st_mtime_ns))
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    code, out, err = hunt("undo", bench.journal, "--root", bench.root)
    assert code == 0, err
    assert {path: (bench.root / path[1:]).stat().st_atime_ns for path in GUILTY.values()} == stamps
    assert "Verified: content, mode, owner, attributes, ACLs, flags and times" in out
    assert "Not restorable: inode number, ctime and birth time" in out


def flags(at: Path) -> int:
    with at.open("rb") as stream:
        return struct.unpack("L", fcntl.ioctl(stream, GETFLAGS, struct.pack("L", 0)))[0]


def test_file_flags_come_back(bench) -> None:
    bench.plan_here()
    wanted = {}
    for path, letters in zip(GUILTY.values(), ("dASs", "d", "A", "S", "s"), strict=True):
        at = bench.root / path[1:]
        try:
            with at.open("rb") as stream:
                fcntl.ioctl(stream, SETFLAGS, struct.pack("L", flags(at) | sum(CHATTR[x] for x in letters)))
        except OSError as e:
            need(False, f"a file system with file flags ({e.strerror})")
        wanted[path] = flags(at)
        assert wanted[path] & sum(CHATTR[x] for x in letters) == sum(CHATTR[x] for x in letters)
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    for kind in ("cron-entry", "authorized-key", "ld-so-preload"):  # an edited file keeps its flags too
        assert flags(bench.root / GUILTY[kind][1:]) == wanted[GUILTY[kind]]
    code, _, err = hunt("undo", bench.journal, "--root", bench.root)
    assert code == 0, err
    assert {path: flags(bench.root / path[1:]) for path in GUILTY.values()} == wanted


def test_flags_that_somebody_changed_are_a_drift_of_the_undo(bench) -> None:
    need(shutil.which("chattr"), "chattr")
    bench.plan_here(["cron-entry"])
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    at = bench.root / GUILTY["cron-entry"][1:]
    with at.open("rb") as stream:
        fcntl.ioctl(stream, SETFLAGS, struct.pack("L", flags(at) | CHATTR["d"]))
    code, _, err = hunt("undo", bench.journal, "--root", bench.root)
    assert (code, "attributes was none, is d" in err) == (3, True), err


@pytest.mark.parametrize(
    ("receipt", "says"), [("verified", "# Trust: receipt verified\n"), ("not given", "# Trust: receipt not given: whoever"), (7, "")]
)
def test_the_plan_says_on_top_whether_the_receipt_was_verified(bench, receipt, says) -> None:
    from hunter.plan.yaml_text import read

    write_case(bench.case, bench.root, ["file"])
    at = manifest_of(bench.case)
    at.write_text(json.dumps(json.loads(at.read_text()) | {"receipt": receipt}))
    code, out, err = hunt("plan", bench.case, "--known", bench.known(), "-r", bench.recipient(), "-o", bench.plan)
    assert code == 0, err
    text = bench.plan.read_text()
    assert text.splitlines(keepends=True)[1].startswith(says)
    assert ("receipt" in text) is bool(says)
    assert (f"  receipt {receipt}" in out) is bool(says)
    assert read(text.encode())["host"].get("receipt") == (receipt if says else None)
    assert hunt("check", bench.plan, "--root", bench.root)[0] == 0
