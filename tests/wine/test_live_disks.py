"""Disks of a running Windows (under Wine): their sectors are read raw through Windows' own names."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import need
from tests.wine.machine import WindowsMachine, prepared

pytestmark = pytest.mark.wine
SIZE = 8 << 20
READ = r"""
import hashlib, json
from scout.live.windows import _disks
said = {}
for name, opener in _disks.disks():
    try:
        blocks = opener()
    except OSError as e:
        said[name] = type(e).__name__
        continue
    try:
        said[name] = [blocks.size, hashlib.sha256(blocks.read_at(0, 1 << 20)).hexdigest(), blocks.read_at(700, 5).hex()]
    except OSError as e:  # the disk that Wine makes up for C: cannot be read
        said[name] = type(e).__name__
    blocks.close()
print(json.dumps(said))
"""


def test_a_disk_is_read_by_its_number(tmp_path: Path):
    need(hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("losetup"), "root and losetup")
    image = tmp_path / "disk.img"
    image.write_bytes(random.Random(5).randbytes(SIZE))
    done = subprocess.run(["losetup", "-r", "-f", "--show", str(image)], capture_output=True, text=True)
    need(done.returncode == 0, "a loop device")
    device = done.stdout.strip()
    try:
        with WindowsMachine(prepared(), tmp_path / "prefix") as windows:
            (windows.prefix / "dosdevices/physicaldrive1").symlink_to(device)
            ran = windows.python(READ)
    finally:
        subprocess.run(["losetup", "-d", device], check=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    said = json.loads(ran.stdout.splitlines()[-1])
    raw = image.read_bytes()
    size, digest, some = said["\\\\.\\PhysicalDrive1"]
    assert digest == hashlib.sha256(raw[: 1 << 20]).hexdigest() and some == raw[700:705].hex()
    assert size in (SIZE, 1 << 20), size
