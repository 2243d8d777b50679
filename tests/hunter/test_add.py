"""`hunter add`: what a person adds goes through the same guard, expects what is there, and leaves the text of the plan alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from fixtures.hives.writer import Image, Key
from tests.hunter.conftest import CRON_LINE, KEY, PRELOAD, Bench, manifest
from tests.hunter.driver import hunt
from tests.yamls import PLAIN

HELPER = "/var/tmp/.cache/helper.sh"
JOB = "*/5 * * * * root /var/tmp/.cache/helper.sh"
TARGETS = [
    ((HELPER,), "file", 3),
    (("unit:evil.service",), "systemd-unit", 0),
    (("/etc/cron.d/other", "--line", JOB), "cron-entry", 1),
    (("/root/.ssh/authorized_keys", "--line", f"{KEY}evil dbus@localhost"), "authorized-key", 1),
    (("/etc/ld.so.preload", "--element", "/usr/local/lib/evil.so"), "ld-so-preload", 1),
]


@pytest.fixture
def own(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    return bench


def add(bench: Bench, *arguments: object) -> tuple[int, str, str]:
    return hunt("add", bench.plan, *arguments, "--root", bench.root)


def actions(bench: Bench) -> list[dict]:
    return yaml.load(bench.plan.read_text(), PLAIN)["actions"]


def test_a_plan_of_hand_made_actions_removes_exactly_them_and_gives_them_back(own) -> None:
    before = manifest(own.root)
    for n, (words, kind, _) in enumerate(TARGETS):
        code, out, err = add(own, *words, *(() if n else ("-r", own.recipient())), "--why", f"seen at the console: {kind}")
        assert code == 0, out + err
    assert {a["kind"] for a in actions(own)} == {kind for _, kind, _ in TARGETS}
    assert {a["note"] for a in actions(own)} == {f"seen at the console: {kind}" for _, kind, _ in TARGETS}
    assert manifest(own.root) == before
    code, out, err = hunt("apply", own.plan, "--root", own.root, "--yes")
    assert code == 0, out + err
    after = manifest(own.root)
    changed = {path for path in before | after if before.get(path, ())[:-2] != after.get(path, ())[:-2] and path not in (".",)}
    assert after["etc/ld.so.preload"][6] == PRELOAD.replace(b"/usr/local/lib/evil.so:", b"")
    assert b"evil" not in after["root/.ssh/authorized_keys"][6] and b"good" in after["root/.ssh/authorized_keys"][6]
    assert not {HELPER[1:], "etc/systemd/system/evil.service"} & after.keys() and HELPER[1:] + " " in after
    assert after["etc/cron.d/other"][6] == b"" and not any("good" in path for path in changed)
    assert hunt("undo", own.journal, "--root", own.root)[0] == 0
    assert manifest(own.root) == before


def test_comments_layout_and_order_of_a_plan_stay(own) -> None:
    own.plan_here(["file", "cron-entry"])
    text = own.plan.read_text().replace("actions:\n", "actions:   # ours\n", 1).replace("    why:", "    # look twice\n    why:")
    own.plan.write_text(text)
    assert hunt("check", own.plan, "--root", own.root, "--seal")[0] == 0
    before = own.plan.read_text()
    ids = [a["id"] for a in actions(own)]
    assert add(own, "unit:evil.service", "--why", "no: 0123")[0] == 0
    assert [a["kind"] for a in actions(own)] == ["cron-entry", "systemd-unit", "file"]
    assert [a["id"] for a in actions(own) if a["kind"] != "systemd-unit"] == ids and actions(own)[1]["note"] == "no: 0123"
    left = own.plan.read_text().splitlines()
    assert [line for line in before.splitlines() if line not in left and not line.startswith("seal:")] == []
    assert add(own, "/etc/cron.d/other", "--line", JOB)[0] == 0
    code, out, _ = hunt("apply", own.plan, "--root", own.root)
    assert (code, "4 ready" in out) == (0, True), out


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("/etc/passwd",), 3, "nobody can log in without it"),
        (("/usr/lib/systemd/system/good.service.d/../good.service",), 2, "component in the path"),
        (("/var/tmp/*",), 2, "a pattern is no target"),
        (("var/tmp/x",), 2, "Give an absolute path"),
        (("/var/tmp/nothing",), 3, "the file is not there"),
        (("unit:nothing.service",), 2, "No unit folder of this host has"),
        (("account:root",), 3, "account root"),
        (("account:nobody-here",), 3, "the account is not there"),
        (("/etc/cron.d/other", "--line", JOB + " "), 3, "the line is not there"),
        (("/etc/cron.d/other", "--line", JOB, "--kind", "sudoers-line"), 2, "does not fit"),
        (("/root/.ssh/authorized_keys", "--line", f"{KEY}good admin@site", "--kind", "text-line"), 2, "Fitting: authorized-key"),
        ((r"HKLM\SOFTWARE\Microsoft\x", "--value", "y"), 3, "no Windows folder with its registry"),
        ((r"HKCU\Software\x", "--value", "y"), 2, "another key for every user"),
        (("/var/tmp/x", "--value", "y"), 2, "names a value of a registry key"),
        (("--word", "color=red"), 2, "no removal of a whole target"),
        ((), 2, "One target is needed"),
    ],
)
def test_what_must_not_or_cannot_be_is_refused_and_nothing_is_added(own, words, code, says) -> None:
    own.plan_here(["file"])
    before, state = own.plan.read_bytes(), manifest(own.root)
    got, out, err = add(own, *words)
    assert (got, says in err) == (code, True), out + err
    assert own.plan.read_bytes() == before and manifest(own.root) == state


def test_the_guard_is_the_same_also_over_several_actions(own) -> None:
    """The last way in: the one key and the one password are each removable, not both."""
    (own.root / "etc/passwd").write_bytes(b"root:x:0:0:root:/root:/bin/bash\n")
    (own.root / "root/.ssh/authorized_keys").write_bytes(f"{KEY}evil a\n{KEY}good b\n".encode())
    assert add(own, "/root/.ssh/authorized_keys", "--line", f"{KEY}evil a", "-r", own.recipient())[0] == 0
    code, _, err = add(own, "/root/.ssh/authorized_keys", "--line", f"{KEY}good b")
    assert (code, "last way in" in err) == (3, True), err
    assert len(actions(own)) == 1


def test_an_edited_plan_a_foreign_seal_and_a_plan_of_another_host_take_nothing(own, tmp_path, monkeypatch) -> None:
    own.plan_here(["file"])
    whole = own.plan.read_text()
    own.plan.write_text(whole.replace("mechanism: file", "mechanism: L001"))
    assert "edited after it was sealed" in add(own, "/etc/cron.d/other", "--line", JOB)[2]
    own.plan.write_text(whole)
    (own.root / "etc/machine-id").write_text("f" * 32 + "\n")
    code, _, err = add(own, "/etc/cron.d/other", "--line", JOB)
    assert (code, "not web01, the host of the plan" in err) == (3, True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "other"))
    assert hunt("add", tmp_path / "new.yaml", HELPER, "--root", own.root, "-r", own.recipient())[0] == 0  # makes another key
    assert "not sealed with the key" in add(own, "/etc/cron.d/other", "--line", JOB)[2]
    assert own.plan.read_text() == whole


def test_from_a_case_without_the_host(own) -> None:
    own.plan_here(["cron-entry"])
    code, out, err = hunt("add", own.plan, HELPER, "--case", own.case)
    assert code == 0, out + err
    code, out, err = hunt("apply", own.plan, "--root", own.root)
    assert (code, "2 ready" in out) == (0, True), out + err
    for words, says in (
        (("/var/tmp/unknown",), "does not have"),
        (("unit:evil.service",), "asked by path"),
        (("/etc/passwd",), "does not have"),
    ):
        code, _, err = hunt("add", own.plan, *words, "--case", own.case)
        assert (code, says in err) == (2, True), err


def test_an_action_written_by_hand_as_the_guide_says_is_sealed_and_applied(own) -> None:
    """The YAML of docs/guide/hunter.md, word for word."""
    own.plan_here(["file"])
    guide = Path("docs/guide/hunter.md").read_text()
    block = re.search(r"```yaml by-hand\n(.*?)```", guide, re.DOTALL)
    assert block is not None
    text = own.plan.read_text()
    (own.root / "etc/cron.d/backup-job").write_bytes(b"# jobs\n" + b"*/10 * * * * root /dev/shm/.x\n" + CRON_LINE + b"\n")
    own.plan.write_text(text.replace("actions:\n", f"actions:\n{block[1]}", 1))
    code, out, err = hunt("check", own.plan, "--root", own.root, "--seal")
    assert code == 0, out + err
    assert hunt("apply", own.plan, "--root", own.root, "--yes")[0] == 0
    assert (own.root / "etc/cron.d/backup-job").read_bytes() == b"# jobs\n" + CRON_LINE + b"\n"


def windows_disk(root: Path) -> None:
    """The least that HUNTER needs of a Windows disk, with one of each kind of target and a twin of it."""
    time = 132_000_000_000_000_000
    machine = {"SOFTWARE": Key("ROOT", time), "SYSTEM": Key("ROOT", time)}
    machine["SOFTWARE"].at("Microsoft\\Cryptography").put(MachineGuid="01234567-89ab-cdef-0123-456789abcdef")
    machine["SOFTWARE"].at("Microsoft\\Windows\\CurrentVersion\\Run").put(Updater="C:\\x.exe", Updater2="C:\\y.exe")
    machine["SOFTWARE"].at("Microsoft\\Windows NT\\CurrentVersion\\Windows").put(AppInit_DLLs="C:\\x.dll")
    machine["SYSTEM"].at("ControlSet001\\Control\\ComputerName\\ComputerName").put(ComputerName="PC-1")
    machine["SYSTEM"].at("ControlSet001\\Services\\evilsvc").put(ImagePath="C:\\Users\\Public\\wh.exe", Start=2, Type=16)
    machine["SYSTEM"].at("ControlSet001\\Services\\evilsvc2").put(ImagePath="C:\\ours.exe", Start=2, Type=16)
    for name, key in machine.items():
        place = root / "Windows/System32/config" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(Image(key, time, name).hive())
    for path in ("Users/Public/wh.exe", "Users/Public/wh.exe.txt", "Windows/System32/Tasks/Updater"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"inert\n")


RUN = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run"


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ((RUN, "--value", "Updater"), "registry-value"),
        ((r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Windows", "--value", "AppInit_DLLs"), "registry-default"),
        ((r"HKLM\SYSTEM\ControlSet001\Services\evilsvc",), "service"),
        (("service:evilsvc",), "service"),
        ((r"C:\Users\Public\wh.exe",), "windows-file"),
        (("task:\\Updater",), "scheduled-task"),
    ],
)
def test_targets_of_a_windows_disk(own, tmp_path, words, kind) -> None:
    root = tmp_path / "disk"
    windows_disk(root)
    code, out, err = hunt("add", own.plan, *words, "--root", root, "-r", own.recipient())
    assert code == 0, out + err
    assert [a["kind"] for a in actions(own)] == [kind]
    before = manifest(root)
    assert hunt("apply", own.plan, "--root", root, "--yes")[0] == 0
    assert manifest(root) != before
    assert hunt("verify", own.plan, "--root", root)[0] == 0
    assert hunt("undo", own.journal, "--root", root)[0] == 0
