"""Two actions of a plan that mean one object are refused before anything is written, whatever names they give it."""

from __future__ import annotations

import os
import re

import pytest

from tests.conftest import need
from tests.hunter.driver import hunt
from tests.hunter.test_offline_windows import Disk
from tests.range import plants
from tests.range.plants import Planter

ONE = "HKLM\\SOFTWARE\\Evil\\One"
SERVICE = "HKLM\\SYSTEM\\ControlSet001\\Services\\Evil"


def key(name: str) -> dict:
    return {"kind": "registry-key", "do": "delete-key", "target": {"key": name}}


def value(name: str, of: str) -> dict:
    return {"kind": "registry-value", "do": "delete-value", "target": {"key": of, "value": name}}


def service(kind: str, **words: str) -> dict:
    return {"kind": kind, "do": "remove-service", "reboot": "yes", "target": {"key": SERVICE, **words}}


@pytest.fixture(scope="module")
def disk(tmp_path_factory) -> Disk:
    need(os.name == "posix" and os.geteuid() == 0, "a Linux root account")
    need(plants.has_hivex(), "python3-hivex, which the planter runs")
    folder = tmp_path_factory.mktemp("overlaps")
    planter = Planter(folder / "hosts", 1)
    for below in ("", "\\Two", "\\Two\\Three"):
        planter.value("win", plants.SOFTWARE, f"Evil\\One{below}", "a", "REG_SZ", "x")
    planter.value("win", plants.SYSTEM, "Select", "Current", "REG_DWORD", "1")
    for name, kind, data in (("ImagePath", "REG_SZ", "C:\\x.exe"), ("Start", "REG_DWORD", "2")):
        planter.value("win", plants.SYSTEM, "ControlSet001\\Services\\Evil", name, kind, data)
    planter.build()
    return Disk(folder / "hosts/win", folder / "work")


@pytest.mark.parametrize(
    ("actions", "blocked"),
    [
        ([key(ONE), key(f"{ONE}\\Two")], "a2"),
        ([key(f"{ONE}\\Two\\Three"), key(ONE)], "a1"),
        ([value("a", f"{ONE}\\Two"), key(ONE)], "a1"),
        ([key(ONE), value("a", ONE)], "a2"),
        ([key(ONE), key(ONE.upper())], "a2"),
        ([value("a", ONE), value("A", ONE)], "a2"),
        ([service("service"), service("service-disable", value="Start")], "a2"),
    ],
    ids=["key in key", "key around key", "value in a key below", "value of the key", "key by case", "value by case", "service twice"],
)
def test_the_enclosed_or_the_second_is_refused_and_the_other_alone_is_done(disk, actions, blocked) -> None:
    disk.write(*actions)
    assert disk.run("check", "--seal")[0] == 0
    before = disk.hives(), disk.files()
    code, out, err = disk.run("apply", "--yes")
    assert (code, "1 ready, 1 blocked" in out) == (3, True), out + err
    assert f"delete {blocked} from the plan" in " ".join(out.split())
    assert (disk.hives(), disk.files()) == before


def test_a_key_beside_a_key_with_a_longer_name_is_no_overlap(disk) -> None:
    disk.write(key(f"{ONE}\\Two"), value("a", f"{ONE}\\Two2"), value("a", ONE))
    code, out, err = disk.run("check", "--seal")
    assert (code, "delete" in re.sub(r"delete-\w+", "", out)) == (0, False), out + err


def test_a_unit_and_its_drop_in_are_one_action_by_hand_too(bench) -> None:
    drop_in = "/etc/systemd/system/evil.service.d/more.conf"
    root = ("--root", bench.root)
    assert hunt("add", bench.plan, drop_in, "-r", bench.recipient(), *root)[0] == 0
    assert "take drop-in more.conf off evil.service" in hunt("check", bench.plan, *root)[1]
    code, _, err = hunt("add", bench.plan, "unit:evil.service", *root)
    assert (code, f"changes {drop_in} already: a001 (take drop-in more.conf off evil.service" in " ".join(err.split())) == (2, True), err


def test_a_name_of_pattern_characters_is_added_by_what_the_refusal_names(bench) -> None:
    (bench.root / "var/tmp/[x]*.sh").write_text("inert\n")
    root = ("--root", bench.root)
    code, _, err = hunt("add", bench.plan, "/var/tmp/[x]*.sh", "-r", bench.recipient(), *root)
    assert code == 2
    (word,) = re.findall(r"path_base64=\S+[A-Za-z0-9+/=]", err)
    code, out, err = hunt("add", bench.plan, "--word", word, "-r", bench.recipient(), *root)
    assert code == 0, out + err
    assert hunt("apply", bench.plan, *root, "--yes")[0] == 0
    assert not (bench.root / "var/tmp/[x]*.sh").exists()


def test_an_equal_line_that_ends_with_a_return_stays_and_is_counted(bench) -> None:
    table = bench.root / "etc/cron.d/two"
    table.write_bytes(b"1 * * * * root /tmp/evil\n1 * * * * root /tmp/evil\r\n1 * * * * root /tmp/evil \n")
    root = ("--root", bench.root)
    assert hunt("add", bench.plan, "/etc/cron.d/two", "--line", "1 * * * * root /tmp/evil", "-r", bench.recipient(), *root)[0] == 0
    assert "the file holds it 2 times" in " ".join(hunt("check", bench.plan, *root)[1].split())
    assert hunt("apply", bench.plan, *root, "--yes")[0] == 0
    assert table.read_bytes() == b"1 * * * * root /tmp/evil\r\n1 * * * * root /tmp/evil \n"
    code, out, _ = hunt("verify", bench.plan, *root)
    assert (code, "an equal one stays" in " ".join(out.split())) == (0, True), out
