"""The facts pass over real input: what a link says counts, whether it lies in a directory or stands in custody."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from commodore.engine import gather, recognise
from scout.keys import load_identities
from tests.commodore.cases import ROOT, environment


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
