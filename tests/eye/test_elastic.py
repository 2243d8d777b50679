"""Loading a real case into a real Elasticsearch: counts, types, times and ids hold, a second load changes nothing,
both engines find the same.

The test server lacks the module analysis-common. What the shipped template needs of it is given to it (CommonAnalysis.java); what the
loader does on a server without it is tested too.
"""

from __future__ import annotations

import json
import os
import random
import re
from functools import cache
from pathlib import Path

import orjson
import pytest

from eye.elastic import templates
from eye.elastic.fields import types
from eye.index.store import Store
from eye.query.kibana import QUERY_OPTIONS, to_kibana
from eye.query.words import words
from tests.eye import typed
from tests.eye.elastic_server import drop, ids, indices, load

pytestmark = pytest.mark.elastic
QUERIES = [q for q in (Path(__file__).parent / "queries.txt").read_text().splitlines() if q and not q.startswith("#")]


@pytest.fixture(scope="module")
def loaded(typed_case, server):
    name = f"t{os.getpid()}"
    first = load(typed_case, server, name)
    assert first.returncode == 0, first.stderr
    from elasticsearch import Elasticsearch

    client = Elasticsearch(server, request_timeout=60)
    yield client, name, json.loads(first.stdout)
    drop(client, name)


def test_the_generated_templates_are_up_to_date():
    assert {f.name: f.read_text() for f in templates.GENERATED.glob("*.json")} == templates.documents()


def test_every_record_is_there_once_and_a_second_load_changes_nothing(loaded, typed_case, typed_records, server):
    client, name, first = loaded
    logs = first["indices"][f"escadre-{name}-logs"]
    total = sum(c["counted"] for c in first["indices"].values())
    assert first["sampled"] >= 20 and first["differences"] == [] and first["datasets"][f"escadre-{name}-logs"]["evtx"]["counted"] > 500
    assert first["whole"] and logs["created"] == logs["read"] and total == len(typed_records)
    assert ids(client, indices(name), {"match_all": {}}) == {r["escadre.id"] for r in typed_records}
    again = load(typed_case, server, name)
    counts = json.loads(again.stdout)["indices"]
    assert again.returncode == 0 and all(c["created"] == 0 and c["there"] == c["read"] == c["counted"] for c in counts.values())


