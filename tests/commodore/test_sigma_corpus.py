"""Sigma on real rules and real logs: upstream's regression cases, and pySigma's SQLite backend as a second opinion."""

from __future__ import annotations

import json
import random
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from commodore import catalogue
from commodore.detection import Detection
from commodore.engine import unit
from commodore.evidence import Evidence
from commodore.host import Host
from tests.conftest import need

HOST = Host("c", name="h")
EVTX = catalogue.artefacts()["evtx"]
SAMPLE = 60

MORE_THAN_UPSTREAM_SAYS = {
    # upstream counts one match per case; the log holds more events that the rule's own text covers
    "rules/windows/file/file_event/file_event_win_anydesk_artefact.yml": 3,  # user.conf.new twice, user.conf~RF….TMP
    "rules/windows/registry/registry_set/registry_set_disable_administrative_share.yml": 2,  # AutoShareServer and AutoShareWks
}


@pytest.fixture(scope="module")
def sigma(corpus: Path) -> Path:
    path = corpus / "detection" / "SigmaHQ+sigma"
    need(path.is_dir(), "the Sigma rules of the corpus")
    return path


@pytest.fixture(scope="module")
def detection(sigma: Path, tmp_path_factory: pytest.TempPathFactory) -> Detection:
    return Detection.load([sigma], [], tmp_path_factory.mktemp("cache"))


def records(file: Path) -> list[dict]:
    out: list[dict] = []
    evidence = Evidence(f"C:\\{file.name}", file.read_bytes(), collection="c", member=1)
    outcome = unit.parse(EVTX, evidence, HOST, lambda batch, _: out.extend(batch) or 0)
    assert not outcome.failed and len(out) == outcome.parsed + outcome.carved
    return out


def test_every_rule_loads_but_those_that_need_placeholders(detection: Detection, sigma: Path) -> None:
    placeholders = {
        p.relative_to(sigma).as_posix()
        for p in sigma.rglob("*.yml")
        if re.search(rb"^\s+(?:- )?[\w.-]*\|[\w|]*\bexpand\b", p.read_bytes(), re.MULTILINE)
    }
    assert {r["file"] for r in detection.refused} == placeholders
    assert all(r["line"] > 1 and "expand" in r["reason"] for r in detection.refused)
    assert detection.loaded + len(detection.without_source) >= 3755 and detection.loaded >= 3000


def test_upstreams_regression_cases_fire_as_often_as_they_say(detection: Detection, corpus: Path) -> None:
    truth = json.loads((corpus / "truth-shared" / "sigma_regression.json").read_text())
    wrong = []
    for case in truth["tests"]:
        hits = Counter(h.rule for h in detection.match(EVTX.artefact, records(corpus / case["evtx"]), HOST))
        for rule in case["rules"]:
            expected = MORE_THAN_UPSTREAM_SAYS.get(rule["path"], case.get("match_count"))
            if hits[rule["id"]] != expected and not (expected is None and hits[rule["id"]]):
                wrong.append((rule["path"], hits[rule["id"]], expected))
    assert len(truth["tests"]) > 100
    assert not wrong


# --- the second opinion: the same rules as SQL over the same events

CATEGORIES = {"process_creation": "1", "image_load": "7", "file_event": "11", "registry_set": "13", "dns_query": "22"}


def _events(corpus: Path) -> Iterator[dict]:
    for file in sorted(corpus.glob("evtx/**/*.evtx")):
        if b"S\0y\0s\0m\0o\0n\0" in file.read_bytes()[:200_000]:
            for record in records(file):
                if record["winlog.channel"] == "Microsoft-Windows-Sysmon/Operational" and record["event.code"] in CATEGORIES.values():
                    yield record


def _table(events: list[dict]) -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.create_function("REGEXP", 2, lambda pattern, text: text is not None and re.search(pattern, text) is not None)
    names = sorted({k for e in events for k in e["winlog.event_data"]} | {"EventID", "Provider_Name", "Channel"}, key=str.lower)
    names = [n for i, n in enumerate(names) if n.lower() not in {m.lower() for m in names[:i]}]
    db.execute(f"CREATE TABLE logs (n INTEGER, {', '.join(f'`{n}` TEXT' for n in names)})")
    for number, e in enumerate(events):
        row = e["winlog.event_data"] | {
            "EventID": e["event.code"],
            "Provider_Name": e["winlog.provider_name"],
            "Channel": e["winlog.channel"],
        }
        db.execute(f"INSERT INTO logs VALUES ({', '.join('?' * (len(names) + 1))})", [number, *(row.get(n) for n in names)])
    return db


