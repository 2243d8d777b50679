"""Loading a real case into a real Elasticsearch: counts, types, times and ids hold, a second load changes nothing,
both engines find the same.

The test server lacks the module analysis-common. What the shipped template needs of it is given to it (CommonAnalysis.java); what the
loader does on a server without it is tested too.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import orjson
import pytest

from eye.elastic import templates
from eye.index.store import Store
from eye.query.kibana import QUERY_OPTIONS, to_kibana
from eye.query.words import words
from tests.conftest import ROOT, need
from tests.eye import typed

pytestmark = pytest.mark.elastic
SOURCE = Path(__file__).parent / "CommonAnalysis.java"
QUERIES = [q for q in (Path(__file__).parent / "queries.txt").read_text().splitlines() if q and not q.startswith("#")]


def give_analysis(cache: Path) -> bool:
    """Put the module of CommonAnalysis.java into the servers below a cache that lack it; whether there was one."""
    given = False
    for server in cache.glob("elasticsearch-*"):
        modules, module = server / "modules", server / "modules" / "stand-in-common"
        if module.exists() or (modules / "analysis-common").exists():
            continue
        told = next(modules.glob("*/plugin-descriptor.properties")).read_text()
        release = re.search(r"^java.version=(\d+)", told, re.MULTILINE)[1]
        version = re.search(r"^elasticsearch.version=(.+)", told, re.MULTILINE)[1]
        with tempfile.TemporaryDirectory(dir=cache) as made:
            compile_with = ["--release", release, "-cp", f"{server}/lib/*", "-d", f"{made}/classes", str(SOURCE)]
            homes = [os.environ.get("ES_JAVA_HOME"), os.environ.get("JAVA_HOME"), *map(str, Path("/usr/lib/jvm").glob("*"))]
            found = (Path(one, "bin", "javac") for one in homes if one and Path(one, "bin", "javac").exists())
            javac = next((one for one in found if subprocess.run([one, *compile_with], capture_output=True).returncode == 0), None)
            need(javac, f"a JDK {release} that compiles {SOURCE.name}")
            (Path(made) / "module").mkdir()
            jar = [javac.with_name("jar"), "cf", f"{made}/module/stand-in-common-1.jar", "-C", f"{made}/classes", "."]
            subprocess.run(jar, check=True, capture_output=True)
            (Path(made) / "module" / "plugin-descriptor.properties").write_text(
                f"name=stand-in-common\ndescription=analysis\nversion={version}\nelasticsearch.version={version}\n"
                f"java.version={release}\nclassname=CommonAnalysis\nextended.plugins=\n"
            )
            (Path(made) / "module").rename(module)
        given = True
    return given


@pytest.fixture(scope="module")
def server():
    """Address of a server that is started for this run, or of the one that `ESCADRE_ES` names."""
    if os.environ.get("ESCADRE_ES"):
        yield os.environ["ESCADRE_ES"]
        return
    scripts = ROOT.parent / "shared" / "elastic"
    need((scripts / "start").exists() and shutil.which("mvn"), "the recipe for a real Elasticsearch")
    # the server runs under its own account: below root's home it could not reach its files
    cache = Path(os.environ.get("ES_CACHE") or ("/var/cache/escadre-elastic" if os.geteuid() == 0 else ROOT / ".elastic-cache"))
    cache.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="node-", dir=cache))
    for folder in (cache, home):
        folder.chmod(0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "ES_HEAP": "512m", "ES_CACHE": str(cache)}

    def start():
        return subprocess.run([str(scripts / "start"), str(home), str(port)], capture_output=True, text=True, env=environment)

    give_analysis(cache)
    started = start()
    if give_analysis(cache):  # the server has only now been unpacked
        subprocess.run([str(scripts / "stop"), str(home)], capture_output=True)
        started = start()
    try:
        need(started.returncode == 0, f"a real Elasticsearch ({started.stderr.strip()[-300:]})")
        yield f"http://127.0.0.1:{port}"
    finally:
        subprocess.run([str(scripts / "stop"), str(home)], capture_output=True)
        shutil.rmtree(home, ignore_errors=True)


def load(case, url, name, *more):
    return subprocess.run(
        [sys.executable, "-m", "eye.cli", "load", str(case), "--url", url, "--name", name, "--json", *more],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )


@pytest.fixture(scope="module")
def loaded(typed_case, server):
    name = f"t{os.getpid()}"
    first = load(typed_case, server, name)
    assert first.returncode == 0, first.stderr
    from elasticsearch import Elasticsearch

    client = Elasticsearch(server, request_timeout=60)
    yield client, name, json.loads(first.stdout)
    client.indices.delete(index=f"escadre-{name}-logs,escadre-{name}-state,escadre-{name}-finding", ignore_unavailable=True)


def ids(client, index, query):
    found, after = set(), None
    pit = client.open_point_in_time(index=index, keep_alive="1m", ignore_unavailable=True)["id"]
    while True:
        more = {"search_after": after} if after else {}
        page = client.search(pit={"id": pit, "keep_alive": "1m"}, query=query, size=5000, sort=["_shard_doc"], source=False, **more)[
            "hits"
        ]["hits"]
        if not page:
            return found
        found |= {hit["_id"] for hit in page}
        after = page[-1]["sort"]


def test_the_generated_templates_are_up_to_date():
    assert {f.name: f.read_text() for f in templates.GENERATED.glob("*.json")} == templates.documents()


def test_every_record_is_there_once_and_a_second_load_changes_nothing(loaded, typed_case, typed_records, server):
    client, name, first = loaded
    logs = first["indices"][f"escadre-{name}-logs"]
    total = sum(c["counted"] for i, c in first["indices"].items() if not i.endswith("finding"))
    assert first["whole"] and logs["created"] == logs["read"] and total == len(typed_records)
    assert ids(client, f"escadre-{name}-logs,escadre-{name}-state", {"match_all": {}}) == {r["escadre.id"] for r in typed_records}
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
    for record in [r for r in few_records if r["@timestamp"]][:: max(1, len(few_records) // 25)]:
        found = client.search(
            index=f"{index},escadre-{name}-state",
            ignore_unavailable=True,
            query={"ids": {"values": [record["escadre.id"]]}},
            fields=[{"field": "@timestamp", "format": "strict_date_optional_time_nanos"}],
        )["hits"]["hits"][0]
        assert {k: v for k, v in found["_source"].items() if k != "escadre.raw_dates"} == {
            k: v for k, v in record.items() if k in found["_source"]
        }
        assert set(record) - set(found["_source"]) == set()
        assert found["fields"]["@timestamp"][0].rstrip("0Z.") == record["@timestamp"].rstrip("0Z.")


def compared(client, name, store, queries):
    """(query, hits here, hits there) where the ids differ, and how many queries find some records but not all."""
    wrong, telling = [], 0
    index = ",".join(f"escadre-{name}-{family}" for family in ("logs", "state", "finding"))
    for query in queries:
        ours = {orjson.loads(line)["escadre.id"] for line in store.lines(store.ask(query))}
        theirs = ids(client, index, {"query_string": {**QUERY_OPTIONS, "query": to_kibana(query)}})
        telling += 0 < len(ours) < store.records
        if ours != theirs:
            wrong.append((query, to_kibana(query), len(ours), len(theirs)))
    return wrong, telling


def test_both_engines_find_the_same_records_for_every_form(loaded, typed_case):
    client, name, _ = loaded
    store = Store(typed_case)
    wrong, telling = compared(client, name, store, QUERIES)
    assert wrong == [] and telling >= 0.8 * len(QUERIES)


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
        assert ids(client, f"escadre-{name}-logs,escadre-{name}-state,escadre-{name}-finding", sent) == ours != set()


def test_a_refused_document_is_listed_and_makes_exit_code_one(loaded, case, server):
    from tests.eye.conftest import read_lines, write_lines

    client, _, _ = loaded
    one = sorted((case / "records").glob("evtx/*.zst"))[0]
    lines = read_lines(one)
    lines[0]["escadre.id"] = "x" * 600
    write_lines(one, lines)
    told = load(case, server, f"refused{os.getpid()}")
    listed = [json.loads(line) for line in (case / "index" / "refused.jsonl").read_text().splitlines()]
    client.indices.delete(index=f"escadre-refused{os.getpid()}-logs", ignore_unavailable=True)
    assert told.returncode == 1 and [d["id"] for d in listed] == ["x" * 600] and "Validation Failed" in json.dumps(listed[0]["error"])


def types(properties: dict, path: str = "") -> dict[str, str]:
    """Dotted name → type. Only these are compared: a server leaves out options that have their default."""
    found: dict[str, str] = {}
    for name, entry in properties.items():
        found |= types(entry["properties"], f"{path}{name}.") if "properties" in entry else {f"{path}{name}": entry["type"]}
    return found


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


def test_a_server_without_the_tokenizer_gets_a_template_that_it_takes_and_that_is_told(loaded, few, flaky):
    """On the way the tokenizer's name becomes one that the server does not know: it refuses the shipped template itself."""
    client, _, _ = loaded
    address, certificate = flaky
    name = f"without{os.getpid()}"
    Flaky.renamed = (b'"type":"pattern"', b'"type":"pattern-of-a-module-that-is-absent"')
    told = load(few, address, name, "--ca", str(certificate))
    Flaky.renamed = (b"", b"")
    done = json.loads(told.stdout)
    found = ids(client, f"escadre-{name}-logs", {"query_string": {**QUERY_OPTIONS, "query": '"service control manager"'}})
    client.indices.delete(index=f"escadre-{name}-logs,escadre-{name}-state,escadre-{name}-finding", ignore_unavailable=True)
    assert told.returncode == 0 and done["whole"] and "with dots" in done["lacking"] and found