def test_types_times_and_values_hold(loaded, few_records):
    client, name, _ = loaded
    index = f"escadre-{name}-logs"
    caps = client.field_caps(index=index, fields="*")["fields"]
    assert {caps[f]["keyword"]["type"] for f in ("event.code", "winlog.record_id", "process.name")} == {"keyword"}
    assert (
        "date_nanos" in caps["@timestamp"]
        and "ip" in caps["source.ip"]
        and "long" in caps["process.pid"]
        and "flattened" in caps["winlog.event_data"]
    )
    timed = [r for r in few_records if r["@timestamp"]]
    findings = [r for r in timed if r["event.dataset"] == "finding"]
    assert findings
    for record in timed[:: max(1, len(timed) // 25)] + findings:
        found = client.search(
            index=indices(name),
            ignore_unavailable=True,
            query={"ids": {"values": [record["escadre.id"]]}},
            fields=[{"field": "@timestamp", "format": "strict_date_optional_time_nanos"}],
        )["hits"]["hits"][0]
        source = found["_source"]
        added = {name for name in source if name not in record}
        assert {name: source[name] for name in record} == record, "the source has the record as it is in the case"
        assert {"escadre.all", "escadre.digest"} <= added and all(n.startswith("escadre.") for n in added)
        assert found["fields"]["@timestamp"][0].rstrip("0Z.") == record["@timestamp"].rstrip("0Z.")


@cache
def id_of(line):
    """The id of a record; hundreds of queries find the same ones."""
    return orjson.loads(line)["escadre.id"]


def compared(client, name, store, queries):
    """(query, hits here, hits there) where the ids differ, and how many queries find some records but not all."""
    wrong, telling = [], 0
    for query in queries:
        ours = set(map(id_of, store.lines(store.ask(query))))
        theirs = ids(client, indices(name), {"query_string": {**QUERY_OPTIONS, "query": to_kibana(query)}})
        telling += 0 < len(ours) < store.records
        if ours != theirs:
            wrong.append((query, to_kibana(query), len(ours), len(theirs)))
    return wrong, telling


def test_both_engines_find_the_same_records_for_every_form(loaded, typed_case):
    client, name, _ = loaded
    store = Store(typed_case)
    wrong, telling = compared(client, name, store, QUERIES)
    assert wrong == [] and telling >= 0.8 * len(QUERIES)


FIELDS = (
    *("process.name", "user.name", "host.name", "event.code", "source.ip", "process.pid", "winlog.channel", "event.action", "file.path"),
    *("process.executable", "process.command_line", "user.id", "winlog.provider_name", "winlog.record_id", "event.outcome", "service.name"),
)


def by_field(records, count):
    """Queries of one field or of two, with values drawn from the records: whole values, their beginnings, both together, without."""
    chance = random.Random(9)
    pool = [(name, r[name]) for r in records for name in FIELDS if isinstance(r.get(name), (str, int)) and str(r[name]).isascii()]
    pool = [(name, str(value)) for name, value in dict.fromkeys(pool) if str(value).isprintable() and len(str(value)) < 200]

    def whole(name, value):
        return f'{name}:"{value.translate({34: chr(92) + chr(34), 92: chr(92) * 2})}"'

    def begins(name, value):
        if name in ("source.ip", "process.pid"):
            return whole(name, value)
        return f"{name}:{re.sub(r'([^0-9A-Za-z])', lambda m: chr(92) + m[0], value[: 2 + len(value) // 3])}*"

    found = []
    for n in range(count):
        (a, b) = chance.sample(pool, 2)
        one, other = whole(*a), begins(*b)
        found.append((one, other, f"{one} AND NOT {other}", f"({one} OR {other}) AND event.dataset:evtx", f"NOT {one}")[n % 5])
    return list(dict.fromkeys(found))


def test_both_engines_find_the_same_records_by_field(loaded, typed_case, typed_records):
    client, name, _ = loaded
    drawn = by_field(typed_records, 200)
    wrong, telling = compared(client, name, Store(typed_case), drawn)
    assert wrong == [] and telling >= 0.7 * len(drawn) and len(drawn) + len(QUERIES) + len(typed.texts(typed_records)) >= 500


def test_both_engines_find_the_same_records_for_texts_as_they_are_typed(loaded, typed_case, typed_records):
    client, name, _ = loaded
    drawn = [shown for _, shown, _, _ in typed.texts(typed_records)]
    wrong, telling = compared(client, name, Store(typed_case), drawn)
    assert wrong == [] and telling >= 0.9 * len(drawn) >= 270


def test_the_translation_means_the_same_with_the_defaults_of_kibana(loaded, typed_case):
    """Kibana's bar sends `query_string` with `analyze_wildcard` and no default operator; the field comes from the index settings."""
    client, name, _ = loaded
    store = Store(typed_case)
    for query in ("net user", "powershell -event.code:4688", "C:\\Windows\\System32\\cmd.exe", "*shell* OR process.pid:4"):
        ours = {orjson.loads(line)["escadre.id"] for line in store.lines(store.ask(query))}
        sent = {"query_string": {"query": to_kibana(query), "analyze_wildcard": True}}
        assert ids(client, indices(name), sent) == ours != set()


def test_the_template_on_the_server_is_the_one_that_is_shipped(loaded):
    client, name, first = loaded
    composed = {
        tuple(one["index_template"]["composed_of"])
        for one in client.indices.get_index_template(name=f"escadre-{name}-*")["index_templates"]
    }
    assert len(composed) == 1, "one component template serves the index templates of all families"
    (fields,) = composed.pop()
    put = client.cluster.get_component_template(name=fields)["component_templates"][0]["component_template"]["template"]
    shipped = json.loads((templates.GENERATED / "fields.json").read_text())["template"]
    assert first["lacking"] == "" and put["mappings"]["properties"] == shipped["mappings"]["properties"]
    real = client.indices.get_mapping(index=f"escadre-{name}-logs")[f"escadre-{name}-logs"]["mappings"]
    assert types(real["properties"]) == types(shipped["mappings"]["properties"])
    assert put["settings"]["index"]["analysis"] == shipped["settings"]["analysis"]
    text = "NET User\tC:\\Windows_x é\u0939\u093f ΟΔΟΣ 漢字 ² " + "q" * 9000
    told = client.indices.analyze(index=f"escadre-{name}-logs", analyzer="escadre_words", text=text)["tokens"]
    assert [t["token"] for t in told] == [*words(text)[:-2], "q" * 8191]


def test_a_case_of_the_same_name_is_not_mixed_with_another(loaded, case, server):
    client, name, _ = loaded
    for file in (case / "records").glob("*/*.zst"):
        file.rename(file.with_name("other" + file.name))
    before = client.count(index=f"escadre-{name}-logs")["count"]
    told = load(case, server, name)
    assert told.returncode == 2 and "--name" in told.stderr and client.count(index=f"escadre-{name}-logs")["count"] == before
