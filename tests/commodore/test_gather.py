"""The facts pass over real input: the target of a link counts, from a directory as from custody."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from commodore.engine import gather, recognise
from commodore.engine.process import process
from scout.keys import load_identities
from tests.commodore.cases import ROOT, environment, ledger


@pytest.fixture
def root(tmp_path):
    if os.name == "nt":
        pytest.skip("links need a POSIX file system")
    etc = tmp_path / "web1" / "etc"
    etc.mkdir(parents=True)
    (etc / "hostname").write_text("web1\n")
    (etc / "passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    (etc / "localtime").symlink_to("/usr/share/zoneinfo/Europe/Paris")
    return tmp_path / "web1"


def scout(*arguments):
    subprocess.run([sys.executable, "-m", "scout.cli", *map(str, arguments)], check=True, cwd=ROOT, env=environment(), capture_output=True)


def test_a_linked_localtime_names_the_zone_in_a_directory(root, tmp_path):
    host = gather.host(recognise.recognise(root, ()), tmp_path)
    assert (host.name, host.timezone) == ("web1", "Europe/Paris")


def test_a_linked_localtime_names_the_zone_in_an_archive(root, tmp_path):
    scout("keygen", "-o", tmp_path / "key.txt")
    public = next(w for w in (tmp_path / "key.txt").read_text().split() if w.startswith("age1"))
    scout("collect", "-r", public, "--root", root, "-o", tmp_path)
    collection = recognise.recognise(next(tmp_path.glob("*.age")), load_identities(tmp_path / "key.txt"))
    host = gather.host(collection, tmp_path)
    assert (host.name, host.timezone) == ("web1", "Europe/Paris")


def test_localtime_wins_over_timezone_in_both_programs_and_the_conflict_is_in_the_ledger(root, tmp_path):
    (root / "etc" / "timezone").write_text("America/New_York\n")
    scout("keygen", "-o", tmp_path / "key.txt")
    public = next(w for w in (tmp_path / "key.txt").read_text().split() if w.startswith("age1"))
    scout("collect", "-r", public, "--root", root, "-o", tmp_path)
    archive = next(tmp_path.glob("*.age"))
    identities = load_identities(tmp_path / "key.txt")
    for n, given in enumerate((root, archive)):
        collection = recognise.recognise(given, identities)
        assert gather.host(collection, tmp_path).timezone == "Europe/Paris"
        process([given], tmp_path / f"case{n}", identities=identities, workers=1)
        said = [row["reason"] for row in ledger(tmp_path / f"case{n}") if row["path"] == "facts of the host"]
        assert said == [
            "/etc/localtime is Europe/Paris, /etc/timezone says America/New_York: /etc/localtime is used, as the C library does."
        ]
    declared = recognise.recognise(archive, identities).header()["host"]
    assert (declared["timezone"], declared["timezone_conflict"]) == ("Europe/Paris", said[0])


def test_two_names_of_one_zone_are_no_conflict(root, tmp_path):
    (root / "etc" / "localtime").unlink()
    (root / "etc" / "localtime").symlink_to("/usr/share/zoneinfo/Etc/UTC")
    (root / "etc" / "timezone").write_text("UTC\n")
    host = gather.host(recognise.recognise(root, ()), tmp_path)
    assert (host.timezone, host.conflicts) == ("Etc/UTC", ())


def test_a_file_of_another_case_gives_no_facts(root, tmp_path):
    """/etc/Passwd is an ordinary file on Linux, whatever its order in the archive."""
    (root / "etc" / "passwD").write_text("evil:x:0:0:root:/tmp/evil:/bin/bash\n")
    (root / "etc" / "PASSWD").write_text("evil:x:0:0:root:/tmp/evil:/bin/bash\n")
    (root / "etc" / "hostnamE").write_text("other\n")
    scout("keygen", "-o", tmp_path / "key.txt")
    public = next(w for w in (tmp_path / "key.txt").read_text().split() if w.startswith("age1"))
    scout("collect", "-r", public, "--root", root, "-o", tmp_path)
    archive = recognise.recognise(next(tmp_path.glob("*.age")), load_identities(tmp_path / "key.txt"))
    for collection in (archive, recognise.recognise(root, ())):
        host = gather.host(collection, tmp_path)
        assert (host.name, host.users["0"]) == ("web1", "root")
