"""Texts of forms that nobody would call a query: each finds what it must by a reading that shares no code, here and in Elasticsearch."""

from __future__ import annotations

import os

import orjson
import pytest

from eye.index.store import Store
from eye.query.kibana import QUERY_OPTIONS, to_kibana
from eye.query.tree import QueryComplaint
from tests.eye import unforeseen, untried
from tests.eye.conftest import write_lines
from tests.eye.elastic_server import drop, ids, indices, load


@pytest.fixture(scope="module", params=[unforeseen, untried], ids=["unforeseen", "untried"])
def texts(request):
    return request.param


@pytest.fixture(scope="module")
def planted(tmp_path_factory, texts):
    case = tmp_path_factory.mktemp("unforeseen") / "case"
    case.mkdir()
    (case / "case.json").write_text("{}")
    write_lines(case / "records" / "x" / "c.jsonl.zst", texts.records())
    return case


def found(store, typed):
    return {orjson.loads(line)["escadre.id"] for line in store.lines(store.ask(typed))}


def test_each_text_finds_what_its_plain_reading_finds(planted, texts):
    store, records, wrong, telling = Store(planted), texts.records(), [], 0
    for typed, truth in texts.forms():
        if truth is None:
            with pytest.raises(QueryComplaint):
                store.ask(typed)
            continue
        expected = {record["escadre.id"] for record in records if truth(record)}
        telling += bool(expected)
        if (here := found(store, typed)) != expected:
            wrong.append((typed, sorted(one[-2:] for one in here), sorted(one[-2:] for one in expected)))
    store.close()
    assert wrong == [] and telling >= 0.98 * sum(truth is not None for _, truth in texts.forms()) > 170


@pytest.mark.elastic
def test_elasticsearch_finds_the_same(planted, texts, server):
    from elasticsearch import Elasticsearch

    client, name, store, wrong = Elasticsearch(server, request_timeout=60), f"u{os.getpid()}", Store(planted), []
    assert load(planted, server, name).returncode == 0
    try:
        for typed, truth in texts.forms():
            if truth is not None:
                theirs = ids(client, indices(name), {"query_string": {**QUERY_OPTIONS, "query": to_kibana(typed)}})
                if theirs != found(store, typed):
                    wrong.append((typed, to_kibana(typed), len(theirs)))
    finally:
        drop(client, name)
        store.close()
    assert wrong == []
