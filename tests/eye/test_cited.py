"""Pages mark each record that a finding rests on, also those beyond the records that it cites."""

from commodore import process
from commodore.case.reader import CaseReader
from eye.case import findings
from eye.web.cited import Findings

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
