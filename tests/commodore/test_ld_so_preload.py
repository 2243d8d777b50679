"""/etc/ld.so.preload as the dynamic loader reads it."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from commodore.artefacts.linux.files import ld_so_preload
from tests.commodore.damage import damaged, inputs, survives
from tests.conftest import need

SOURCE = "/etc/ld.so.preload"


def paths(data: bytes) -> list[str]:
    return [r.fields["dll.path"] for r in survives(ld_so_preload, SOURCE, data)[0]]


def test_blanks_tabs_colons_and_line_feeds_part_names_and_comments_begin_anywhere():
    assert paths(b"/a.so /b.so:/c.so\t/d.so#/e.so\n# /f.so\n:/g.so:\n") == ["/a.so", "/b.so", "/c.so", "/d.so", "/g.so"]


def test_a_carriage_return_is_part_of_the_name():
    assert paths(b"/a.so\r\n") == ["/a.so\r"]


@pytest.mark.skipif(sys.platform != "linux", reason="the loader is Linux's")
def test_the_real_loader_parts_names_alike():
    """LD_PRELOAD is parted by blanks and colons like the file: the loader complains about each name that is not there."""
    true = shutil.which("true")
    said = subprocess.run([true], env={"LD_PRELOAD": "/no/a.so:/no/b.so /no/c.so"}, capture_output=True, text=True, check=False).stderr
    need("cannot be preloaded" in said, "a loader that names what it cannot load (glibc)")
    assert [p for p in paths(b"/no/a.so:/no/b.so /no/c.so") if f"'{p}'" in said] == ["/no/a.so", "/no/b.so", "/no/c.so"]


def test_each_entry_carries_its_whole_line():
    records, _ = survives(ld_so_preload, SOURCE, b"# c\n/a.so /b.so # why\n")
    assert [(r.locator, r.fields["escadre.line"]) for r in records] == [
        ("line 2 entry 1", "/a.so /b.so # why"),
        ("line 2 entry 2", "/a.so /b.so # why"),
    ]


@pytest.mark.parametrize(("source", "data"), inputs("ld_so_preload"), ids=lambda v: v if isinstance(v, str) else "")
def test_damage_is_survived(source, data):
    for bad in damaged(data):
        survives(ld_so_preload, source, bad)
