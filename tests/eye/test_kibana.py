"""Dashboards for Kibana: objects that its import takes, and on a real Elasticsearch the numbers that the Eye's own pages show.

No Kibana runs here. What it would ask is read from the written objects alone, by a reading of Lens's columns that shares no code with what
wrote them: `terms` is a terms aggregation ordered by count, `date_histogram` one of a fixed interval, `count` the documents, `unique_count`
a cardinality; `accuracyMode` asks each shard for 1,000 values. Lucene queries are `query_string` with `analyze_wildcard`, Kibana's default
options, and the dashboard's range of time is a filter.
"""

from __future__ import annotations

import copy
import email.parser
import email.policy
import json
import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from elasticsearch import Elasticsearch

from commodore import process
from eye.dashboards.declaration import NUMBER, OVER_TIME, ROWS, TOP, dashboards
from eye.dashboards.numbers import OTHER, RECORDS, numbers
from eye.dashboards.scope import scope_of
from eye.index.build import index
from eye.index.store import Store
from eye.kibana.check import problems
from eye.kibana.export import SETTINGS, saved_objects
from tests.conftest import ROOT, need
from tests.eye.conftest import LOGS, write_lines
from tests.eye.elastic_server import drop, load

NAME = f"kibana{os.getpid()}"


def invented():
    """What the evidence has none of: requests to a web server, downloads by a program, files with hashes."""
    for n in range(12):
        yield {
            "@timestamp": f"2026-10-31T19:{n:02d}:00.5Z",
            "event.dataset": "invented",
            "event.kind": "event",
            "event.category": ["web"] if n % 2 else ["file"],
            "event.action": "transfer-started" if n % 2 else "file-created",
            "host.name": "web-vitrine",
            "escadre.id": f"{n + 0xDEF000:032x}",
            "escadre.collection": "c",
            "source.ip": f"192.0.2.{n}",
            "user.name": ["Alice", "ALICE", "bob"][n % 3],
            "process.name": "curl",
            "url.full": f"https://example.com/{n}",
            "url.domain": "example.com",
            "file.hash.sha256": f"{n:064x}",
            "file.name": "a.exe",
            "file.extension": "exe",
            "file.directory": "/tmp",
            "file.path": f"/tmp/{n}.exe",
            "message": "Something was transferred.",
        }


@pytest.fixture(scope="module")
def wide(corpus, tmp_path_factory):
    """A case that has something for every panel: event logs, two whole hosts, prefetch files, and a few invented records."""
    home = tmp_path_factory.mktemp("wide")
    files = sorted((corpus / LOGS).glob("**/*.evtx"))
    prefetch = sorted((corpus / "prefetch").glob("**/*.pf"))[:40]
    need(files and prefetch, "the event logs of the corpus")
    for n, file in enumerate(files[::2]):
        (home / "in" / "logs").mkdir(parents=True, exist_ok=True)
        shutil.copy(file, home / "in" / "logs" / f"{n}.evtx")
    sys.path.insert(0, str(ROOT))
    from fixtures.linux.build import build as linux
    from fixtures.windows.build import build as windows

    for name, build in (("web-vitrine", linux), ("PC-ACCUEIL-03", windows)):
        build(home / "in" / name)
    rules = corpus / "detection/SigmaHQ+sigma/rules/windows/process_creation"
    process([home / "in" / name for name in ("logs", "web-vitrine", "PC-ACCUEIL-03")], home / "case", rules=[rules], workers=1)
    write_lines(home / "case" / "records" / "invented" / "c.jsonl.zst", invented())
    index(home / "case")
    return home / "case"


@pytest.fixture(scope="module")
def made(wide):
    store = Store(wide, build=False)
    yield store, saved_objects(store, NAME)
    store.close()


