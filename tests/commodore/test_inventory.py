"""`commodore diff` and `commodore baseline`: what starts by itself, compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commodore.case.inventory import read_baseline
from scout.console import WRONG_USE, Complaint
from tests.commodore.cases import commodore


def case(folder: Path, name: str, files: dict[str, str]) -> Path:
    """Process a Linux host with these files."""
    root = folder / name / "srv1"
    for path, text in {"etc/hostname": "srv1\n", "etc/os-release": "ID=debian\n", **files}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    made = folder / f"case-{name}"
    assert commodore("process", root, "-o", made).returncode == 0
    return made


def changes(one: Path, two: Path) -> list[tuple[str, str, str]]:
    shown = commodore("diff", one, two, "--json")
    assert shown.returncode == 0, shown.stderr
    return sorted(
        (c["change"], (c["after"] or c["before"])["rule"], (c["after"] or c["before"])["starts"])
        for c in map(json.loads, shown.stdout.splitlines())
    )


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("two")
    first = case(
        folder,
        "first",
        {
            "etc/cron.d/a": "1 2 * * * root /usr/sbin/a\n3 4 * * * root /usr/sbin/gone\n",
            "etc/systemd/system/s.service": "[Service]\nExecStart=/usr/sbin/s\n",
        },
    )
    second = case(
        folder,
        "second",
        {
            "etc/cron.d/a": "# a line before\n1 2 * * * root /usr/sbin/a\n",
            "etc/cron.d/new": "* * * * * root /tmp/.x/new\n",
            "etc/systemd/system/s.service": "[Service]\nExecStart=/opt/other\n",
        },
    )
    return first, second


def test_what_appeared_went_and_changed_is_shown_and_a_moved_line_is_not(two: tuple[Path, Path]) -> None:
    assert changes(*two) == [("appeared", "L001", "/tmp/.x/new"), ("changed", "L010", "/opt/other"), ("went", "L001", "/usr/sbin/gone")]
    assert changes(two[0], two[0]) == []
    text = commodore("diff", *two).stdout
    assert "1 appeared, 1 went, 1 changed." in text and "(before: /usr/sbin/s)" in text


def test_a_baseline_leaves_only_what_it_does_not_have(two: tuple[Path, Path], tmp_path: Path) -> None:
    file = tmp_path / "good.jsonl"
    assert "3 new entries, 3 in all." in commodore("baseline", "add", two[0], "-o", file).stdout
    assert changes(file, two[0]) == []
    assert changes(file, two[1]) == [("appeared", "L001", "/tmp/.x/new"), ("changed", "L010", "/opt/other")]
    assert "0 new entries, 3 in all." in commodore("baseline", "add", two[0], "-o", file).stdout
    first = file.read_bytes()
    commodore("baseline", "add", two[1], "-o", file)
    assert file.read_bytes() != first and changes(file, two[1]) == []


@pytest.mark.parametrize("text", ['{"a": 1}\n', '{"escadre_baseline": 1}\n{"rule": 5}\n', "nonsense\n"])
def test_a_file_that_is_no_baseline_is_refused(two: tuple[Path, Path], tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text(text)
    refused = commodore("diff", file, two[0])
    assert refused.returncode not in (0, 1) and "Traceback" not in refused.stderr and str(file.name) in refused.stderr


def grave(case: Path) -> list[str]:
    found = map(json.loads, commodore("findings", case, "--json").stdout.splitlines())
    return sorted(f["rule.id"] for f in found if f["escadre.severity"] in ("high", "critical"))


BAD = {"etc/cron.d/x": "* * * * * root /tmp/.x/new\n", "etc/systemd/system/acme.service": "[Service]\nExecStart=/dev/shm/acme/run\n"}


def test_what_a_baseline_has_is_expected_and_says_why(tmp_path: Path) -> None:
    first = case(tmp_path, "first", BAD)
    assert grave(first) == ["L001", "L010"]
    file = tmp_path / "good.jsonl"
    commodore("baseline", "add", first, "-o", file)
    again = tmp_path / "again"
    changed = tmp_path / "first" / "srv1" / "etc" / "cron.d" / "x"
    changed.write_text("* * * * * root /tmp/.x/other\n")
    assert commodore("process", tmp_path / "first" / "srv1", "-o", again, "--baseline", file).returncode == 0
    assert grave(again) == ["L001"]
    shown = commodore("export", again, "--dataset", "persistence", "--format", "csv", "-o", tmp_path / "out")
    assert shown.returncode == 0, shown.stderr
    text = "".join(path.read_text() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert "It is in the baseline." in text


@pytest.mark.parametrize(
    ("known", "left"),
    [
        ("folders: [/tmp/.x/, /dev/shm/acme/]", []),
        ("folders: [/tmp/]", ["L010"]),
        ("services: [acme.service]", ["L001"]),
        ("hashes: ['00ff00ff']", ["L001", "L010"]),
    ],
)
def test_what_the_site_knows_is_expected(tmp_path: Path, known: str, left: list[str]) -> None:
    root = tmp_path / "srv1"
    for path, text in {"etc/hostname": "srv1\n", "etc/os-release": "ID=debian\n", **BAD}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    file = tmp_path / "site.yaml"
    file.write_text(known)
    assert commodore("process", root, "-o", tmp_path / "case", "--known", file).returncode == 0
    assert grave(tmp_path / "case") == left


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [b]", "unknown part"),
        ("folders: [/opt]", "end with a slash"),
        ("keys: 5", "no list"),
        ("- x", "no named lists"),
        ("a: [", "no YAML"),
    ],
)
def test_a_file_of_known_things_is_checked(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(text)
    (tmp_path / "srv1" / "etc").mkdir(parents=True)
    (tmp_path / "srv1" / "etc" / "hostname").write_text("srv1\n")
    refused = commodore("process", tmp_path / "srv1", "-o", tmp_path / "case", "--known", file)
    assert refused.returncode not in (0, 1) and says in refused.stderr and "Traceback" not in refused.stderr


@pytest.mark.parametrize("content", [b'{"broken', b"\x28\xb5\x2f\xfd broken", b'{"escadre_baseline": 9}\n', None])
def test_a_damaged_baseline_is_refused_with_what_makes_one(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "good.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Complaint) as caught:
        list(read_baseline(path))
    assert (caught.value.do, caught.value.code) == ("Make one with `commodore baseline add CASE -o FILE`.", WRONG_USE)
