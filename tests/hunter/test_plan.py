"""One plan per host, only grave findings, targets merged, and targets without a mechanism are reported."""

from __future__ import annotations

import json

import pytest
import zstandard

from hunter.plan.yaml_text import read
from tests.hunter.conftest import GUILTY, findings_of, write_case
from tests.hunter.driver import hunt


@pytest.fixture
def case(bench):
    write_case(bench.case, bench.root, list(GUILTY))
    path = findings_of(bench.case)
    raw = zstandard.ZstdDecompressor().stream_reader(path.read_bytes(), read_across_frames=True).read()
    rows = [json.loads(line) for line in raw.splitlines()]
    first = rows[0]
    rows += [
        first | {"escadre.id": "twice"},
        first | {"escadre.id": "weak", "escadre.severity": "medium", "target": first["target"] | {"path": "/opt/weak"}},
        first | {"escadre.id": "key", "target": {"kind": "registry-value", "path": "HKLM\\x", "mechanism": "W001"}},
        first | {"escadre.id": "climbs", "target": first["target"] | {"path": "/var/../etc/passwd"}},
        first | {"escadre.id": "other", "host.name": "db/../01", "escadre.collection": "c2"},
        {"host.name": "web01", "escadre.severity": "high"},
    ]
    path.write_bytes(zstandard.compress("".join(json.dumps(r) + "\n" for r in rows).encode()))
    return bench


def test_one_file_for_two_hosts_is_refused(case) -> None:
    code, _, err = hunt("plan", case.case, "--known", case.known(), "-r", case.recipient(), "-o", case.plan)
    assert code == 2
    assert "--host" in err
    assert not case.plan.exists()


def test_a_folder_gets_one_plan_per_host(case) -> None:
    code, out, err = hunt("plan", case.case, "--known", case.known(), "-r", case.recipient(), "-o", case.plan.parent, "--json")
    assert code == 0, err
    assert sorted(p.name for p in case.plan.parent.iterdir()) == ["db_.._01.yaml", "web01.yaml"]
    mine = next(d for d in map(json.loads, out.splitlines()) if d["host"]["name"] == "web01")
    assert len(mine["actions"]) == len(GUILTY)
    assert {n["reason"].split(":")[0] for n in mine["not_planned"]} == {
        "key must be the whole path of one key, as HKLM\\SOFTWARE\\…",
        "/var/../etc/passwd",
    }
    plan = read((case.plan.parent / "web01.yaml").read_bytes())
    assert next(a["why"] for a in plan["actions"] if a["kind"] == "file") == [f"{0:032x}", "twice"]


def test_weaker_findings_are_planned_when_asked_for(case) -> None:
    words = ("--known", case.known(), "-r", case.recipient(), "-o", case.plan, "--host", "WEB01", "--severity", "medium")
    assert hunt("plan", case.case, *words)[0] == 0
    assert "/opt/weak" in case.plan.read_text()


def test_without_a_recipient_there_is_no_plan(case) -> None:
    code, _, err = hunt("plan", case.case, "--known", case.known(), "-o", case.plan, "--host", "web01")
    assert (code, "scout keygen" in err) == (2, True)


def rewrite_findings(bench, *rows: dict) -> None:
    """Write the findings of the case anew: the first one of the case, each with other words."""
    path = findings_of(bench.case)
    raw = zstandard.ZstdDecompressor().stream_reader(path.read_bytes(), read_across_frames=True).read()
    first = json.loads(raw.splitlines()[0])
    lines = [json.dumps(first | {"escadre.id": f"{n:032x}"} | row) + "\n" for n, row in enumerate(rows)]
    path.write_bytes(zstandard.compress("".join(lines).encode()))


@pytest.mark.parametrize(("end", "there"), [("/", False), ("/", True), ("", True)])
def test_a_folder_is_named_by_being_one_or_by_a_slash_at_its_end(case, end, there) -> None:
    folder = case.folder / "outer" / "plans"
    if there:
        folder.mkdir(parents=True, mode=0o700)
    code, out, err = hunt("plan", case.case, "--known", case.known(), "-r", case.recipient(), "-o", f"{folder}{end}")
    assert code == 0, err
    assert folder.stat().st_mode & 0o777 == 0o700
    assert sorted(p.name for p in folder.iterdir()) == ["db_.._01.yaml", "web01.yaml"]
    following = out.splitlines()[-2:]
    assert [line.split() for line in following] == [
        ["Next:", "hunter", "apply", f"{folder}/web01.yaml"],
        ["hunter", "apply", f"{folder}/db_.._01.yaml"],
    ]