def test_the_objects_are_what_kibana_imports(made, wide, tmp_path):
    _, objects = made
    assert problems(objects.objects) == []
    hosts = objects.counts["dashboard"] - (len(dashboards()) - 1)
    assert hosts >= 5 and objects.counts["index-pattern"] == 2 and objects.counts["lens"] >= 90 and objects.counts["search"] >= 10
    told = subprocess.run(
        [sys.executable, "-m", "eye.cli", "kibana", str(wide), "-o", str(tmp_path / "k.ndjson"), "--name", NAME],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    lines = [json.loads(line) for line in (tmp_path / "k.ndjson").read_text().splitlines()]
    assert told.returncode == 0 and lines == objects.objects and all(name in told.stdout for name in SETTINGS)
    seen = set()
    for one in lines:
        assert {(r["type"], r["id"]) for r in one["references"]} <= seen, "what is referred to comes first"
        seen.add((one["type"], one["id"]))
    views = {one["id"]: one["attributes"] for one in lines if one["type"] == "index-pattern"}
    assert {a["title"] for a in views.values()} == {f"escadre-{NAME}-logs,escadre-{NAME}-state,escadre-{NAME}-finding"}
    assert sorted("timeFieldName" in a for a in views.values()) == [False, True]


@pytest.mark.parametrize(
    ("tamper", "word"),
    [
        (lambda o: o["attributes"].update(colour="red"), "colour is no attribute"),
        (lambda o: o["attributes"].pop("title"), "title is missing"),
        (lambda o: o["references"].pop(), "has no reference"),
        (lambda o: o["references"].append({"type": "lens", "id": "none", "name": "x"}), "leads nowhere"),
        (lambda o: o["attributes"].update(timeRestore="yes"), "timeRestore is no boolean"),
    ],
)
def test_what_kibana_would_refuse_is_found(made, tamper, word):
    objects = copy.deepcopy(made[1].objects)
    tamper(next(o for o in objects if o["type"] == "dashboard"))
    assert any(word in text for text in problems(objects))


# --- what Kibana would ask, read from the objects


def lucene(query):
    assert query["language"] == "lucene"
    return [{"query_string": {"query": query["query"], "analyze_wildcard": True}}] if query["query"] else []


class Asking:
    """Asks Elasticsearch as Kibana does for the panels of one dashboard."""

    def __init__(self, client, objects, dashboard):
        self.client, self.by_id = client, {(o["type"], o["id"]): o for o in objects}
        self.dashboard = dashboard
        self.attributes = dashboard["attributes"]
        source = json.loads(self.attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])
        self.filters = lucene(source["query"])

    def panels(self):
        """(panel, the object that it refers to)."""
        references = {r["name"]: (r["type"], r["id"]) for r in self.dashboard["references"]}
        for panel in json.loads(self.attributes["panelsJSON"]):
            if "panelRefName" in panel:
                yield panel, self.by_id[references[f"{panel['panelIndex']}:{panel['panelRefName']}"]]

    def search(self, one, **more):
        view = self.by_id[("index-pattern", one["references"][0]["id"])]["attributes"]
        if one["type"] == "search":
            query = json.loads(one["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])["query"]
        else:
            query = one["attributes"]["state"]["query"]
        filters = [*self.filters, *lucene(query)]
        if "timeFieldName" in view:
            span = {"gte": self.attributes["timeFrom"], "lte": self.attributes["timeTo"], "format": "strict_date_optional_time"}
            filters.append({"range": {view["timeFieldName"]: span}})
        return self.client.search(
            index=view["title"], size=0, ignore_unavailable=True, track_total_hits=True, query={"bool": {"filter": filters}}, **more
        )

    @staticmethod
    def bars(column):
        params = column["params"]
        assert column["operationType"] == "date_histogram"
        over = {"field": column["sourceField"], "fixed_interval": params["interval"], "min_doc_count": 1}
        return {"time": {"date_histogram": over}}


def terms(column):
    params = column["params"]
    assert column["operationType"] == "terms" and params["orderBy"] == {"type": "column", "columnId": "count"}
    order = [{"_count": params["orderDirection"]}, {"_key": "asc"}]
    wide = {"shard_size": 1000} if params["accuracyMode"] else {}
    return {"field": column["sourceField"], "size": params["size"], "order": order, **wide}


def counted(buckets):
    return [(str(b.get("key_as_string", b["key"])), b["doc_count"]) for b in buckets]


@pytest.fixture(scope="module")
def client(server, wide):
    told = load(wide, server, NAME)
    assert told.returncode == 0, told.stderr
    one = Elasticsearch(server, request_timeout=60)
    yield one
    drop(one, NAME)


@pytest.mark.elastic
def test_every_panel_of_every_dashboard_has_the_numbers_of_the_eye(client, made):
    store, objects = made
    scope = scope_of(store)
    by_title = {o["attributes"]["title"]: o for o in objects.objects if o["type"] == "dashboard"}
    checked = Counter()
    for declared in dashboards():
        values = ["web-vitrine", "PC-ACCUEIL-03", store.facet(store.ask(""), "host.name", 1)[0][0][0]] if declared.each else [""]
        for value in values:
            title = f"{NAME}: {declared.title}" + (f" {value}" if value else "")
            asking = Asking(client, objects.objects, by_title[title])
            shown = list(asking.panels())
            assert [panel["panelIndex"] for panel, _ in shown] == [panel.name for panel in declared.panels]
            for panel, (_, one) in zip(declared.panels, shown, strict=True):
                ours = numbers(store, declared, panel, scope, value)
                same(asking, one, panel, ours, f"{title}: {panel.title}", empty=bool(value))
                checked[panel.kind] += 1
    assert checked[NUMBER] >= 40 and checked[TOP] >= 60 and checked[OVER_TIME] >= 12 and checked[ROWS] >= 12


def same(asking, one, panel, ours, place, *, empty):
    total = asking.search(one)["hits"]["total"]["value"]
    assert total == ours.total, place
    assert total or empty, f"{place} has nothing"
    if panel.kind == ROWS:
        return
    columns = one["attributes"]["state"]["datasourceStates"]["formBased"]["layers"]["layer"]["columns"]
    if panel.kind == NUMBER:
        column = columns["count"]
        if column["operationType"] == "count":
            assert total == ours.number, place
        else:
            found = asking.search(one, aggs={"n": {"cardinality": {"field": column["sourceField"]}}})
            assert found["aggregations"]["n"]["value"] == ours.number > 0 or empty, place
            assert found["aggregations"]["n"]["value"] == ours.number, place
        return
    if panel.kind == TOP:
        found = counted(asking.search(one, aggs={"v": {"terms": terms(columns["values"])}})["aggregations"]["v"]["buckets"])
        assert_values(found, ours.values, place)
        assert found or empty, f"{place} has nothing"
        return
    over = asking.bars(columns["time"])
    if panel.field == RECORDS:
        theirs = {RECORDS: buckets_of(asking.search(one, aggs=over)["aggregations"])}
    else:
        split = {"field": columns["values"]["sourceField"]}
        assert columns["values"]["params"]["otherBucket"] and not columns["values"]["params"]["missingBucket"]
        found = asking.search(one, aggs={"v": {"terms": terms(columns["values"]), "aggs": over}})["aggregations"]["v"]["buckets"]
        assert_values(counted(found), ours.values, place)
        theirs = {str(b["key"]): buckets_of(b) for b in found}
        rest = {"bool": {"filter": {"exists": split}, "must_not": [{"terms": {split["field"]: [b["key"] for b in found]}}]}}
        others = asking.search(one, aggs={"o": {"filter": rest, "aggs": over}})["aggregations"]["o"]
        theirs |= {OTHER: buckets_of(others)} if others["doc_count"] else {}
        theirs = {name: bars for name, bars in theirs.items() if bars}
    mine = {name.lower() if name != OTHER else OTHER: {ours_at(bar): n for bar, n in bars.items()} for name, bars in ours.series.items()}
    tied = Counter(n for _, n in ours.values)
    if all(n == 1 for n in tied.values()):
        assert mine == theirs, place
    assert sum(n for bars in mine.values() for n in bars.values()) == sum(n for bars in theirs.values() for n in bars.values()), place
    assert mine or empty, f"{place} has nothing"


SCOPE = {}


def ours_at(bar):
    return (SCOPE["start"] + bar * SCOPE["width"]) // 1_000_000


def buckets_of(found):
    return {b["key"]: b["doc_count"] for b in found["time"]["buckets"]}


@pytest.fixture(autouse=True)
def bars_begin(made):
    scope = scope_of(made[0])
    SCOPE.update(start=scope.start, width=scope.width)


def assert_values(theirs, ours, place):
    """The same counts in the same order; the values too, except that either engine may choose among equally frequent ones at the end."""
    folded = [(value.lower(), n) for value, n in ours]
    assert [n for _, n in theirs] == [n for _, n in folded], place
    last = folded[-1][1] if folded else 0
    assert {(v.lower(), n) for v, n in theirs if n != last} == {(v, n) for v, n in folded if n != last}, place


# --- the import API, as documented


class FakeKibana:
    """Takes an import as the documentation of the API says, and remembers it."""

    def __init__(self, answer=None, status=200, settings=200):
        seen = self.seen = []

        class Way(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                seen.append((self.path, dict(self.headers), body))
                count = body.count(b'"coreMigrationVersion"')
                told = answer if answer is not None else {"success": True, "successCount": count, "successResults": []}
                code = settings if "settings" in self.path else status
                content = json.dumps({} if "settings" in self.path else told).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Way)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/base"


def kibana(case, *more, **environment):
    return subprocess.run(
        [sys.executable, "-m", "eye.cli", "kibana", str(case), "--name", NAME, "--json", *more],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
    )


def test_the_objects_are_imported_by_the_documented_request(made, wide):
    fake = FakeKibana()
    told = kibana(wide, "--url", fake.url, "--space", "ir-team", "--settings", "--user", "eva", ESCADRE_ES_PASSWORD="s3cret")
    assert told.returncode == 0 and "s3cret" not in told.stdout + told.stderr, told.stderr
    (path, headers, body), (set_path, set_headers, set_body) = fake.seen
    assert path == "/base/s/ir-team/api/saved_objects/_import?overwrite=true" and headers["kbn-xsrf"]
    assert headers["authorization"].startswith("Basic ") and headers["Content-Type"].startswith("multipart/form-data")
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + body
    )
    (part,) = message.iter_parts()
    assert part.get_param("name", header="content-disposition") == "file" and part.get_filename().endswith(".ndjson")
    sent = [json.loads(line) for line in part.get_payload(decode=True).splitlines() if line]
    assert sent == made[1].objects and json.loads(told.stdout)["imported"] == len(sent)
    assert set_path == "/base/s/ir-team/internal/kibana/settings" and json.loads(set_body) == {"changes": SETTINGS}
    assert set_headers["x-elastic-internal-origin"] == "Kibana" and json.loads(told.stdout)["settings"] is True


def test_what_kibana_refuses_is_listed_and_makes_exit_code_one(wide):
    error = {"type": "dashboard", "id": "x", "error": {"type": "missing_references", "references": []}}
    told = kibana(wide, "--url", FakeKibana({"success": False, "successCount": 3, "errors": [error]}).url)
    assert told.returncode == 1 and json.loads(told.stdout)["errors"] == ["dashboard x: missing_references"]
    hand = kibana(wide, "--url", FakeKibana(settings=404).url, "--settings")
    assert hand.returncode == 0 and json.loads(hand.stdout)["settings"] is False


@pytest.mark.parametrize(
    ("answer", "status", "code", "word"),
    [
        ({"message": "no"}, 401, 3, "does not let us in"),
        ({"statusCode": 404, "message": "Not Found"}, 404, 3, "answers 404: Not Found"),
        ({"statusCode": 413, "message": "Payload content length greater than maximum allowed"}, 413, 3, "Payload"),
    ],
)
def test_a_kibana_that_takes_nothing_is_said_in_one_line(wide, answer, status, code, word):
    told = kibana(wide, "--url", FakeKibana(answer, status).url)
    assert told.returncode == code and told.stdout == "" and word in told.stderr and len(told.stderr.splitlines()) == 2


def test_a_kibana_that_is_not_there_is_said_in_one_line(wide):
    told = kibana(wide, "--url", "http://127.0.0.1:9")
    assert told.returncode == 3 and "no Kibana answers" in told.stderr and len(told.stderr.splitlines()) <= 3
    assert kibana(wide).returncode == 2 and kibana(wide, "--url", "http://a:b@k:1").returncode == 2
