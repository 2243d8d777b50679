"""One plan per host, only grave findings, targets merged, and what no mechanism removes is told."""

from __future__ import annotations

import json

import pytest
import zstandard

from hunter.yaml_text import read
from tests.hunter.conftest import GUILTY, write_case
from tests.hunter.driver import hunt


@pytest.fixture
def case(bench):
    write_case(bench.case, bench.root, list(GUILTY))
    path = bench.case / "findings.jsonl.zst"
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
    code, _, err = hunt("plan", case.case, "-r", case.recipient(), "-o", case.plan)
    assert code == 2
    assert "--host" in err
    assert not case.plan.exists()


def test_a_folder_gets_one_plan_per_host(case) -> None:
    code, out, err = hunt("plan", case.case, "-r", case.recipient(), "-o", case.plan.parent, "--json")
    assert code == 0, err
    assert sorted(p.name for p in case.plan.parent.iterdir()) == ["db_.._01.yaml", "web01.yaml"]
    mine = next(d for d in map(json.loads, out.splitlines()) if d["host"]["name"] == "web01")
    assert len(mine["actions"]) == len(GUILTY)
    assert {n["reason"].split(":")[0] for n in mine["not_planned"]} == {"no mechanism for registry-value yet", "/var/../etc/passwd"}
    plan = read((case.plan.parent / "web01.yaml").read_bytes())
    assert next(a["why"] for a in plan["actions"] if a["kind"] == "file") == [f"{0:032x}", "twice"]


def test_weaker_findings_are_planned_when_asked_for(case) -> None:
    assert hunt("plan", case.case, "-r", case.recipient(), "-o", case.plan, "--host", "WEB01", "--severity", "medium")[0] == 0
    assert "/opt/weak" in case.plan.read_text()


def test_without_a_recipient_there_is_no_plan(case) -> None:
    code, _, err = hunt("plan", case.case, "-o", case.plan, "--host", "web01")
    assert (code, "scout keygen" in err) == (2, True)
