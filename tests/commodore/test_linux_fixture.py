"""The demo's Linux host: the same in every build, inert, and with the story of its docstring."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import pytest

from commodore.artefact import Record
from commodore.artefacts.linux.files import authorized_keys
from commodore.artefacts.linux.logs import auth_log
from commodore.evidence import Evidence
from commodore.facts import linux
from commodore.host import Host
from fixtures.linux.build import HIDDEN, PLANTS, build

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes and links of a Linux root")


def manifest(root: Path) -> dict[str, tuple]:
    found = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder) / name
            content = str(path.readlink()) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            found[path.relative_to(root).as_posix()] = (path.lstat().st_mode, path.lstat().st_mtime_ns, content)
    return found


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("host") / "web-vitrine"
    build(place)
    return place


def test_two_builds_are_the_same_to_the_nanosecond(root, tmp_path):
    build(tmp_path / "again")
    assert manifest(tmp_path / "again") == manifest(root)


def test_planted_scripts_only_echo(root):
    scripts = [root / path for path in PLANTS if path.endswith(".sh")]
    assert scripts
    for script in scripts:
        assert {line.split()[0] for line in script.read_text().splitlines() if not line.startswith("#")} == {"echo"}
    assert not (root / "usr/local/lib/libdbus-cache.so").read_bytes().startswith(b"\x7fELF")


def test_the_log_tells_the_intrusion_in_the_hours_of_the_docstring(root):
    def evidence(path: str) -> Evidence | None:
        file = root / path
        return Evidence(f"/{path}", file.read_bytes(), facts={"mtime": "2026-10-31T20:17:01Z"}) if file.is_file() else None

    host = Host("c", os="linux", **linux.facts(evidence))
    assert (host.name, host.timezone, host.profiles["deploy"]) == ("web-vitrine", "Europe/Paris", "/home/deploy")
    events = [i.fields for i in auth_log.parse(evidence("var/log/auth.log"), host) if isinstance(i, Record)]
    guest = [e for e in events if e.get("source.ip") == "198.51.100.23" and e.get("event.outcome") == "success"]
    assert [(e["@timestamp"], e["user.name"]) for e in guest] == [("2026-10-31T18:43:30Z", "deploy"), ("2026-10-31T19:12:44Z", "root")]
    sudo = [e["process.command_line"] for e in events if e.get("event.action") == "sudo-command-run"]
    assert sudo[1:] == [f"/usr/bin/mkdir -p {HIDDEN}", "/usr/bin/systemctl enable --now dbus-cache.timer"]
    keys = {
        i.fields["escadre.ssh.fingerprint"]
        for i in authorized_keys.parse(evidence("root/.ssh/authorized_keys"), host)
        if isinstance(i, Record)
    }
    assert guest[1]["escadre.ssh.fingerprint"] in keys  # the key that came back is the one that was planted
