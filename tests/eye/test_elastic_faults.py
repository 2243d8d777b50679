"""Exactly once through faults: a busy server, answers that are lost after the server has written, time-outs, kills, and a resume."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
import zstandard
from elasticsearch import Elasticsearch

from eye.elastic import load as loading
from eye.elastic import pace
from scout.console import Complaint
from tests.conftest import ROOT, need
from tests.eye.conftest import read_lines, write_lines
from tests.eye.elastic_server import ids, indices, load

pytestmark = pytest.mark.elastic


ODD_NAMES = (
    *("", ".", "..", ".lead", "a..b", "a. .b", " ", "process", "process.name.below", "@timestamp.below", "winlog.event_data.Key", "_id"),
    *("_source", "_doc_count", "escadre.all", "escadre.digest", "escadre.data", "escadre.data.Image", "escadre.raw"),
)
"""Names that the server refuses a document for, or that would change what the loader adds."""


@pytest.fixture
def small_requests(monkeypatch):
    monkeypatch.setattr(loading, "CHUNK_ITEMS", 12)
    monkeypatch.setattr(pace, "FIRST", 0.002)
    monkeypatch.setattr(pace, "LONGEST", 0.05)


def most(case):
    """The file with the most event log records."""
    return max(case.glob("records/evtx/*.zst"), key=lambda path: path.stat().st_size)


def own(proxy, timeout=60.0):
    return Elasticsearch(proxy.url, request_timeout=timeout, max_retries=0, connections_per_node=4)


def digests_of(client, name):
    """id → digest of every document, as the server has them."""
    found, after = {}, None
    pit = client.open_point_in_time(index=indices(name), keep_alive="1m", ignore_unavailable=True)["id"]
    while True:
        more = {"search_after": after} if after else {}
        page = client.search(
            pit={"id": pit, "keep_alive": "1m"}, size=5000, sort=["_shard_doc"], source=False, stored_fields=["escadre.digest"], **more
        )["hits"]["hits"]
        if not page:
            return found
        found |= {hit["_id"]: hit["fields"]["escadre.digest"][0] for hit in page}
        after = page[-1]["sort"]


def digests_here(case):
    from hashlib import blake2b

    from commodore.case.jsonl import lines

    found = {}
    for path in [*case.glob("records/*/*.zst"), *case.glob("findings/*.zst")]:
        for line in lines(path):
            found[json.loads(line)["escadre.id"]] = blake2b(line, digest_size=16).hexdigest()
    return found


def test_each_record_is_there_once_though_answers_are_lost_and_a_fifth_is_turned_away(
    few, few_records, client, name, proxy, small_requests
):
    proxy.shares = {"reset": 0.3, "items": 0.4, 429: 0.08, 503: 0.03, "cut": 0.04}
    done = loading.load(few, own(proxy), name=name)
    assert proxy.happened[429] >= 200 and proxy.happened["reset"] >= 50, proxy.happened
    assert proxy.happened[503] and proxy.happened["cut"]
    assert done.whole and done.retries >= 100 and done.sampled and not done.refused_file
    assert digests_of(client, name) == digests_here(few)
    assert sum(c["there"] for c in done.indices.values()) > 0, "what was written before the reset is met again"
    proxy.shares = {}
    again = loading.load(few, own(proxy), name=name)
    assert again.whole and all(c["created"] == 0 and c["there"] == c["read"] for c in again.indices.values())


def test_a_request_that_times_out_after_the_server_has_written_is_met_again(few, client, name, proxy):
    proxy.faults = ["hang", "hang"]
    done = loading.load(few, own(proxy, timeout=2.0), name=name)
    assert proxy.happened["hang"] == 2 and done.whole and done.retries >= 2
    assert digests_of(client, name) == digests_here(few)


def test_a_server_that_stays_busy_ends_the_load_with_its_reason(few, name, proxy, small_requests):
    proxy.shares = {429: 1.0}
    with pytest.raises(Complaint, match=r"took nothing for .* busy"):
        loading.load(few, own(proxy), name=name, patience=1.0)
    assert proxy.happened[429] >= 3


def test_an_answer_without_results_is_not_taken_for_success(few, name, proxy):
    proxy.shares = {"empty": 1.0}
    with pytest.raises(Complaint, match="no result for each document"):
        loading.load(few, own(proxy), name=name)


def test_an_index_that_takes_no_document_at_all_ends_the_load(few, name, proxy):
    proxy.shares = {"refuse": 1.0}
    with pytest.raises(Complaint, match=r"takes no document, even reduced .* not allowed"):
        loading.load(few, own(proxy), name=name)
    assert proxy.happened["refuse"] < 150


def test_a_load_that_is_killed_at_any_place_is_resumed_by_the_next(few, client, name, server, proxy):
    """A process of its own, killed after so many bulk requests as chance says; each time in mid-request of some."""
    code = (
        "import sys; from eye.elastic import load as l; from elasticsearch import Elasticsearch; l.CHUNK_ITEMS = 40\n"
        "l.load(sys.argv[1], Elasticsearch(sys.argv[2], connections_per_node=4), name=sys.argv[3])"
    )
    chance, killed = random.Random(3), []
    for _ in range(3):
        before, wanted = proxy.happened["seen"], chance.randrange(2, 25)
        original = proxy.next_fault
        proxy.next_fault = lambda original=original: proxy.note("seen") or original()
        running = subprocess.Popen([sys.executable, "-c", code, str(few), proxy.url, name], cwd=ROOT, stderr=subprocess.DEVNULL)
        while proxy.happened["seen"] - before < wanted and running.poll() is None:
            time.sleep(0.005)
        running.send_signal(signal.SIGKILL)
        killed.append(running.wait())
        proxy.next_fault = original
    assert killed[0] == -signal.SIGKILL
    client.indices.refresh(index=indices(name), ignore_unavailable=True)
    half = len(digests_of(client, name))
    done = load(few, server, name)
    counts = json.loads(done.stdout)["indices"]
    assert 0 < half and done.returncode == 0 and sum(c["there"] for c in counts.values()) >= half
    assert digests_of(client, name) == digests_here(few)


def test_another_record_under_the_same_id_is_no_success(case, client, name, server):
    assert load(case, server, name).returncode == 0
    one = most(case)
    lines = read_lines(one)
    lines[3]["message"] = "Something else happened."
    write_lines(one, lines)
    told = load(case, server, name)
    done = json.loads(told.stdout)
    letters = [json.loads(line) for line in (case / "index" / "refused.jsonl").read_text().splitlines()]
    assert told.returncode == 1 and not done["whole"] and sum(c["different"] for c in done["indices"].values()) >= 1
    mine = [x for x in letters if x["id"] == lines[3]["escadre.id"]]
    assert len(mine) == 1 and "another document has this id" in mine[0]["reason"] and mine[0]["line"] == 4


def test_a_document_that_the_server_cannot_hold_stops_no_other(case, client, name, server):
    one = most(case)
    lines = read_lines(one)
    total = sum(len(read_lines(p)) for p in [*case.glob("records/*/*.zst"), *case.glob("findings/*.zst")])
    deep = "x"
    for _ in range(30):
        deep = {"a": deep}
    lines[0]["escadre.id"] = "x" * 600
    lines[1]["winlog.event_data"] = deep
    lines[2]["winlog.event_data"] = {"k" * 200: "é" * 8191 + "漢" * 0, "wide": "漢" * 8190, "w" * 9000: "漢" * 8100}
    lines[3]["process.name"] = {"an": "object"}
    lines[4]["process.pid"] = "no number"
    lines[5]["source.ip"] = ["10.0.0.1", "nonsense", "fe80::1%eth0"]
    lines[6]["@timestamp"] = "1601-01-01T00:00:00Z"
    lines[7]["@timestamp"] = "2026-10-31T23:59:60.123456789012+02:00"
    lines[8]["winlog.event_data"] = {"nul\0key": "v"}
    lines[9]["unknown.field"] = {"of": ["a", {"later": "version"}]}
    lines[10]["message"] = "word " * 3 + "q" * 40_000
    lines[11]["file.mtime"] = "9999-12-31T23:59:59Z"
    for n, odd in enumerate(ODD_NAMES, 12):
        lines[n][odd] = {"an": "object"} if odd == "process" else "oddvalue"
    lines[12 + len(ODD_NAMES)]["user.name"] = ["Eve", None, {"an": "object"}, ["nested"]]
    lines[13 + len(ODD_NAMES)]["event.dataset"] = ["evtx", "other"]
    write_lines(one, lines)
    plain = json.dumps(lines[0] | {"escadre.id": "twice"})
    unread = [b'{"escadre.id": "inf", "process.pid": 1e400}', b'["no record"]', b"[" * 300 + b"]" * 300]
    more = [plain.replace("{", '{"message": "first",', 1).encode(), *unread, b'{"escadre.id": "deep", "x": %b}' % unread[-1]]
    one.write_bytes(one.read_bytes() + zstandard.compress(b"\n".join(more) + b"\n"))
    total += 1  # the one with a name twice
    told = load(case, server, name)
    done = json.loads(told.stdout)
    letters = [json.loads(line) for line in (case / "index" / "refused.jsonl").read_text().splitlines()]
    assert told.returncode == 1, told.stderr
    unread = sorted(letter["reason"] for letter in letters if not letter["id"])
    assert len(unread) == 3 and all("not an object" in reason for reason in unread[:2]) and "infinity" in unread[2]
    other = {letter["id"]: letter["reason"] for letter in letters if letter["id"]}
    assert other.keys() == {"x" * 600, "deep"} and "id" in other["x" * 600] and "nested" in other["deep"]
    assert sum(c["counted"] for c in done["indices"].values()) == total - 1
    assert done["out_of_range"] == 2 and done["misfit"] >= 5 and done["unknown_fields"] == 1 + len(ODD_NAMES) and done["differences"] == []
    assert done["reduced"] == 1 and {d["read"] - d["counted"] for d in done["datasets"][f"escadre-{name}-logs"].values()} == {0, 5}
    twice = client.get(index=f"escadre-{name}-logs", id="twice")["_source"]
    assert twice["winlog.channel"] == lines[0]["winlog.channel"], "only the name that is there twice is written anew"
    for n, odd in enumerate(ODD_NAMES, 12):
        source = client.get(index=f"escadre-{name}-logs", id=lines[n]["escadre.id"])["_source"]
        assert source["escadre.raw"] == {odd: lines[n][odd]} and source["winlog.channel"] == lines[n]["winlog.channel"], odd
    listed = client.get(index=f"escadre-{name}-logs", id=lines[12 + len(ODD_NAMES)]["escadre.id"])["_source"]
    assert listed["user.name"] == ["Eve", None] and listed["escadre.raw"] == {"user.name": [{"an": "object"}, ["nested"]]}
    raw = {n: client.get(index=f"escadre-{name}-logs", id=lines[n]["escadre.id"])["_source"] for n in range(1, 12)}
    assert raw[1]["escadre.raw"]["winlog.event_data"] == deep and raw[3]["escadre.raw"] == {"process.name": {"an": "object"}}
    assert raw[5]["source.ip"] == ["10.0.0.1", "fe80::1"] and raw[5]["escadre.raw"] == {"source.ip": ["nonsense"]}
    assert "@timestamp" not in raw[6] and raw[6]["escadre.raw"] == {"@timestamp": "1601-01-01T00:00:00Z"}
    assert "nonsense" in lines[5]["source.ip"] and ids(client, f"escadre-{name}-logs", {"match": {"escadre.all": "nonsense"}}) == {
        lines[5]["escadre.id"]
    }


def test_what_the_server_refuses_and_the_guard_did_not_foresee_is_kept_raw(few, few_records, client, name, server, monkeypatch):
    """The guard is switched off: the server itself refuses the field, and the loader has only its words."""
    from eye.elastic import document

    for kind in ("long", "ip"):
        monkeypatch.setitem(document._CHECKS, kind, lambda *_: None)
    home = few.parent / f"unforeseen-{os.getpid()}"
    shutil.copytree(few, home, ignore=shutil.ignore_patterns("index"))
    one = most(home)
    lines = read_lines(one)
    lines[0]["process.pid"], lines[0]["source.ip"] = "no number", "nowhere"
    write_lines(one, lines)
    done = loading.load(home, client, name=name)
    source = client.get(index=f"escadre-{name}-logs", id=lines[0]["escadre.id"])["_source"]
    assert done.whole and done.reduced == 1 and not done.refused_file
    assert source["escadre.raw"] == {"process.pid": "no number", "source.ip": "nowhere"} and source["message"] == lines[0]["message"]


def test_a_document_of_fifty_megabytes_is_there_or_a_dead_letter(case, client, name, server):
    one = most(case)
    lines = read_lines(one)
    lines[0]["winlog.event_data"] = {"Payload": "payload " * 6_250_000}
    write_lines(one, lines)
    told = load(case, server, name)
    done = json.loads(told.stdout)
    there = client.exists(index=f"escadre-{name}-logs", id=lines[0]["escadre.id"])
    if there:
        assert told.returncode == 0 and done["whole"]
    else:
        (letter,) = [json.loads(line) for line in (case / "index" / "refused.jsonl").read_text().splitlines()]
        assert told.returncode == 1 and letter["id"] == lines[0]["escadre.id"] and letter["reason"] and letter["line"] == 1
    counts = done["indices"].values()
    assert sum(c["counted"] for c in counts) + sum(c["refused"] for c in counts) == sum(c["read"] for c in counts)


def test_a_server_without_the_tokenizer_gets_a_template_that_it_takes_and_that_is_told(few, client, name, proxy):
    """On the way the tokenizer's name becomes one that the server does not know: it refuses the shipped template itself."""
    from eye.query.kibana import QUERY_OPTIONS

    proxy.renamed = (b'"type":"pattern"', b'"type":"pattern-of-a-module-that-is-absent"')
    told = load(few, proxy.url, name)
    done = json.loads(told.stdout)
    found = ids(client, f"escadre-{name}-logs", {"query_string": {**QUERY_OPTIONS, "query": '"service control manager"'}})
    assert told.returncode == 0 and done["whole"] and "with dots" in done["lacking"] and found


def test_a_server_that_goes_away_and_comes_back_is_waited_for(few, client, name, server, proxy):
    """As a node that is restarted: for two seconds every connection is cut before the server sees anything."""
    need(few, "a case")
    down = []

    def fault():
        down.append(time.monotonic())
        return (proxy.note("down") or "cut") if down[-1] - down[0] < 2 else None

    proxy.next_fault = fault
    done = loading.load(few, own(proxy), name=name)
    assert proxy.happened["down"] and done.whole and digests_of(client, name) == digests_here(few)
