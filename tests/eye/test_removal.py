"""The Removal page shows what HUNTER's status says, escaped; a file that is none is one sentence and never a defect."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from eye.web.pages import removal
from scout.console import Complaint
from tests.conftest import need
from tests.eye.conftest import Served, write_lines
from tests.eye.test_browser import get
from tests.hunter.conftest import Bench
from tests.hunter.driver import hunt

EVIL = "</td><script>alert(1)</script>\x1b[31m\u202e"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory):
    need(os.name == "posix" and os.geteuid() == 0, "a Linux root account")
    folder = tmp_path_factory.mktemp("removal")
    bench = Bench(folder)
    bench.plan_here(["file", "cron-entry"])
    line = f"* * * * * root {EVIL}"
    (bench.root / "etc/cron.d/hostile").write_bytes(f"{line}\n".encode())
    assert hunt("add", bench.plan, "/etc/cron.d/hostile", "--line", line, "--why", f"seen {EVIL}", "--root", bench.root)[0] == 0
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    (bench.root / "var/tmp/.cache/helper.sh").write_bytes(b"back again\n")
    assert hunt("verify", bench.plan, "--root", bench.root)[0] == 1
    case = folder / "shown"
    write_lines(
        case / "records" / "evtx" / "c.jsonl.zst", [{"@timestamp": None, "message": "m", "escadre.id": "0" * 32, "event.dataset": "evtx"}]
    )
    (case / "case.json").write_text("{}")
    assert hunt("status", case, bench.plan)[0] == 1
    one = Served(case)
    yield one
    one.stop()


def shown(served: Served, path: str) -> tuple[int, str]:
    cookie = get(served.line)[1]["set-cookie"].split(";")[0]
    status, _, body = get(f"{served.line.split('/?')[0]}{path}", Cookie=cookie)
    return status, body


def test_hosts_actions_states_and_proofs(served) -> None:
    status, body = shown(served, "/removal")
    assert status == 200 and "web01" in body and "removed" in body and "THERE" in body
    assert "<script>alert" not in body and "\x1b" not in body and "\u202e" not in body and "&lt;script&gt;alert(1)" in body
    assert " style=" not in body
    record = json.loads((served.case / "hunter/status.json").read_text())["runs"][0]
    assert len(record["actions"]) == 3
    for action in record["actions"]:
        status, body = shown(served, f"/removal?open=0:{action['id']}")
        assert status == 200 and "chain unbroken" in body and "<script>alert" not in body
        assert record["journal"]["head"] in body and action["changes"][0]["backup"]["sealed_sha256"] in body
    assert shown(served, "/removal?open=9:nothing")[0] == 200


def test_the_memory_that_an_action_kept_is_shown_with_it(served) -> None:
    place = served.case / "hunter/status.json"
    before = place.read_text()
    status_file = json.loads(before)
    one, other, *_ = (action["id"] for action in status_file["runs"][0]["actions"])
    texts = {"action": one, "program": f"/dev/shm/{EVIL}", "pid": "4711", "time": "2026-11-30T10:00:00Z", "file": "001-memory-0001.age"}
    memory = {**texts, "sha256": "ab" * 32, "sealed_sha256": "cd" * 32, "size": 1_048_576, "unread": 4096, "left_out": 0}
    status_file["runs"][0]["memory"] = [memory]
    try:
        place.write_text(json.dumps(status_file))
        listed, mine, others = (shown(served, f"/removal{query}")[1] for query in ("", f"?open=0:{one}", f"?open=0:{other}"))
    finally:
        place.write_text(before)
    assert "memory of 1 process kept" in listed and "ab" * 32 not in listed + others
    assert "ab" * 32 in mine and "001-memory-0001.age" in mine and "4,096 bytes did not read" in mine and "<script>alert" not in mine


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2}', '{"schema": 1, "made": "", "refused": [], "runs": [{}]}', "[" * 100_000])
def test_a_file_that_is_none_is_a_complaint(tmp_path: Path, text: str) -> None:
    (tmp_path / "hunter").mkdir()
    (tmp_path / "hunter/status.json").write_text(text)
    with pytest.raises(Complaint, match="not as HUNTER writes it"):
        removal.read(tmp_path)


def test_a_case_without_a_removal_says_what_to_do(tmp_path: Path) -> None:
    assert removal.view(removal.read(tmp_path), "")["runs"] == []
