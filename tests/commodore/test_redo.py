"""A case over the years: hosts join after an upgrade, datasets are made again, kills in between; the content is that of a fresh run."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import stat
from pathlib import Path

import pytest

from commodore import catalogue
from commodore.artefact import Record
from commodore.artefacts.linux.files import cron
from commodore.case import partition, private
from commodore.case.reader import CaseReader, differences
from commodore.engine.process import process
from commodore.engine.redo import Redo
from scout.console import Complaint
from tests.commodore.cases import commodore, content, records

CRON = "*/5 * * * * root /tmp/.x{n}/run.sh\n"


def host(place: Path, n: int) -> Path:
    """A small Linux host with two datasets and findings."""
    root = place / f"web{n:03d}"
    (root / "etc" / "cron.d").mkdir(parents=True)
    (root / "root" / ".ssh").mkdir(parents=True)
    (root / "etc" / "hostname").write_text(f"web{n:03d}\n")
    (root / "etc" / "cron.d" / "job").write_text(CRON.format(n=n) * 3)
    (root / "root" / ".ssh" / "authorized_keys").write_text(f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJq{n} x\n")
    (root / "etc" / "unread").write_text(str(n))
    return root


def upgraded(monkeypatch, name: str = "cron") -> None:
    """The next release: a parser has a new version and reads less than before."""
    known = dict(catalogue.artefacts())
    old = known[name]

    def parse(evidence, facts):
        for n, item in enumerate(old.parse(evidence, facts)):
            if n or not isinstance(item, Record):
                yield item

    known[name] = dataclasses.replace(
        old, artefact=dataclasses.replace(old.artefact, version=old.artefact.version + 1), parse=parse, expected=None
    )
    monkeypatch.setattr(catalogue, "artefacts", lambda: known)


@pytest.fixture
def hosts(tmp_path):
    return [host(tmp_path / "hosts", n) for n in range(3)]


def test_many_hosts_one_more_after_an_upgrade_and_one_dataset_made_again(tmp_path, monkeypatch):
    hosts = [host(tmp_path / "hosts", n) for n in range(40)]
    late = host(tmp_path / "late", 900)
    case = tmp_path / "case"
    process(hosts, case, workers=2)
    before = content(case)
    upgraded(monkeypatch)
    summary = process([late], case, workers=1)
    assert {name: digest for name, digest in content(case).items() if name in before} == before  # the others are as they were
    assert [len(names) for _, names in summary.versions] == [40, 1]
    old, new = differences(CaseReader(case).versions())
    version = cron.ARTEFACT.version
    assert (old[1], new[1]) == ([f"cron {version}"], [f"cron {version + 1}"]) and new[0] == ["web900"]
    summary = process([], case, workers=2, redo=Redo())
    assert len(summary.redone) == 40 and {"cron"} == {
        name for _, names in summary.redone for name in names if name in catalogue.artefacts()
    }
    assert len(summary.versions) == 1
    process([*hosts, late], tmp_path / "fresh", workers=1)
    assert content(case) == content(tmp_path / "fresh")
    assert not (case / ".work" / "redo").exists()


def test_a_redo_leaves_the_files_of_other_datasets_alone(hosts, tmp_path, monkeypatch):
    case = tmp_path / "case"
    process(hosts, case, workers=1)
    kept = {path: path.stat().st_ino for path in case.glob("records/authorized_keys/*")}
    assert kept
    upgraded(monkeypatch)
    process(hosts, case, workers=1, redo=Redo(("cron",), "WEB001"))
    assert {path: path.stat().st_ino for path in case.glob("records/authorized_keys/*")} == kept
    assert sorted(r["host.name"] for r in records(case, "cron")) == ["web000"] * 3 + ["web001"] * 2 + ["web002"] * 3


LINK = partition._link


class Counter:
    """Ends the process at its n-th change to the names of the case, without any cleaning up, as SIGKILL does."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self, function):
        def counted(*args, **kwargs):
            if function is LINK and not args[0].exists():
                return function(*args, **kwargs)  # nothing to link, nothing changes
            self.left -= 1
            if self.left < 0:
                os._exit(9)
            return function(*args, **kwargs)

        return counted