def _rows(db: sqlite3.Connection, sql: str) -> set[int]:
    while True:
        try:
            return {n for (n,) in db.execute(sql)}
        except sqlite3.OperationalError as e:
            missing = re.match(r"no such column: (.+)", str(e))
            if not missing:
                raise
            db.execute(f"ALTER TABLE logs ADD COLUMN `{missing.group(1).strip('`')}` TEXT")


def test_the_same_rules_as_sql_match_the_same_events(detection: Detection, corpus: Path, sigma: Path) -> None:
    pytest.importorskip("sigma.backends.sqlite")
    from sigma.backends.sqlite import sqliteBackend
    from sigma.collection import SigmaCollection

    events = list(_events(corpus))
    assert len(events) > 300
    ours: dict[str, set[int]] = {}
    for number, e in enumerate(events):
        for hit in detection.match(EVTX.artefact, [e], HOST):
            ours.setdefault(hit.rule, set()).add(number)
    rules = {}
    for path in sorted(sigma.rglob("*.yml")):
        text = path.read_text(encoding="utf-8")
        category = re.search(r"^\s+category:\s*(\w+)", text, re.MULTILINE)
        if category and category.group(1) in CATEGORIES and re.search(r"product:\s*windows", text) and "|expand" not in text:
            rules[re.search(r"^id:\s*(\S+)", text, re.MULTILINE).group(1)] = (path, category.group(1))
    silent = sorted(set(rules) - set(ours))
    chosen = sorted(set(rules) & set(ours)) + random.Random(3).sample(silent, SAMPLE)
    db, compared, differ = _table(events), 0, []
    for id_ in chosen:
        path, category = rules[id_]
        try:
            sql = sqliteBackend().convert(SigmaCollection.from_yaml(path.read_text(encoding="utf-8")))[0]
        except Exception as e:  # what the second opinion cannot convert, it has no opinion on
            assert "NotImplementedError" in repr(e) or "Sigma" in type(e).__name__, path
            continue
        where = sql.partition(" WHERE ")[2]
        theirs = _rows(db, f"SELECT n FROM logs WHERE EventID = '{CATEGORIES[category]}' AND ({where})")
        compared += 1
        if theirs != ours.get(id_, set()):
            differ.append((path.name, sorted(theirs ^ ours.get(id_, set()))[:5], len(theirs), len(ours.get(id_, ()))))
    print(f"\n{compared} rules compared on {len(events)} events, {sum(map(len, ours.values()))} matches, {len(differ)} differ")
    assert compared > 150
    assert not differ


def test_the_prefilter_hides_no_match(detection: Detection, corpus: Path) -> None:
    from commodore.detection.sigma.compile import compiled
    from commodore.detection.sigma.sources import families, settled, table
    from commodore.detection.sigma.views.event_log import EventLogView

    pack, sources = detection._matcher.pack, table().sources
    matcher = detection._matcher.of("evtx")
    tests: dict[int, object] = {}
    seen: Counter[tuple[str, str]] = Counter()
    matches = 0
    for file in sorted(corpus.glob("evtx/**/*.evtx")):
        for record in records(file):
            place = (record.get("winlog.channel", "").lower(), record["event.code"])
            seen[place] += 1
            if seen[place] > 8:
                continue
            view = EventLogView(record, families()["evtx"])
            expected = set()
            for number, row in enumerate(pack.rows):
                source = sources[row.source]
                if source.family.dataset != "evtx" or not {place[0], "*"} & set(source.places) or (row.codes and place[1] not in row.codes):
                    continue
                test = tests.get(number)
                if test is None:
                    test = tests[number] = compiled(settled(pack.node(row.rule), sources[row.source]))
                if test(view):
                    expected.add(row.rule)
            assert {f.rule for f in matcher.fired(record)} == expected, (file.name, record["escadre.locator"])
            matches += len(expected)
    assert matches > 200