class Flaky(BaseHTTPRequestHandler):
    """A real way to the real server that answers 429 and 503 to some bulk requests, and cuts one after the server has written."""

    protocol_version = "HTTP/1.1"
    upstream = ""
    faults: ClassVar[list[object]] = []
    renamed: ClassVar[tuple[bytes, bytes]] = (b"", b"")

    def forward(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.renamed[0] and "_component_template" in self.path:
            body = body.replace(*self.renamed)
        fault = self.faults.pop(0) if self.path.partition("?")[0].endswith("/_bulk") and self.faults else None
        if isinstance(fault, int):
            return self.answer(fault, b'{"error": {"reason": "busy"}}', "application/json")
        kept = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection", "content-length", "accept-encoding")}
        asked = urllib.request.Request(self.upstream + self.path, body or None, kept, method=self.command)
        try:
            with urllib.request.urlopen(asked) as got:
                status, content, kind = got.status, got.read(), got.headers.get("Content-Type", "")
        except urllib.error.HTTPError as e:
            status, content, kind = e.code, e.read(), e.headers.get("Content-Type", "")
        if fault == "cut":
            self.close_connection = True
            return self.connection.shutdown(socket.SHUT_RDWR)
        return self.answer(status, content, kind)

    def answer(self, status, content, kind):
        self.send_response(status)
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content if self.command != "HEAD" else b"")

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = forward

    def log_message(self, *_):
        return None


