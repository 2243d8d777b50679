"""SCOUT on a booted Debian (systemd-nspawn) whose root plays the tricks of rootkits, all of them inert."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scout.keys import keygen
from tests.conftest import need
from tests.hunter.machine import infected
from tests.scout.collecting import Archive

pytestmark = [pytest.mark.nspawn, pytest.mark.slow]
HIDES = r"""
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <string.h>
struct dirent64 *readdir64(DIR *d) {
  static struct dirent64 *(*real)(DIR *);
  if (!real) real = (struct dirent64 *(*)(DIR *))dlsym(RTLD_NEXT, "readdir64");
  struct dirent64 *e;
  do e = real(d); while (e && !strcmp(e->d_name, "hidden-by-a-test"));
  return e;
}
struct dirent *readdir(DIR *d) { return (struct dirent *)readdir64(d); }
"""
MEMORY = (
    'my $n = "m"; my $f = syscall(319, $n, 0); open(my $o, ">&=", $f); binmode $o; open(my $i, "<", "/bin/sleep"); binmode $i; local $/;'
    'print {$o} <$i>; $o->flush; exec {"/proc/self/fd/$f"} "sleep", "7777"'
)


def plant(root: Path) -> None:
    """A unit whose files will go, a table of cron that a library hides, a sparse log."""
    need(shutil.which("cc") and os.uname().machine == "x86_64", "a C compiler, on x86_64")
    source = root.parent / "hides.c"
    source.write_text(HIDES)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", root / "usr/lib/hides.so", source, "-ldl"], check=True, capture_output=True)
    unit = "[Service]\nExecStart=/usr/local/bin/ghost 7777\n[Install]\nWantedBy=multi-user.target\n"
    (root / "etc/systemd/system/ghost.service").write_text(unit)
    shutil.copy(root / "bin/sleep", root / "usr/local/bin/ghost")
    (root / "etc/cron.d/hidden-by-a-test").write_text("* * * * * root true\n")
    with (root / "var/log/lastlog").open("wb") as file:
        file.truncate(1 << 30)


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """What SCOUT printed, and its archive."""
    key = tmp_path_factory.mktemp("key") / "key.txt"
    recipient = keygen(key)
    with infected(plant) as machine:
        shared = machine.shared
        machine.run("systemctl", "start", "ghost.service")
        machine.run("sh", "-c", "rm /usr/local/bin/ghost /etc/systemd/system/ghost.service; echo /usr/lib/hides.so > /etc/ld.so.preload")
        memory = subprocess.Popen(["nsenter", "-t", str(machine.pid), "-a", "perl", "-MIO::Handle", "-e", MEMORY])
        try:
            machine.run(
                "sh", "-c", "for n in 1 2 3 4 5 6 7 8 9; do ls -l /proc/[0-9]*/exe 2>/dev/null | grep -q memfd && break; sleep 1; done"
            )
            done = machine.run(*(sys.executable, "-m", "scout", "collect", "-r", recipient, "-o", shared, "--targets", "LL,LF06,LF09,LF26"))
        finally:
            memory.kill()
            memory.wait()
        assert done.returncode == 0, done.stdout + done.stderr
        (archive,) = shared.glob("*.age")
        opened = Archive(archive, key, tmp_path_factory.mktemp("opened"))
    return done.stdout + done.stderr, opened


def test_programs_without_a_file_are_copied(played):
    _, archive = played
    why = {line["why"] for line in archive.lines if line["source"].endswith("/exe") and line.get("why") and line["verdict"] == "taken"}
    assert why >= {"running, its file is deleted", "running from memory (memfd)"}


def test_what_the_preloaded_library_hides_is_named_and_taken(played):
    said, archive = played
    assert "/etc/cron.d/hidden-by-a-test is listed by getdents64 only" in said
    assert "/usr/lib/hides.so" in said  # loaded into SCOUT itself
    rows = [json.loads(line) for line in (archive.tree / "live/directory_views.jsonl").read_text().splitlines()[2:]]
    assert [(row["path"], row["libc"], row["direct"]) for row in rows] == [("/etc/cron.d/hidden-by-a-test", False, True)]
    assert archive.verdict("/usr/lib/hides.so") == "taken"


def test_a_unit_that_runs_without_a_file_is_named(played):
    said, _ = played
    assert "unit ghost.service runs, and has no file" in said


def test_a_sparse_lastlog_stays_sparse(played):
    _, archive = played
    line = archive.custody["/var/log/lastlog"]
    assert (line["verdict"], line["size"]) == ("taken", 1 << 30) and archive.path.name and archive.plain.stat().st_size < 1 << 28
