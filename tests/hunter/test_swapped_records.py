"""Records of one run in the place of another's: plans, journals, heads, run keys, backups. Nothing is written, and the reason is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from tests.hunter.conftest import GUILTY, manifest
from tests.hunter.driver import hunt
from tests.yamls import PLAIN

RECORDS = (".journal.jsonl", ".journal.head", ".runkey")


def plan_of(bench) -> dict:
    return yaml.load(bench.plan.read_text(), PLAIN)


def another(bench) -> Path:
    """A second plan of the same host, sealed: without the last action of the first."""
    other = bench.plan.with_name("other.yaml")
    plan = plan_of(bench)
    plan["actions"] = plan["actions"][:-1]
    other.write_text(json.dumps({key: value for key, value in plan.items() if key != "seal"}))
    assert hunt("check", other, "--root", bench.root, "--seal")[0] == 0
    return other


@pytest.mark.parametrize("records", [RECORDS, RECORDS[:1], RECORDS[:2], RECORDS[1:2], RECORDS[2:]], ids="+".join)
def test_records_of_another_plan(bench, records) -> None:
    """The run key among them: each MAC is right."""
    bench.plan_here()
    other = another(bench)
    before = manifest(bench.root)
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    after = manifest(bench.root)
    for name in records:
        shutil.copy(f"{bench.plan}{name}", f"{other}{name}")
    if len(records) == len(RECORDS):
        shutil.copytree(f"{bench.plan}.backup", f"{other}.backup")
    code, out, err = hunt("apply", other, "--root", bench.root, "--yes")
    assert code in (2, 3), out + err
    assert manifest(bench.root) == after
    assert hunt("undo", bench.journal, "--root", bench.root)[0] == 0
    assert manifest(bench.root) == before


def test_a_plan_that_was_sealed_anew_behind_its_run(bench) -> None:
    """The journal belongs to the plan that was applied: it goes on with no other, and takes back all that it did."""
    bench.plan_here()
    before = manifest(bench.root)
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    after, plan = manifest(bench.root), plan_of(bench)
    plan["actions"] = plan["actions"][:1]
    bench.plan.write_text(json.dumps({key: value for key, value in plan.items() if key != "seal"}))
    hunt("check", bench.plan, "--root", bench.root, "--seal")
    code, out, err = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    assert (code in (2, 3), manifest(bench.root)) == (True, after), out + err
    assert hunt("undo", bench.journal, "--root", bench.root)[0] == 0
    assert manifest(bench.root) == before


def test_backups_that_were_swapped(bench) -> None:
    bench.plan_here()
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    after = manifest(bench.root)
    first, second = sorted(path for path in Path(f"{bench.plan}.backup").rglob("*") if path.is_file())[:2]
    kept = first.read_bytes(), second.read_bytes()
    first.write_bytes(kept[1])
    second.write_bytes(kept[0])
    code, out, err = hunt("undo", bench.journal, "--root", bench.root)
    assert code != 0, out + err
    now = manifest(bench.root)
    for path in (path for path in now if now[path] != after.get(path)):
        assert f"/{path}" not in GUILTY.values() or now[path][6] != b"", path
    first.write_bytes(kept[0])
    second.write_bytes(kept[1])
    code, out, err = hunt("undo", bench.journal, "--root", bench.root)
    assert code == 0, out + err
