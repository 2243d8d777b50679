"""Files of a package are not removed, whichever package manager the host has; a database that cannot be read is reported.

`data/rpmdb.sqlite.zst` was written by rpm 4.18.0: one package `cached` with /usr/bin/tool, /usr/lib/good/helper.sh and
/var/tmp/.cache/helper.sh. The text for pacman is what pacman 6.0.2 wrote for the same files; that for apk has the lines of Alpine 3.14.
"""

from __future__ import annotations

import os
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pytest
import zstandard

from hunter.host.tree import HostTree
from hunter.packages import Owned, managers, owned
from tests.hunter.conftest import GUILTY
from tests.hunter.driver import hunt
from tests.rpm_log import in_log

HELPER = GUILTY["file"]
RPM = Path(__file__).parent / "data" / "rpmdb.sqlite.zst"
PACMAN = """%FILES%
usr/
usr/lib/
usr/lib/good/
usr/lib/good/helper.sh
var/
var/tmp/
var/tmp/.cache/
var/tmp/.cache/helper.sh

%BACKUP%
etc/cron.d/e2scrub\t(null)
"""
APK = """C:Q1CpjMpFo3UY/Tn4CshBpA+PXMf04=
P:musl
V:1.2.2-r3
F:lib
R:ld-musl-x86_64.so.1
a:0:0:755
Z:Q1OR21cpf2INrOZXtXeMnWdqhkld4=

C:Q1QYgeusv2V7pMd22MjUjVuRUO9g8=
P:cached
V:1-r0
F:usr
F:usr/bin
R:tool
F:var/tmp
M:0:0:1777
F:var/tmp/.cache
R:helper.sh
a:0:0:755
Z:Q1nIC5KDc++AsuZFnKQtw6GsOp7eQ=

"""


def put(root: Path, path: str, data: bytes | str) -> Path:
    at = root / path
    at.parent.mkdir(parents=True, exist_ok=True)
    at.write_bytes(data.encode() if isinstance(data, str) else data)
    return at


def rpm(root: Path, folder: str = "var/lib/rpm") -> Path:
    return put(root, f"{folder}/rpmdb.sqlite", zstandard.decompress(RPM.read_bytes(), max_output_size=1 << 20))


DATABASES = {
    "dpkg": lambda root: put(root, "var/lib/dpkg/info/cached.list", f"/.\n/usr\n/usr/bin/tool\n{HELPER}\n"),
    "apk": lambda root: put(root, "lib/apk/db/installed", APK),
    "apk of a merged system": lambda root: put(root, "usr/lib/apk/db/installed", APK),
    "pacman": lambda root: put(root, "var/lib/pacman/local/cached-1-1/files", PACMAN),
    "rpm": rpm,
    "rpm of a new system": lambda root: rpm(root, "usr/lib/sysimage/rpm"),
    "rpm of a system that boots from images": lambda root: rpm(root, "usr/share/rpm"),
}


@pytest.fixture
def planned(bench):
    bench.plan_here()
    return bench


def checked(bench, *arguments: object) -> tuple[int, str]:
    code, out, err = hunt("check", bench.plan, "--root", bench.root, *arguments)
    assert not err
    return code, " ".join(out.split())


@pytest.mark.parametrize("make", DATABASES.values(), ids=DATABASES)
def test_a_file_of_a_package_is_not_quarantined(planned, make) -> None:
    make(planned.root)
    code, out = checked(planned)
    assert code == 3
    assert f"{HELPER} belongs to the package cached" in out
    assert "4 ready, 1 blocked" in out
    assert hunt("apply", planned.plan, "--root", planned.root, "--yes")[0] == 3
    assert checked(planned, "--i-know", HELPER)[0] == 0


@pytest.mark.parametrize("make", DATABASES.values(), ids=DATABASES)
def test_only_the_exact_path_belongs_to_a_package(tmp_path, make) -> None:
    make(tmp_path)
    others = ["/var/tmp/helper.sh", "/var/tmp/.cache", "/.cache/helper.sh", "/var/tmp/.cache/helper.sh.old", "/usr/lib/helper.sh", "/tool"]
    with HostTree(tmp_path) as tree:
        assert owned(tree, [HELPER, *others]).packages.keys() == {HELPER}
        assert not owned(tree, others).unread


