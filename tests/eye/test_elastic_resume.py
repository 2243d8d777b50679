"""A load that goes on where it was: what the index confirmed is neither sent nor asked for again, and never believed against the index."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time

import pytest
import zstandard

from eye.elastic import load as loading
from tests.conftest import ROOT
from tests.eye.conftest import read_lines, write_lines
from tests.eye.elastic_server import drop, indices, load
from tests.eye.test_elastic_faults import digests_here, digests_of, most, own

pytestmark = pytest.mark.elastic
KILLED = (
    "import sys; from eye.elastic import load as l; from elasticsearch import Elasticsearch; l.CHUNK_ITEMS = 25\n"
    "l.load(sys.argv[1], Elasticsearch(sys.argv[2], connections_per_node=4), name=sys.argv[3])"
)


def notes(case):
    return sorted((case / "index").glob("loaded-*.jsonl"))


def total(case):
    return sum(len(read_lines(p)) for p in [*case.glob("records/*/*.zst"), *case.glob("findings/*.zst")])


def sums(done, what):
    return sum(c[what] for c in done.indices.values())


def asked(proxy, work):
    """How many documents were sent and asked for while something was done."""
    before = proxy.happened.copy()
    result = work()
    return result, proxy.happened["_bulk"] - before["_bulk"], proxy.happened["_mget"] - before["_mget"]


def kill(case, proxy, name, wanted):
    """Kill a load when so many documents have passed; return whether it was killed."""
    before = proxy.happened["_bulk"]
    running = subprocess.Popen([sys.executable, "-c", KILLED, str(case), proxy.url, name], cwd=ROOT, stderr=subprocess.DEVNULL)
    while proxy.happened["_bulk"] - before < wanted and running.poll() is None:
        time.sleep(0.002)
    running.send_signal(signal.SIGKILL)
    return running.wait() == -signal.SIGKILL


def test_a_load_killed_many_times_asks_for_no_more_than_was_under_way(case, client, name, proxy, monkeypatch):
    every, chance, killed = total(case), random.Random(7), 0
    monkeypatch.setattr(loading, "CHUNK_ITEMS", 25)
    proxy.shares = {"reset": 0.1}
    for _ in range(6):
        killed += kill(case, proxy, name, chance.randrange(every // 20, every // 7))
    done, sent, questions = asked(proxy, lambda: loading.load(case, own(proxy), name=name))
    assert killed >= 4 and done.whole and sums(done, "read") == every and digests_of(client, name) == digests_here(case)
    assert 0 < done.confirmed < every and 0 < sums(done, "created") < every
    under_way = 25 * (loading.THREADS + 1)
    assert done.confirmed + sent >= every and questions + every - done.confirmed - sums(done, "created") <= under_way * (killed + 30)
    assert proxy.happened["_bulk"] + proxy.happened["_mget"] < 2.5 * every, "what was there was not asked for after each kill"
    again, sent, questions = asked(proxy, lambda: loading.load(case, own(proxy), name=name))
    assert (
        again.whole and (sent, questions) == (0, 0) and again.confirmed == every == sums(again, "there") and again.sampled == done.sampled
    )
    each, sent, questions = asked(proxy, lambda: loading.load(case, own(proxy), name=name, each=True))
    assert each.whole and (sent, questions) == (0, every) and each.confirmed == 0 and sums(each, "there") == every


def test_documents_that_went_from_the_index_are_found_missing_and_sent(case, client, name, proxy):
    assert loading.load(case, own(proxy), name=name).whole
    gone = read_lines(most(case))[5]["escadre.id"]
    client.delete(index=f"escadre-{name}-logs", id=gone, refresh=True)
    done, sent, questions = asked(proxy, lambda: loading.load(case, own(proxy), name=name))
    assert done.whole and sent == 1 == sums(done, "created") and questions and digests_of(client, name) == digests_here(case)
    assert loading.load(case, own(proxy), name=name).confirmed == total(case), "and is noted anew"


def test_another_document_in_the_place_of_one_is_found_by_the_checksums(case, client, name, proxy):
    """As many documents as before, of the same datasets."""
    assert loading.load(case, own(proxy), name=name).whole
    index, gone = f"escadre-{name}-logs", read_lines(most(case))[5]["escadre.id"]
    source = client.get(index=index, id=gone)["_source"]
    client.delete(index=index, id=gone)
    client.create(index=index, id="of-somebody-else", document=source | {"escadre.checksum": source["escadre.checksum"] ^ 1}, refresh=True)
    done = loading.load(case, own(proxy), name=name)
    assert not done.whole and sums(done, "created") == 1 and client.exists(index=index, id=gone)


def test_a_changed_digest_is_met_though_all_was_noted(case, client, name, proxy):
    assert loading.load(case, own(proxy), name=name).whole
    index, one = f"escadre-{name}-logs", read_lines(most(case))[5]["escadre.id"]
    source = client.get(index=index, id=one)["_source"]
    client.index(index=index, id=one, document=source | {"escadre.digest": "0" * 32, "escadre.checksum": 0}, refresh=True)
    done = loading.load(case, own(proxy), name=name)
    letters = [json.loads(line) for line in (case / "index" / "refused.jsonl").read_text().splitlines()]
    assert not done.whole and sums(done, "different") == 1 and [letter["id"] for letter in letters] == [one]


def test_an_index_that_was_made_again_is_loaded_as_a_new_one(case, client, name, proxy):
    assert loading.load(case, own(proxy), name=name).whole
    drop(client, name)
    done = loading.load(case, own(proxy), name=name)
    assert done.whole and done.confirmed == 0 and sums(done, "created") == total(case)


def test_a_file_of_records_that_was_written_anew_is_sent_anew(case, client, name, proxy):
    assert loading.load(case, own(proxy), name=name).whole
    one = most(case)
    lines = read_lines(one)
    one.write_bytes(one.read_bytes() + zstandard.compress(json.dumps(lines[0] | {"escadre.id": "one-more"}).encode() + b"\n"))
    done, sent, _ = asked(proxy, lambda: loading.load(case, own(proxy), name=name))
    assert done.whole and sums(done, "created") == 1 and sent == len(lines) + 1 and done.confirmed == total(case) - sent
    assert digests_of(client, name) == digests_here(case)


def test_lines_that_are_no_record_are_listed_in_every_load(case, client, name, server):
    one = most(case)
    lines = read_lines(one)
    lines[3] = ["no record"]
    write_lines(one, lines)
    for _ in range(2):
        told = load(case, server, name)
        letters = [json.loads(line) for line in (case / "index" / "refused.jsonl").read_text().splitlines()]
        assert told.returncode == 1 and [letter["line"] for letter in letters] == [4], told.stderr


def test_notes_that_are_torn_or_wrong_lose_nothing(case, client, name, proxy):
    first = loading.load(case, own(proxy), name=name)
    assert first.whole
    (kept,) = [
        path for path in notes(case) if b'"end":' in path.read_bytes() and path.stat().st_size == max(p.stat().st_size for p in notes(case))
    ]
    whole, chance = kept.read_bytes(), random.Random(2)
    of_lines = [json.loads(line) for line in whole.splitlines()]
    claimed = [line | {"from": 1, "to": 10**9} if "from" in line else line for line in of_lines]
    doubled = [line | {"total": line["total"] + 1} if "total" in line else line for line in of_lines]
    forms = [whole[: chance.randrange(len(whole))] for _ in range(3)]
    forms += [b"\0" * 5000, whole + whole, b'{"file": [], "end": {}}\n[]\n3\n{"file": 1}\n' + whole]
    forms += [b"".join(json.dumps(line).encode() + b"\n" for line in of) for of in (claimed, doubled, of_lines[1::2])]
    for form in forms:
        kept.write_bytes(form)
        done = loading.load(case, own(proxy), name=name)
        assert done.whole and sums(done, "created") == 0 and sums(done, "read") == total(case), form[:200]
    assert digests_of(client, name) == digests_here(case)


def test_a_case_that_takes_no_notes_is_loaded_as_well(case, client, name, proxy):
    (case / "index").write_text("a file where the folder would be")
    assert loading.load(case, own(proxy), name=name).whole
    done, _, questions = asked(proxy, lambda: loading.load(case, own(proxy), name=name))
    assert done.whole and done.confirmed == 0 and questions == total(case) == sums(done, "there")
    assert digests_of(client, name).keys() == digests_here(case).keys() and indices(name)