@pytest.fixture(scope="module")
def flaky(server, tmp_path_factory):
    """The address of that way, over TLS with a certificate of its own, and the certificate."""
    folder = tmp_path_factory.mktemp("tls")
    need(shutil.which("openssl"), "openssl")
    subprocess.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1".split()
        + "-keyout key.pem -out cert.pem".split(),
        cwd=folder,
        check=True,
        capture_output=True,
    )
    way = ThreadingHTTPServer(("127.0.0.1", 0), type("Way", (Flaky,), {"upstream": server}))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    way.socket = context.wrap_socket(way.socket, server_side=True)
    threading.Thread(target=way.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{way.server_port}", folder / "cert.pem"
    way.shutdown()


def test_a_busy_server_and_a_cut_connection_are_asked_again_until_all_is_there_once(loaded, few, few_records, flaky):
    client, _, _ = loaded
    address, certificate = flaky
    Flaky.faults[:] = [429, 503, "cut", 429]
    name = f"flaky{os.getpid()}"
    told = load(few, address, name, "--ca", str(certificate))
    found = ids(client, f"escadre-{name}-logs,escadre-{name}-state", {"match_all": {}})
    client.indices.delete(index=f"escadre-{name}-logs,escadre-{name}-state,escadre-{name}-finding", ignore_unavailable=True)
    done = json.loads(told.stdout)
    assert told.returncode == 0 and done["whole"] and done["retries"] >= 4 and Flaky.faults == []
    assert found == {r["escadre.id"] for r in few_records}
    assert sum(c["there"] for c in done["indices"].values()) > 0, "what was written before the cut is met again"


def test_a_certificate_that_nobody_signed_is_refused_by_default(few, flaky):
    told = load(few, flaky[0], "x")
    assert told.returncode == 3 and "ertificate" in told.stderr and "Traceback" not in told.stderr


def test_dates_outside_the_range_stay_absent_and_are_kept_as_text():
    from eye.elastic.load import Loaded, document

    done = Loaded()
    sent = document(
        {"@timestamp": "1601-01-01T00:00:00Z", "file.mtime": "2020-01-01T00:00:00Z", "source.ip": "nonsense", "event.code": "1"}, done
    )
    assert "@timestamp" not in sent and sent["escadre.raw_dates"] == {"@timestamp": "1601-01-01T00:00:00Z"} and "source.ip" not in sent
    assert (done.out_of_range, done.misfit) == (1, 1) and sent["file.mtime"] == "2020-01-01T00:00:00Z"


@pytest.mark.parametrize(("url", "code"), [("http://127.0.0.1:9", 3), ("https://127.0.0.1:9", 3), ("not-an-address", 2)])
def test_a_server_that_is_not_there_is_said_in_one_line(case, url, code):
    told = load(case, url, "x")
    assert told.returncode == code and told.stdout == "" and "Traceback" not in told.stderr and len(told.stderr.splitlines()) == 2


def test_a_case_of_the_same_name_is_not_mixed_with_another(loaded, case, server):
    client, name, _ = loaded
    for file in (case / "records").glob("*/*.zst"):
        file.rename(file.with_name("other" + file.name))
    before = client.count(index=f"escadre-{name}-logs")["count"]
    told = load(case, server, name)
    assert told.returncode == 2 and "--name" in told.stderr and client.count(index=f"escadre-{name}-logs")["count"] == before