@pytest.mark.parametrize("manager", ["dpkg", "apk", "rpm"])
def test_a_file_is_known_by_both_names_of_its_folder(tmp_path, manager) -> None:
    DATABASES[manager](tmp_path)
    with HostTree(tmp_path) as tree:
        assert owned(tree, ["/bin/tool", "/usr/bin/tool"]).packages == {"/bin/tool": "cached", "/usr/bin/tool": "cached"}


def test_a_host_without_a_package_database_says_nothing(planned) -> None:
    (planned.root / "usr/lib").mkdir(exist_ok=True)
    (planned.root / "lib").symlink_to("usr/lib")
    code, out = checked(planned)
    assert (code, "database" in out) == (0, False)


def test_a_database_whose_own_words_are_no_text_is_told(tmp_path) -> None:
    """SQLite cites the name of the index in its message, which Python cannot decode."""
    file = rpm(tmp_path)
    data = file.read_bytes()
    assert b"indexBasenames_hnum_idxBasenames" in data
    file.write_bytes(data.replace(b"indexBasenames_hnum_idxBasenames", b"indexBasenames_hnum_\xedxxBasenames"))
    with HostTree(tmp_path) as tree:
        assert owned(tree, ["/usr/bin/tool"]).unread


@pytest.mark.parametrize("make", [DATABASES["dpkg"], DATABASES["apk"], DATABASES["pacman"]], ids=("dpkg", "apk", "pacman"))
def test_a_database_that_is_cut_is_told_beside_what_it_names(tmp_path, make) -> None:
    file = make(tmp_path)
    with HostTree(tmp_path) as tree:
        assert not owned(tree, [HELPER]).unread
        at = file.read_bytes().rindex(HELPER[1:].rpartition("/")[2].encode()) + len("helper.sh")
        file.write_bytes(file.read_bytes()[:at])
        found = owned(tree, [HELPER])
    assert found.packages[HELPER].startswith("cached")
    (why,) = found.unread
    assert why.endswith("is cut")


def test_all_databases_of_a_host_are_asked(tmp_path) -> None:
    rpm(tmp_path)
    put(tmp_path, "var/lib/dpkg/info/other.list", "/.\n/opt/other\n")
    with HostTree(tmp_path) as tree:
        assert owned(tree, [HELPER, "/opt/other"]).packages == {HELPER: "cached", "/opt/other": "other"}
    assert {m.name for m in managers()} == {"dpkg", "apk", "pacman", "rpm"}


def in_system(bench) -> str:
    """The plan's file lies in a folder of the system."""
    path = "/usr/lib/.cache/helper.sh"
    at = bench.root / path[1:]
    at.parent.mkdir(parents=True)
    os.rename(bench.root / HELPER[1:], at)
    bench.plan.write_text(bench.plan.read_text().replace(f"path: {HELPER}\n", f"path: {path}\n"))
    assert hunt("check", bench.plan, "--root", bench.root, "--seal")[0] == 0
    return path


def spoiled(at: Path, statement: str) -> None:
    with closing(sqlite3.connect(at)) as database:
        database.executescript("PRAGMA journal_mode = DELETE; PRAGMA foreign_keys = OFF;" + statement)


def damaged(at: Path, change) -> None:
    with closing(sqlite3.connect(at)) as database:
        (blob,) = database.execute("SELECT blob FROM Packages").fetchone()
        database.execute("UPDATE Packages SET blob = ?", (change(blob),))
        database.commit()
        database.execute("PRAGMA journal_mode = DELETE")


