"""Rows L054 to L056: programs with more rights than who starts them, and protected files, by the file listing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commodore.cases import commodore


def line(path: str, mode: str = "0755", **more: object) -> dict[str, object]:
    times = dict.fromkeys(("mtime", "ctime", "atime"), "2026-10-31T18:00:00Z")
    fixed = {"size": 9, "uid": 0, "gid": 0, "owner": "root", "group_name": "root", "ino": 7, "dev": 1, "nlink": 1}
    return {"path": path, "type": "file", "mode": mode, **fixed, **times, "package": "", **more}


FOUND = {
    "/usr/bin/.sh": (line("/usr/bin/.sh", "4755"), "L054", "critical"),
    "/usr/bin/bash": (line("/usr/bin/bash", "4755", package="bash"), "L054", "critical"),
    "/usr/bin/vim.basic": (line("/usr/bin/vim.basic", "4755", package="vim"), "L054", "critical"),
    "/var/tmp/x": (line("/var/tmp/x", "4755"), "L054", "critical"),
    "/usr/sbin/helperd": (line("/usr/sbin/helperd", "4755"), "L054", "high"),
    "/usr/bin/sudo": (line("/usr/bin/sudo", "4755"), "L054", "high"),
    "/opt/app/run": (line("/opt/app/run", "4755"), "L054", "medium"),
    "/usr/sbin/groupy": (line("/usr/sbin/groupy", "2755"), "L054", "medium"),
    "/usr/bin/python3.11": (line("/usr/bin/python3.11", package="python3.11-minimal", capabilities="cap_setuid=ep"), "L055", "critical"),
    "/usr/sbin/reader": (line("/usr/sbin/reader", capabilities="cap_dac_read_search=ep"), "L055", "high"),
    "/etc/ld.so.preload": (line("/etc/ld.so.preload", "0644", flags=["immutable"]), "L056", "high"),
    "/dev/shm/.k": (line("/dev/shm/.k", "0644", flags=["append-only"]), "L056", "high"),
    "/srv/notes": (line("/srv/notes", "0644", flags=["immutable"]), "L056", "medium"),
}
EXPECTED = [
    line("/usr/bin/passwd", "4755", package="passwd"),
    line("/usr/bin/at", "6755", package="at"),
    line("/usr/sbin/odd-but-packaged", "4755", package="odd"),
    line("/usr/bin/ping", package="iputils-ping", capabilities="cap_net_raw=ep"),
    line("/var/lib/docker/overlay2/abc/diff/usr/bin/su", "4755"),
    line("/snap/core22/1033/usr/bin/chfn", "4755"),
    line("/srv/locked", "2644"),
    {**line("/var/mail", "2775"), "type": "directory"},
    line("/etc/resolv.conf", "0644", flags=["immutable"]),
    line("/usr/bin/plain"),
]


def findings(folder: Path, lines: list[dict[str, object]]) -> dict[str, tuple[str, str, str]]:
    host = folder / "host"
    (host / "live").mkdir(parents=True)
    (host / "etc").mkdir()
    (host / "etc/hostname").write_text("web\n")
    (host / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    text = "".join(json.dumps(one) + "\n" for one in [{"schema": "files/1"}, *lines])
    (host / "live/files.jsonl").write_text(text)
    assert commodore("process", host, "-o", folder / "case").returncode == 0
    said = map(json.loads, commodore("findings", folder / "case", "--json").stdout.splitlines())
    return {one["target"]["path"]: (one["rule.id"], one["escadre.severity"], one["message"]) for one in said}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str, str]]:
    return findings(tmp_path_factory.mktemp("listing"), [made for made, _, _ in FOUND.values()] + EXPECTED)


@pytest.mark.parametrize("path", FOUND)
def test_what_an_intruder_leaves_is_found(path: str, found: dict[str, tuple[str, str, str]]) -> None:
    assert found[path][:2] == FOUND[path][1:]


def test_what_packages_and_administrators_have_is_not(found: dict[str, tuple[str, str, str]]) -> None:
    assert sorted(found) == sorted(FOUND)


def test_the_sentence_says_why(found: dict[str, tuple[str, str, str]]) -> None:
    assert found["/usr/bin/.sh"][2].startswith("/usr/bin/.sh runs with the rights of user root, whoever starts it; ")
    assert "cap_setuid=ep" in found["/usr/bin/python3.11"][2]


def test_without_a_package_database_the_usual_programs_are_expected(tmp_path: Path) -> None:
    lines = [line("/usr/bin/su", "4755"), line("/usr/bin/strange", "4755"), line("/usr/bin/dash", "4755")]
    for one in lines:
        del one["package"]
    said = findings(tmp_path, lines)
    assert {path: severity for path, (_, severity, _) in said.items()} == {"/usr/bin/strange": "medium", "/usr/bin/dash": "critical"}
