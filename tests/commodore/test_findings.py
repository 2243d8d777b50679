"""Folding hits into findings: the same whatever the order, bounded, and of the declared types."""

from __future__ import annotations

import random

from commodore.case.reader import CaseReader
from commodore.detection.findings import folded
from commodore.engine.process import process
from commodore.hits import DetectionRule, Hit
from commodore.schema import registry

RULES = {
    name: DetectionRule(name, f"Rule {name}", "sigma", level, ("A",), "MIT", techniques=("T1059",))
    for name, level in (("a", "low"), ("b", "critical"), ("c", "medium"))
}
HITS = [
    Hit(
        rule,
        f"{n:04}",
        f"2026-01-01T00:{n // 60:02}:{n % 60:02}Z" if n % 7 else "",
        {"f": str(n)},
        host=host,
        collection="c",
        group=f"g{n % 2}" if rule == "c" else "",
        confidence="logged" if n == 5 else "inferred",
    )
    for host in ("h1", "h2")
    for rule in RULES
    for n in range(250)
]


def test_findings_do_not_depend_on_the_order_of_hits() -> None:
    expected = list(folded(HITS, RULES.__getitem__))
    for seed in range(3):
        shuffled = random.Random(seed).sample(HITS, len(HITS))
        assert list(folded(iter(shuffled), RULES.__getitem__)) == expected


def test_one_finding_per_rule_host_and_group_the_gravest_first() -> None:
    found = list(folded(HITS, RULES.__getitem__))
    assert [(f["host.name"], f["rule.id"], f.get("escadre.group", "")) for f in found] == [
        (h, r, g) for h in ("h1", "h2") for r, g in (("b", ""), ("c", "g0"), ("c", "g1"), ("a", ""))
    ]
    assert len({f["escadre.id"] for f in found}) == len(found)


def test_a_finding_counts_all_and_cites_the_first_ones_and_the_last() -> None:
    finding = next(f for f in folded(HITS, RULES.__getitem__) if f["rule.id"] == "a")
    timed = [h for h in HITS if h.rule == "a" and h.host == "h1" and h.time]
    assert finding["count"] == 250
    cited = [h.record for h in sorted(timed, key=lambda h: h.time)]
    assert finding["escadre.records"] == [*cited[:99], cited[-1]]
    assert finding["@timestamp"] == finding["escadre.first"] == "2026-01-01T00:00:01Z" and finding["escadre.last"] == "2026-01-01T00:04:09Z"
    assert finding["escadre.confidence"] == "logged"
    assert finding["escadre.matched"] == {"f": "1"}


def test_a_finding_cites_successes_and_one_record_of_each_action() -> None:
    def hit(n: int, action: str, success: bool = False) -> Hit:
        time = f"2026-01-01T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}Z"
        return Hit("a", f"{n:05}", time, {}, host="h", collection="c", action=action, success=success)

    failures = [hit(n, "ssh-login") for n in range(3000)]
    others = [hit(1500, "ssh-login", True), hit(2500, "ssh-login", True), hit(2600, "sudo-command")]
    failures = [f for f in failures if f.record not in {o.record for o in others}]
    (finding,) = folded(random.Random(5).sample(failures + others, 3000), RULES.__getitem__)
    cited = finding["escadre.records"]
    assert len(cited) == 100 and cited == sorted(cited) and finding["count"] == 3000
    assert {"00000", "01500", "02500", "02600", "02999"} <= set(cited)


def test_more_actions_than_are_cited_one_by_one_stay_within_the_bound() -> None:
    hits = [Hit("a", f"{n:05}", f"2026-01-01T00:00:00.{n:05}Z", {}, host="h", collection="c", action=f"a{n % 500}") for n in range(2000)]
    made = [list(folded(random.Random(seed).sample(hits, len(hits)), RULES.__getitem__)) for seed in range(2)]
    assert made[0] == made[1] and len(made[0][0]["escadre.records"]) == 100