def killed(at: int, run) -> bool:
    """Whether `run`, in a process of its own, was killed at its n-th change."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    count = Counter(at)
    private.write = count(private.write)
    Path.replace, Path.unlink = count(Path.replace), count(Path.unlink)
    partition._link = count(partition._link)
    try:
        run()
    finally:
        os._exit(0)


def test_a_redo_killed_at_any_change_goes_on_to_the_content_of_a_fresh_run(hosts, in_memory, monkeypatch):
    (one, *_) = hosts
    upgraded(monkeypatch)
    process([one], in_memory / "fresh", workers=1)
    expected = content(in_memory / "fresh")
    monkeypatch.undo()
    process([one], in_memory / "before", workers=1)
    at, kills = 0, 0
    while True:
        case = shutil.copytree(in_memory / "before", in_memory / f"case{at}")
        with monkeypatch.context() as patch:
            upgraded(patch)
            was_killed = killed(at, lambda case=case: process([one], case, workers=1, redo=Redo()))
            assert len(list(CaseReader(case).findings())) > 0  # readable at any moment
            process([one], case, workers=1, redo=Redo())
        assert content(case) == expected, at
        if not was_killed:
            break
        at, kills = at + 1, kills + 1
    assert kills > 15


def test_a_first_run_killed_at_any_change_goes_on(hosts, in_memory):
    (one, *_) = hosts
    process([one], in_memory / "fresh", workers=1)
    at = 0
    while killed(at, lambda at=at: process([one], in_memory / f"case{at}", workers=1)):
        process([one], in_memory / f"case{at}", workers=1)
        assert content(in_memory / f"case{at}") == content(in_memory / "fresh"), at
        at += 1
    assert at > 5


def test_an_interrupted_run_begins_again_after_an_upgrade(hosts, tmp_path, monkeypatch):
    (one, *_) = hosts
    process([one], tmp_path / "case", workers=1)
    for path in (tmp_path / "case" / "collections").iterdir():
        path.unlink()
    upgraded(monkeypatch)
    process([one], tmp_path / "case", workers=1)
    assert len(records(tmp_path / "case", "cron")) == 2


def test_other_rules_make_everything_again_and_equal_a_fresh_run(hosts, tmp_path):
    iocs = tmp_path / "ioc.txt"
    iocs.write_text("/tmp/.x1/run.sh\n")
    process(hosts, tmp_path / "case", workers=1)
    summary = process(hosts, tmp_path / "case", workers=1, iocs=[iocs])
    assert summary.other_rules == [str(path) for path in hosts] and not summary.whole
    process(hosts, tmp_path / "case", workers=1, iocs=[iocs], redo=Redo(("cron",)))
    process(hosts, tmp_path / "fresh", workers=1, iocs=[iocs])
    assert content(tmp_path / "case") == content(tmp_path / "fresh")


def test_a_journal_that_does_not_account_for_what_stays_makes_everything_again(hosts, tmp_path):
    process(hosts, tmp_path / "case", workers=1)
    expected = content(tmp_path / "case")
    for path in tmp_path.glob("case/.work/*/journal"):
        path.write_bytes(b"")
    summary = process(hosts, tmp_path / "case", workers=1, redo=Redo(("cron",)))
    assert all("authorized_keys" in names for _, names in summary.redone)
    assert content(tmp_path / "case") == expected


def test_the_command_line_takes_datasets_and_needs_no_inputs(hosts, tmp_path):
    case = tmp_path / "case"
    assert commodore("process", *hosts, "-o", case).returncode == 0
    done = commodore("process", "-o", case, "--redo", "cron", "--host", "web001")
    assert done.returncode == 0, done.stderr
    assert "web001: made again: cron" in done.stdout and "web000: made again" not in done.stdout
    assert commodore("process", "-o", case, "--redo", "--host", "nobody").returncode == 2
    wrong = commodore("process", hosts[0], "-o", case, "--host", "web001")
    assert wrong.returncode == 2 and "--redo" in wrong.stderr
    hosts[1].rename(tmp_path / "moved")
    gone = commodore("process", "-o", case, "--redo", "cron")
    assert gone.returncode == 2 and "is no longer there" in gone.stderr


def test_a_dataset_that_nothing_makes_cannot_be_made_again():
    with pytest.raises(Complaint):
        Redo(("crom",))


def test_a_case_is_private_whatever_the_umask_is(hosts, tmp_path):
    old = os.umask(0)
    try:
        process(hosts, tmp_path / "case", workers=1)
        process(hosts, tmp_path / "case", workers=1, redo=Redo(("cron",)))
    finally:
        os.umask(old)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [tmp_path / "case", *(tmp_path / "case").rglob("*")]}
    assert {path: oct(mode) for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)} == {}


def test_a_manifest_says_what_decides_the_result(hosts, tmp_path):
    process(hosts[:1], tmp_path / "case", workers=1)
    (path,) = (tmp_path / "case" / "collections").iterdir()
    made = json.loads(path.read_text())["made"]
    assert made["parsers"]["cron"] == catalogue.artefacts()["cron"].artefact.version
    assert len(made["rules"]["digest"]) == 64 and made["options"] == {"timeout": 60.0, "memory": 1 << 30}
    assert made["tool"] and set(made["libraries"]) == {"evtx", "libscca-python", "orjson", "python-registry"}