def test_no_plan_is_written_where_one_of_the_names_is_taken(case) -> None:
    folder = case.folder / "plans"
    folder.mkdir(mode=0o700)
    (folder / "web01.yaml").write_text("mine")
    code, _, err = hunt("plan", case.case, "--known", case.known(), "-r", case.recipient(), "-o", f"{folder}/")
    assert (code, "web01.yaml exists already" in err) == (2, True)
    assert [(p.name, p.read_text()) for p in folder.iterdir()] == [("web01.yaml", "mine")]
    (case.folder / "file").write_text("")
    code, _, err = hunt("plan", case.case, "--known", case.known(), "-r", case.recipient(), "-o", f"{case.folder}/file/")
    assert (code, "cannot be made" in err) == (3, True)


def test_a_library_that_was_not_collected_is_told_by_the_plan_and_by_verify(bench) -> None:
    write_case(bench.case, bench.root, ["ld-so-preload"])
    assert hunt("plan", bench.case, "--known", bench.known(), "-r", bench.recipient(), "-o", bench.plan)[0] == 0
    text = bench.plan.read_text()
    assert "# not in the plan: /usr/local/lib/evil.so was not collected" in text
    assert read(text.encode())["not_in_plan"] == [{"path": "/usr/local/lib/evil.so", "why": "was not collected"}]
    code, out, err = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    assert code == 0, out + err
    code, out, _ = hunt("verify", bench.plan, "--root", bench.root)
    assert code == 0
    assert out.splitlines()[-2:] == ["All gone: 1 target looked at.", "1 payload was never in the plan: /usr/local/lib/evil.so"]
    bench.plan.write_text(text.replace('why: "was not collected"', "why: nothing"))
    assert hunt("check", bench.plan, "--root", bench.root)[0] == 2


def test_every_file_that_the_command_names_and_no_action_takes_is_listed(bench) -> None:
    write_case(bench.case, bench.root, ["cron-entry"])
    path = findings_of(bench.case)
    raw = zstandard.ZstdDecompressor().stream_reader(path.read_bytes(), read_across_frames=True).read()
    cron = json.loads(raw)["target"]
    held = GUILTY["file"]
    payload = [held, "/usr/bin/tool", "/opt/x\x1b[31m/gone", "/opt/link", "/opt/gone"]
    facts = {
        held: {"sha256": "0" * 64, "type": "file"},
        "/usr/bin/tool": {"sha256": "1" * 64, "type": "file"},
        "/opt/link": {"type": "link", "link": held},
    }
    first, second = {"payload": payload, "payload_files": facts}, {"payload": ["/opt/gone", 7, None]}
    rewrite_findings(bench, {"target": cron | first}, {"target": cron | second})
    code, out, err = hunt("plan", bench.case, "--known", bench.known(), "-r", bench.recipient(), "-o", bench.plan)
    assert code == 0, err
    assert read(bench.plan.read_bytes())["not_in_plan"] == [
        {"path": "/usr/bin/tool", "why": "is only named by the command"},
        {"path": "/opt/x\x1b[31m/gone", "why": "was not collected"},
        {"path": "/opt/link", "why": f"is a link to {held}"},
        {"path": "/opt/gone", "why": "was not collected"},
    ]
    assert "\x1b" not in out
    assert out.count("not in the plan") == 4


def test_by_hand_names_the_host_and_what_is_no_file_of_the_windows_volume(bench) -> None:
    write_case(bench.case, bench.root, ["file"])
    paths = ["E:\\Users\\x\\Startup\\update.vbs", "HKLM\\SOFTWARE\\Run\\x", "HKU\\S-1-5-21\\x", "\\\\srv\\share\\x.exe", "d:/x.exe"]
    windows = [{"host.name": "PC-03", "escadre.collection": "w", "target": {"kind": "file", "path": p}} for p in paths]
    odd = {"target": {"kind": "kernel-module", "path": "/lib/modules/x.ko"}}
    rewrite_findings(bench, {}, odd, *windows, *[windows[0]] * 20)
    code, out, err = hunt("plan", bench.case, "--known", bench.known(), "-r", bench.recipient(), "-o", bench.plan)
    assert code == 0, err
    by_hand = [line for line in out.splitlines() if line.startswith("  by hand  ")]
    assert [line for line in by_hand if "web01: " in line and line.endswith("(no mechanism for kernel-module yet: by hand)")]
    ends = ("is on another volume than Windows)", "not an absolute path)")
    assert sum("PC-03: " in line and line.endswith(ends) for line in by_hand) == 20
    assert by_hand[-1].split() == "by hand PC-03: 5 more (--json names all)".split()
    bench.plan.unlink()
    _, out, _ = hunt("plan", bench.case, "--known", bench.known(), "-r", bench.recipient(), "-o", bench.plan, "--json")
    assert [len(json.loads(line)["not_planned"]) for line in out.splitlines()] == [1, 25]
