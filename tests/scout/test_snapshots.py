"""Snapshots: the list of a real btrfs as its own tool has it; the oldest snapshot of a root is read beside it, as far as it differs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from scout.live.linux import snapshots as listed
from scout.sources.directory import DirectorySource
from scout.sources.snapshots import oldest, snapshots
from scout.sources.timed_calls import TimedCalls
from tests.conftest import need
from tests.scout.collecting import AS_ROOT, collected, key, mounted, root

__all__ = ["collected", "key", "root"]


def snapper(root: Path, number: int, date: str, files: dict[str, str]) -> Path:
    place = root / f".snapshots/{number}"
    (place / "snapshot/etc").mkdir(parents=True)
    (place / "info.xml").write_text(f'<?xml version="1.0"?>\n<snapshot><num>{number}</num><date>{date}</date></snapshot>\n')
    for path, text in files.items():
        (place / "snapshot" / path).parent.mkdir(parents=True, exist_ok=True)
        (place / "snapshot" / path).write_text(text)
    return place


def test_triage_files_of_the_oldest_snapshot_are_taken_where_they_differ(root, collected):
    (root / "var/log/auth.log").write_text("cleaned\n")
    (root / "etc/crontab").write_text("same\n")
    before = {"var/log/auth.log": "the break-in\n", "etc/crontab": "same\n", "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "tmp/x": "#!"}
    snapper(root, 7, "2026-01-02 03:04:05", before)
    snapper(root, 12, "2025-12-31 00:00:00", before | {"var/log/auth.log": "older\n", "etc/cron.d/removed": "* * * * * root /tmp/x\n"})
    snapper(root, 13, "2026-05-01 00:00:00", {"var/log/auth.log": "newer\n"})
    archive = collected(root, "--profile", "full")
    old = {line["source"]: line for line in archive.lines if line["name"].startswith("files/root@snapper-12/")}
    assert (archive.tree / old["/var/log/auth.log"]["name"]).read_text() == "older\n"
    assert (archive.tree / old["/etc/cron.d/removed"]["name"]).read_text().startswith("* * *")
    assert old["/etc/crontab"]["verdict"] == "duplicate" and old["/etc/crontab"]["same_as"] > 0
    assert "/tmp/x" not in old and "/etc/shadow" not in old
    assert (archive.tree / "files/root/var/log/auth.log").read_text() == "cleaned\n"
    assert not any(name.startswith(("files/root@snapper-7/", "files/root@snapper-13/")) for name in archive.names)
    assert not any("root@" in name for name in collected(root).names), "triage has no snapshots"


def test_a_password_file_of_a_snapshot_stays_a_secret(root, collected):
    snapper(root, 1, "2026-01-02 03:04:05", {"etc/shadow": "root:$6$abcdefgh$ijklmnop:19000:0:99999:7:::\n"})
    archive = collected(root, "--profile", "full")
    (line,) = [one for one in archive.lines if one["name"] == "files/root@snapper-1/etc/shadow"]
    assert line["verdict"] == "blocked" and line["member"] is None


@pytest.mark.parametrize("what", ["link", "file", "no date", "link above"])
def test_a_snapshot_that_is_a_trick_is_passed_over(root, tmp_path, what):
    place = snapper(root, 1, "2020-01-01 00:00:00", {})
    snapper(root, 2, "2021-01-01 00:00:00", {"etc/hostname": "good"})
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.rmtree(place / "snapshot")
    if what == "link":
        (place / "snapshot").symlink_to(outside)
    elif what == "file":
        (place / "snapshot").write_text("no folder")
    elif what == "no date":
        (place / "snapshot").mkdir()
        (place / "info.xml").write_text("<date>" * 40_000)
    else:
        shutil.rmtree(place)
        place.symlink_to(outside)
    source = DirectorySource(root)
    found = oldest(source, TimedCalls(0))
    assert found is not None and found.volume == "root@snapper-2"
    found.close()
    source.close()


def test_snapshots_of_timeshift_and_zfs_are_known_by_their_folders(root):
    (root / "timeshift/snapshots/2026-02-03_04-05-06/localhost/etc").mkdir(parents=True)
    (root / "timeshift-btrfs/snapshots/2025-02-03_04-05-06/@/etc").mkdir(parents=True)
    (root / "timeshift/snapshots/other").mkdir()
    (root / ".zfs/snapshot/daily").mkdir(parents=True)
    source = DirectorySource(root)
    found = [
        (one.kind, one.name)
        for one in snapshots(source, TimedCalls(0))
        if "localhost" in one.parts or "@" in one.parts or one.kind == "zfs"
    ]
    assert ("timeshift", "2025-02-03_04-05-06") in found and ("zfs", "daily") in found
    made = oldest(source, TimedCalls(0))
    assert made is not None and made.volume == "root@timeshift-2025-02-03_04-05-06" and made.path.endswith("/@")
    made.close()
    source.close()


def test_subvolumes_of_a_real_btrfs_are_those_of_its_own_tool(tmp_path):
    need(AS_ROOT and shutil.which("mkfs.btrfs") and shutil.which("btrfs"), "root and btrfs-progs")
    image, point = tmp_path / "image", tmp_path / "point"
    image.write_bytes(b"")
    os.truncate(image, 200 << 20)
    point.mkdir()
    subprocess.run(["mkfs.btrfs", "-q", "-f", str(image)], check=True, capture_output=True)
    with mounted("-o", "loop", str(image), str(point)):
        subprocess.run(["btrfs", "subvolume", "create", str(point / "data")], check=True, capture_output=True)
        for number in range(130):  # more than one answer holds
            more = ["-r"] if number % 2 else []
            command = ["btrfs", "subvolume", "snapshot", *more, str(point / "data"), str(point / f"copy {number}")]
            subprocess.run(command, check=True, capture_output=True)
        told = subprocess.run(["btrfs", "subvolume", "list", "-q", str(point)], check=True, capture_output=True, text=True).stdout
        rows = [row for row in listed.collect() if row.get("mount") == str(point)]
    wanted = {(int(found[1]), found[2], found[3]) for found in re.finditer(r"ID (\d+) .* parent_uuid ([0-9a-f-]{36}) path (.+)", told)}
    assert {(row["id"], row["of_uuid"], row["name"]) for row in rows} == wanted and len(wanted) == 130
    assert all(row["read_only"] == bool(int(row["name"].split()[1]) % 2) for row in rows)
