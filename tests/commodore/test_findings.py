"""Folding hits into findings: the same whatever the order, bounded, and of the declared types."""

from __future__ import annotations

import random

from commodore.detection.findings import folded
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


def test_a_finding_counts_all_and_cites_the_first_hundred() -> None:
    finding = next(f for f in folded(HITS, RULES.__getitem__) if f["rule.id"] == "a")
    timed = [h for h in HITS if h.rule == "a" and h.host == "h1" and h.time]
    assert finding["count"] == 250
    assert finding["escadre.records"] == [h.record for h in sorted(timed, key=lambda h: h.time)][:100]
    assert finding["@timestamp"] == finding["escadre.first"] == "2026-01-01T00:00:01Z" and finding["escadre.last"] == "2026-01-01T00:04:09Z"
    assert finding["escadre.confidence"] == "logged"
    assert finding["escadre.matched"] == {"f": "1"}


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