ENDLESS = """
    DROP TABLE Basenames;
    CREATE VIEW Basenames AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS key, i AS hnum FROM n;
"""
UNREADABLE = {
    "Berkeley DB": lambda root: put(root, "var/lib/rpm/Packages", b"\0" * 4096),
    "ndb": lambda root: put(root, "usr/lib/sysimage/rpm/Packages.db", b"RpmP" + b"\0" * 4092),
    "no SQLite": lambda root: rpm(root).write_bytes(b"x" * 8192),
    "cut": lambda root: os.truncate(rpm(root), 20_000),
    "empty": lambda root: put(root, "var/lib/rpm/rpmdb.sqlite", b""),
    "changes beside it": lambda root: (rpm(root), put(root, "var/lib/rpm/rpmdb.sqlite-wal", b"x" * 32)),
    "a view without end": lambda root: spoiled(rpm(root), ENDLESS),
    "header missing": lambda root: spoiled(rpm(root), "DELETE FROM Packages;"),
    "header cut": lambda root: damaged(rpm(root), lambda blob: blob[:200]),
    "header lies": lambda root: damaged(rpm(root), lambda blob: struct.pack(">II", 0xFFFFFFFF, 0xFFFFFFFF) + blob[8:]),
    "header of nothing": lambda root: damaged(rpm(root), lambda blob: b""),
    "a package without files": lambda root: (root / "var/lib/pacman/local/cached-1-1").mkdir(parents=True),
    "a folder for a file": lambda root: (root / "lib/apk/db/installed").mkdir(parents=True),
    "a link": lambda root: (DATABASES["dpkg"](root), os.rename(root / "var/lib", root / "lib.d"), (root / "var/lib").symlink_to("/lib.d")),
}


@pytest.mark.parametrize("make", UNREADABLE.values(), ids=UNREADABLE)
def test_a_database_that_cannot_be_read_is_told_and_guards_the_system(planned, make) -> None:
    path = in_system(planned)
    if make is not UNREADABLE["a folder for a file"]:
        os.symlink("usr/lib", planned.root / "lib")
    make(planned.root)
    code, out = checked(planned)
    assert code == 3
    assert f"{path} is where packages put their files, and the package database of" in out
    assert "is there and cannot be read (" in out
    assert f"Only: --i-know {path}" in out
    assert "4 ready, 1 blocked" in out
    assert "evil.service" in out.partition("whether a package owns it is not known")[0]
    assert checked(planned, "--i-know", path)[0] == 0


def test_what_no_package_would_bring_is_removed_beside_an_unreadable_database(planned) -> None:
    UNREADABLE["Berkeley DB"](planned.root)
    code, out = checked(planned)
    assert code == 0
    assert out.count("whether a package owns it is not known") == 2
    assert "/var/lib/rpm/Packages is Berkeley DB" in out
    assert hunt("apply", planned.plan, "--root", planned.root, "--yes")[0] == 0


def test_reading_a_database_changes_nothing_beside_it(tmp_path) -> None:
    at = rpm(tmp_path)
    put(tmp_path, "var/lib/rpm/rpmdb.sqlite-wal", b"")
    before = at.read_bytes()
    with HostTree(tmp_path) as tree:
        assert owned(tree, [HELPER]).packages
    assert sorted(os.listdir(at.parent)) == ["rpmdb.sqlite", "rpmdb.sqlite-wal"]
    assert at.read_bytes() == before


def test_what_only_the_log_of_a_database_has_is_known_and_nothing_is_written(tmp_path) -> None:
    at = rpm(tmp_path)
    content, log = in_log(at.read_bytes(), tmp_path)
    at.write_bytes(content)
    beside = put(tmp_path, "var/lib/rpm/rpmdb.sqlite-wal", b"")
    with HostTree(tmp_path) as tree:
        assert owned(tree, [HELPER]) == Owned()
        beside.write_bytes(log)
        assert owned(tree, [HELPER]) == Owned({HELPER: "cached"})
        beside.write_bytes(log[:-1])  # its last frame is cut: SQLite sees no commit
        assert owned(tree, [HELPER]) == Owned()
    assert (sorted(os.listdir(at.parent)), at.read_bytes()) == (["rpmdb.sqlite", "rpmdb.sqlite-wal"], content)