def test_findings_of_two_hosts_in_one_collection_stay_apart() -> None:
    from commodore.persistence import Members, completed

    target = {"mechanism": "L001", "kind": "cron-entry", "remove": "LN", "path": "/etc/crontab", "payload": ["/tmp/x"]}
    hits = [Hit("b", host, "", {}, group=host, target=target, host=host, collection="c") for host in ("h1", "h2")]
    members = {"c": Members([{"path": "/tmp/x", "sha256": "0" * 64, "verdict": "taken"}])}
    found = list(completed(folded(hits, RULES.__getitem__), members))
    assert sorted((f["host.name"], f["rule.id"]) for f in found) == [("h1", "b"), ("h1", "file"), ("h2", "b"), ("h2", "file")]
    assert len({f["escadre.id"] for f in found}) == 4


def test_messages_are_sentences() -> None:
    ioc = DetectionRule("i", "Domain evil.example", "ioc", "high")
    one = next(folded([Hit("i", "r", "", {"url.full": "x", "dns.question.name": "y"}, host="h", collection="c")], lambda _: ioc))
    assert one["message"] == "Domain evil.example was found in 1 record (url.full and dns.question.name)."
    sigma = DetectionRule("s", "Metasploit SMB Authentication.", "sigma", "high")
    hits = [Hit("s", str(n), "", {"EventID": "4625", "LogonType": "3"}, host="h", collection="c") for n in range(1200)]
    assert next(folded(hits, lambda _: sigma))["message"] == (
        'Sigma rule "Metasploit SMB Authentication" matched 1,200 records: LogonType is 3.'
    )
    assert next(folded([Hit("s", "r", "", {"EventID": "1"}, host="h", collection="c")], lambda _: sigma))["message"] == (
        'Sigma rule "Metasploit SMB Authentication" matched 1 record.'
    )


def test_a_rule_that_matched_on_nothing_telling_says_what_happened() -> None:
    sigma = DetectionRule("s", "Eventlog Cleared", "sigma", "medium")
    said = "MAIRIE\\admin.si cleared the log Security."
    hits = [
        Hit("s", str(n), f"2026-01-0{n}T00:00:00Z", {"EventID": "1102"}, host="h", collection="c", said=said if n == 1 else "x")
        for n in (2, 1)
    ]
    assert next(folded(hits, lambda _: sigma))["message"] == f'Sigma rule "Eventlog Cleared" matched 2 records, the first: {said}'
    assert next(folded(hits[1:], lambda _: sigma))["message"] == f'Sigma rule "Eventlog Cleared" matched 1 record: {said}'


def test_a_finding_without_a_time_has_none() -> None:
    finding = next(folded([Hit("a", "r", "", {}, host="h", collection="c")], RULES.__getitem__))
    assert finding["@timestamp"] is None and "escadre.first" not in finding


def test_every_field_of_a_finding_is_in_the_registry_with_its_type() -> None:
    fields = registry()
    python = {"keyword": str, "text": str, "long": int, "date": (str, type(None)), "flattened": dict, "boolean": bool}
    for finding in folded(HITS[:10], RULES.__getitem__):
        for name, value in finding.items():
            assert name in fields, name
            values = value if fields[name].many else [value]
            assert isinstance(values, list) and all(isinstance(v, python[fields[name].type]) for v in values), name


def test_a_web_shell_is_one_finding_with_what_its_place_and_its_content_say(tmp_path):
    root = tmp_path / "web"
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "hostname").write_text("web\n")
    page = root / "var" / "www" / "html" / "x.php"
    page.parent.mkdir(parents=True)
    page.write_text("<?php @eval($_POST['inert']); ?>\n")
    process([root], tmp_path / "case", workers=1)
    case = CaseReader(tmp_path / "case")
    about = [f for f in case.findings() if f.get("target", {}).get("path") == "/var/www/html/x.php"]
    (found,) = about
    (script,) = [r for r in case.records("scripts") if r["file.path"] == "/var/www/html/x.php"]
    assert found["rule.id"] == "L080"
    assert "line 1" in found["message"], "what the place says"
    assert "evaluates what a web request sends" in found["message"], "what the content says"
    assert script["escadre.id"] in found["escadre.records"]
    assert len(found["escadre.records"]) == 2
    assert {"T1505.003", "T1059"} <= set(found["threat.technique.id"])
