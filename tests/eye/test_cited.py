"""Beside a record stand all findings that rest on it, also those that do not cite it, and what the case knows of its values."""

import re

from commodore import process
from commodore.case.reader import CaseReader
from commodore.enrichment.entities import enrich
from commodore.enrichment.sources.ranges import StandardRanges
from eye.case import findings
from eye.web.cited import Findings
from eye.web.pages.record import known
from tests.eye.conftest import Served
from tests.eye.test_browser import get

LINE = "Oct 31 2{h}:{m:02}:{s:02} web sshd[{pid}]: Failed password for {user} from {source} port 40022 ssh2\n"


def test_every_matching_record_is_marked_and_no_other(tmp_path):
    (tmp_path / "web" / "var" / "log").mkdir(parents=True)
    (tmp_path / "web" / "etc").mkdir()
    (tmp_path / "web" / "etc" / "hostname").write_text("web\n")
    sources = ["203.0.113.9" if n % 3 else "198.51.100.7" for n in range(300)]
    lines = [LINE.format(h=n // 60 % 4, m=n % 60, s=n % 59, pid=n + 1, user=f"u{n}", source=source) for n, source in enumerate(sources)]
    (tmp_path / "web" / "var" / "log" / "auth.log").write_text("".join(sorted(lines)))
    (tmp_path / "bad.txt").write_text("203.0.113.9\n")
    process([tmp_path / "web"], tmp_path / "case", iocs=[tmp_path / "bad.txt"], workers=1)
    found = [f for f in findings(tmp_path / "case") if f["rule.category"] == "ioc"]
    assert [(f["count"], len(f["escadre.records"])) for f in found] == [(200, 100)]
    marked = Findings(found, CaseReader(tmp_path / "case").matches)
    records = list(CaseReader(tmp_path / "case").records("auth_log"))
    assert len(records) == 300
    for record in records:
        hit = record["source.ip"] == "203.0.113.9"
        assert bool(marked.severity_of(record["escadre.id"])) is hit
        assert [row["id"] for row in marked.citing(record["escadre.id"])] == ([found[0]["escadre.id"]] if hit else [])
    assert marked.severity_of(None) == marked.severity_of("no id") == ""


def test_the_drawer_shows_what_the_case_knows_of_the_values_of_a_record(tmp_path):
    for name in ("web", "db"):
        (tmp_path / name / "var" / "log").mkdir(parents=True)
        (tmp_path / name / "etc").mkdir()
        (tmp_path / name / "etc" / "hostname").write_text(f"{name}\n")
        line = LINE.format(h=1, m=2, s=3, pid=4, user="<i>mallory</i>", source="203.0.113.9")
        (tmp_path / name / "var" / "log" / "auth.log").write_text(line)
    case = tmp_path / "case"
    process([tmp_path / "web", tmp_path / "db"], case, workers=1)
    record = next(CaseReader(case).records("auth_log"))
    assert known(case, record) == []
    served = Served(case)
    try:
        cookie = {"Cookie": get(served.line)[1]["set-cookie"].split(";")[0]}
        listed = get(f"{served.base}/discover?q=event.dataset:auth_log", **cookie)[2]
        place = f"{served.base}/discover?q=event.dataset:auth_log&open={re.search(r'open=([0-9]+)', listed)[1]}"
        assert "Run <code>commodore enrich</code>" in get(place, **cookie)[2]
        enrich(case, [StandardRanges()])
        told = {one["kind"]: one for one in known(case, record)}
        assert told["address"]["hosts"] == ["db", "web"] and told["address"]["facts"][0]["range"] == "documentation"
        body = get(place, **cookie)[2]
        assert "documentation" in body and "2: db, web" in body and "<i>mallory" not in body
    finally:
        served.stop()
