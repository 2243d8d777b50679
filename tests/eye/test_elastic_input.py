"""What can be wrong with a server, an account or an index: each ends in one clear message, never in silence, never in a traceback."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import json
import os
import socket
import subprocess
import sys
import threading

import pytest
from elasticsearch import Elasticsearch

from eye.elastic.templates import component
from tests.conftest import ROOT
from tests.eye.elastic_server import drop, load
from tests.eye.fault_proxy import FaultProxy

pytestmark = pytest.mark.elastic
NAME = f"input{os.getpid()}"


def one_message(told, code, *words):
    assert told.returncode == code and told.stdout == "" and "Traceback" not in told.stderr, told.stderr
    assert 1 <= len(told.stderr.splitlines()) <= 3, told.stderr
    assert all(word in told.stderr for word in words), told.stderr


@pytest.fixture(scope="module")
def client(server):
    one = Elasticsearch(server, request_timeout=60)
    yield one
    drop(one, NAME)


def certificate(folder, name, *, start=-1, days=2, address="127.0.0.1"):
    """A self-signed certificate and its key; `start`: days from now."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + dt.timedelta(days=start))
        .not_valid_after(now + dt.timedelta(days=start + days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    (folder / f"{name}.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / f"{name}.crt", folder / f"{name}.key", made.fingerprint(hashes.SHA256()).hex(":")


@pytest.fixture(scope="module")
def safe(server, tmp_path_factory):
    """The server over TLS, with a certificate of its own: (proxy, certificate, fingerprint)."""
    cert, key, print_ = certificate(tmp_path_factory.mktemp("tls"), "own")
    proxy = FaultProxy(server, cert, key)
    yield proxy, cert, print_
    proxy.stop()


@pytest.mark.parametrize(
    ("url", "code", "word"),
    [
        ("http://127.0.0.1:9", 3, "no Elasticsearch answers"),
        ("https://127.0.0.1:9", 3, "127.0.0.1:9"),
        ("http://no-such-host.invalid:9200", 3, "no-such-host.invalid"),
        ("not-an-address", 2, "https://host:9200"),
        ("ftp://es:9200", 2, "https://host:9200"),
        ("http://127.0.0.1:notaport", 2, "https://host:9200"),
        ("https://elastic:s3cret@es:9200", 2, "credentials in it"),
    ],
)
def test_a_server_that_is_not_there_is_said_in_one_line(case, url, code, word):
    told = load(case, url, NAME)
    one_message(told, code, word)
    assert "s3cret" not in told.stderr


def test_tls_is_verified_and_an_authority_or_a_fingerprint_opens_the_way(few, client, safe):
    proxy, cert, print_ = safe
    one_message(load(few, proxy.url, NAME), 3, "nobody that this machine trusts signed its certificate", "--ca")
    assert load(few, proxy.url, NAME, "--ca", str(cert)).returncode == 0
    assert load(few, proxy.url, NAME, "--fingerprint", print_.upper()).returncode == 0
    other = ("00:" * 32)[:-1]
    one_message(load(few, proxy.url, NAME, "--fingerprint", other), 3, "another fingerprint")
    one_message(load(few, proxy.url, NAME, "--fingerprint", "12:34"), 2, "SHA-256")
    one_message(load(few, proxy.url, NAME, "--ca", __file__), 2, "no certificate is in it")
    one_message(load(few, proxy.url, NAME, "--ca", "/no/such"), 2, "does not read")


@pytest.mark.parametrize(("start", "days", "word"), [(-9, 2, "has expired"), (5, 9, "not valid yet")])
def test_a_certificate_out_of_its_time_is_named(few, server, tmp_path, start, days, word):
    cert, key, _ = certificate(tmp_path, "late", start=start, days=days)
    proxy = FaultProxy(server, cert, key)
    told = load(few, proxy.url, NAME, "--ca", str(cert))
    proxy.stop()
    one_message(told, 3, word)


def test_a_certificate_of_another_address_is_named(few, server, tmp_path):
    cert, key, _ = certificate(tmp_path, "other", address="192.0.2.1")
    proxy = FaultProxy(server, cert, key)
    told = load(few, proxy.url, NAME, "--ca", str(cert))
    proxy.stop()
    one_message(told, 3, "for another address")


def test_http_for_https_and_https_for_http_are_named(few, server, safe):
    proxy, _, _ = safe
    one_message(load(few, server.replace("http://", "https://"), NAME), 3, "it speaks no TLS", "http://")
    one_message(load(few, proxy.url.replace("https://", "http://"), NAME), 3, "no Elasticsearch answers")


class Answering:
    """A server that answers every request in one way."""

    def __init__(self, status, body=b"{}", product="Elasticsearch"):
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        seen = self.seen = []

        class Way(BaseHTTPRequestHandler):
            def answer(self):
                seen.append(dict(self.headers))
                self.send_response(status)
                if product:
                    self.send_header("X-Elastic-Product", product)
                self.send_header("Content-Type", "text/html" if body.startswith(b"<") else "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_POST = do_HEAD = answer

            def log_message(self, *_):
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Way)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.mark.parametrize(
    ("status", "body", "product", "word"),
    [
        (
            401,
            b'{"error":{"type":"security_exception","reason":"missing authentication credentials"}}',
            "Elasticsearch",
            "does not let us in",
        ),
        (403, b'{"error":{"type":"security_exception","reason":"no"}}', "Elasticsearch", "does not let us in"),
        (200, b"<html>a router</html>", "", "not Elasticsearch"),
        (500, b'{"error":{"type":"x","reason":"broken"}}', "Elasticsearch", "answers 500: broken"),
        (200, b'{"version":{"number":"7.17.9"}}', "Elasticsearch", "7.17.9"),
    ],
)
def test_a_server_that_answers_something_else_is_said_in_one_line(few, status, body, product, word):
    one_message(load(few, Answering(status, body, product).url, NAME), 3, word)


@pytest.mark.parametrize(
    ("status", "body", "product", "words"),
    [
        (200, b"<html>Log in</html>", "Elasticsearch", "not as documented"),
        (200, b"", "Elasticsearch", "not as documented"),
        (200, b"[]", "Elasticsearch", "not as documented"),
        (200, b"{}", "Elasticsearch", "not as documented"),
        (200, b'{"version":{"num', "Elasticsearch", "is no JSON"),
        (200, b'{"version":null}', "Elasticsearch", "not as documented"),
        (302, b"", "", "sends us elsewhere"),
        (407, b"<html>Denied</html>", "", "a proxy or another program"),
        (403, b"<html>Denied</html>", "", "a proxy or another program"),
        (502, b"<html>Bad gateway</html>", "", "a proxy or another program"),
        (503, b"", "Elasticsearch", "503: Service Unavailable"),
    ],
)
def test_what_stands_before_a_server_is_not_taken_for_it(status, body, product, words):
    from eye.elastic.connect import ElasticServer, connect
    from scout.console import Complaint

    with pytest.raises(Complaint, match=words) as raised:
        connect(ElasticServer(Answering(status, body, product).url))
    assert raised.value.code == 3 and raised.value.do


def test_secrets_come_from_file_or_environment_and_are_in_no_message(few, tmp_path, monkeypatch):
    refusing = Answering(401)
    (tmp_path / "key").write_text("name:very-s3cret-key\n")
    told = load(few, refusing.url, NAME, "--api-key-file", str(tmp_path / "key"))
    assert any(h.get("authorization", h.get("Authorization", "")).startswith("ApiKey ") for h in refusing.seen)
    monkeypatch.setenv("ESCADRE_ES_PASSWORD", "very-s3cret-word")
    also = load(few, refusing.url, NAME, "--user", "eva")
    assert "s3cret" not in told.stderr + also.stderr + told.stdout + also.stdout and also.returncode == told.returncode == 3
    monkeypatch.delenv("ESCADRE_ES_PASSWORD")
    one_message(load(few, refusing.url, NAME, "--user", "eva"), 2, "no password for eva")
    (tmp_path / "word").write_text("pässwörd\n", encoding="utf-8")
    assert load(few, refusing.url, NAME, "--user", "eva", "--password-file", str(tmp_path / "word")).returncode == 3
    basic = refusing.seen[-1].get("authorization") or refusing.seen[-1]["Authorization"]
    assert base64.b64decode(basic.removeprefix("Basic ")).decode() == "eva:pässwörd"
    one_message(load(few, refusing.url, NAME, "--api-key-file", str(tmp_path / "word")), 2, "characters that none has")
    one_message(load(few, refusing.url, NAME, "--api-key-file", str(tmp_path / "none")), 2, "does not read")
    (tmp_path / "empty").write_text("")
    one_message(load(few, refusing.url, NAME, "--api-key-file", str(tmp_path / "empty")), 2, "has no API key")


@pytest.mark.parametrize(("kind", "why"), [("long", "user.name is long, not keyword"), ("keyword", "its fields are objects in objects")])
def test_an_index_with_other_mappings_is_left_alone(few, client, kind, why):
    name = f"{NAME}m"
    client.indices.create(
        index=f"escadre-{name}-logs", mappings={"dynamic": False, "properties": {"user": {"properties": {"name": {"type": kind}}}}}
    )
    told = load(few, client.transport.node_pool.get().base_url, name)
    drop(client, name)
    one_message(told, 2, "other mappings", why)


def test_an_index_of_somebody_else_without_fields_is_named(few, client, server):
    name = f"{NAME}n"
    client.indices.create(index=f"escadre-{name}-logs", mappings={"dynamic": False, "subobjects": False})
    told = load(few, server, name)
    drop(client, name)
    one_message(told, 2, f"escadre-{name}-logs was not made by eye load", "--name")


READ_ONLY = {"type": "cluster_block_exception", "reason": "blocked by: [FORBIDDEN/6/cluster read-only (api)];"}
FULL = {
    "type": "validation_exception",
    "reason": "Validation Failed: 1: this action would add [1] shards, but this cluster currently has [1]/[1] maximum normal shards open;",
}


@pytest.mark.parametrize(("status", "error", "words"), [(403, READ_ONLY, "whole cluster"), (400, FULL, "Delete indices")])
def test_what_the_whole_cluster_does_not_take_is_told_with_what_to_do(status, error, words):
    """The answers are those of Elasticsearch 8.19.21 with `cluster.blocks.read_only` and with `cluster.max_shards_per_node: 1`."""
    from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
    from elasticsearch import ApiError

    from eye.elastic import errors

    meta = ApiResponseMeta(status, "1.1", HttpHeaders(), 0.1, NodeConfig("http", "es", 9200))
    told = errors.failed(ApiError("refused", meta, {"error": error, "status": status}))
    assert words in f"{told.what} {told.do}" and "run it again" in told.do


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_secret_is_read_as_editors_and_shells_write_it(tmp_path, encoding):
    from eye.elastic.credentials import credentials

    (tmp_path / "key").write_bytes("name:key\r\n".encode(encoding))
    assert credentials(tmp_path / "key") == {"api_key": ("name", "key")}


def test_an_alias_a_pipeline_and_a_template_of_others_do_not_change_what_is_loaded(few, client, server):
    name = f"{NAME}x"
    shared = component()["template"]

    def make(index, **settings):
        client.indices.create(index=index, settings=shared["settings"] | settings, mappings=shared["mappings"])

    make(f"other-{name}")
    client.indices.put_alias(index=f"other-{name}", name=f"escadre-{name}-logs")
    alias = load(few, server, name)
    client.indices.delete(index=f"other-{name}")
    make(f"escadre-{name}-logs", **{"index.final_pipeline": "gone"})
    final = load(few, server, name)
    drop(client, name)
    theirs = {"mappings": {"dynamic": "strict", "properties": {"x": {"type": "long"}}}}
    client.indices.put_index_template(name=f"theirs-{name}", index_patterns=[f"escadre-{name}-*"], priority=9000, template=theirs)
    template = load(few, server, name)
    client.indices.delete_index_template(name=f"theirs-{name}")
    left = client.indices.exists(index=f"escadre-{name}-logs")
    make(f"escadre-{name}-logs", **{"index.default_pipeline": "gone"})
    default = load(few, server, name)
    drop(client, name)
    one_message(alias, 2, f"an alias of other-{name}")
    one_message(final, 2, "final pipeline gone")
    one_message(template, 2, "other mappings", "higher priority")
    assert not left and default.returncode == 0, default.stderr


def test_a_read_only_index_and_a_full_disk_are_named(few, client, server):
    name = f"{NAME}r"
    assert load(few, server, name).returncode == 0
    for block, words in (("read_only", ("takes no documents", "read_only")), ("read_only_allow_delete", ("disk is full", "Free space"))):
        client.indices.put_settings(index=f"escadre-{name}-logs", settings={f"index.blocks.{block}": True})
        told = load(few, server, name)
        client.indices.put_settings(index=f"escadre-{name}-logs", settings={f"index.blocks.{block}": None})
        one_message(told, 3, *words)
    drop(client, name)


def test_a_block_that_comes_while_documents_go_ends_the_load_with_its_name(few, client, server, monkeypatch):
    from eye.elastic import load as loading
    from eye.elastic import prepare
    from scout.console import Complaint

    name = f"{NAME}b"
    healthy = prepare.healthy

    def then_blocked(to, indices):
        healthy(to, indices)
        if indices:  # the first check is of what was there before
            to.indices.put_settings(index=f"escadre-{name}-logs", settings={"index.blocks.write": True})

    monkeypatch.setattr(prepare, "healthy", then_blocked)
    with pytest.raises(Complaint, match="takes no documents") as raised:
        loading.load(few, client, name=name)
    client.indices.put_settings(index=f"escadre-{name}-logs", settings={"index.blocks.write": None})
    drop(client, name)
    assert "block" in raised.value.do and raised.value.code == 3


def test_a_red_index_is_named(few, client, server):
    """Its only shard may be on no node that is there."""
    name = f"{NAME}h"
    assert load(few, server, name).returncode == 0
    index = f"escadre-{name}-logs"
    client.indices.close(index=index)
    closed = load(few, server, name)
    drop(client, name)
    shared = component()["template"]
    settings = shared["settings"] | {"index.routing.allocation.require._name": "nowhere"}
    client.indices.create(index=index, mappings=shared["mappings"], settings=settings, wait_for_active_shards="0")
    red = load(few, server, name)
    drop(client, name)
    one_message(closed, 3, index)
    one_message(red, 3, f"{index} is red")


def test_a_case_of_the_same_name_is_not_mixed_with_another(case, client, server):
    name = f"{NAME}o"
    assert load(case, server, name).returncode == 0
    for file in (case / "records").glob("*/*.zst"):
        file.rename(file.with_name("other" + file.name))
    before = client.count(index=f"escadre-{name}-logs")["count"]
    told = load(case, server, name)
    assert client.count(index=f"escadre-{name}-logs")["count"] == before
    drop(client, name)
    one_message(told, 2, "--name")


def test_an_account_without_the_right_is_told_which_role_has_it(few, client, server):
    proxy = FaultProxy(server)
    assert load(few, server, f"{NAME}d").returncode == 0
    proxy.denied = "/_refresh"
    loading = load(few, proxy.url, f"{NAME}d")
    command = [sys.executable, "-m", "eye.cli", "unload", f"{NAME}d", "--url", proxy.url, "--yes", f"{NAME}d", "--json"]
    unloading = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    proxy.denied = "/_bulk"
    sending = load(few, proxy.url, f"{NAME}e")
    proxy.stop()
    drop(client, f"{NAME}d")
    drop(client, f"{NAME}e")
    for told in (loading, unloading, sending):
        one_message(told, 3, "may not do this", "role-loader.json")


def test_unload_deletes_a_case_completely_and_no_other(few, client, server):
    def unload(*more):
        return subprocess.run(
            [sys.executable, "-m", "eye.cli", "unload", f"{NAME}u", "--url", server, "--json", *more],
            capture_output=True,
            text=True,
            cwd=ROOT,
        )

    first = load(few, server, f"{NAME}u")
    assert first.returncode == load(few, server, f"{NAME}u-logs").returncode == 0
    kept = unload("--yes", "another")
    assert kept.returncode == 2 and "nothing was deleted" in kept.stderr and client.indices.exists(index=f"escadre-{NAME}u-logs")
    gone = unload("--yes", f"{NAME}u")
    told = json.loads(gone.stdout)
    counts = {name: c["counted"] for name, c in json.loads(first.stdout)["indices"].items()}
    assert gone.returncode == 0 and told["before"] == counts and told["after"] == {} and told["complete"]
    assert not client.indices.exists(index=f"escadre-{NAME}u-logs") and client.count(index=f"escadre-{NAME}u-logs-logs")["count"] > 0
    assert not client.indices.exists_index_template(name=f"escadre-{NAME}u-logs")
    assert unload("--yes", f"{NAME}u").returncode == 2
    drop(client, f"{NAME}u-logs")


def test_a_listener_that_says_nothing_is_not_waited_for_for_ever(few, monkeypatch):
    from eye.elastic import connect as connecting
    from scout.console import Complaint

    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(1)
        monkeypatch.setattr(connecting, "TIMEOUT", 0.5)
        with pytest.raises(Complaint, match="did not answer in time"):
            connecting.connect(connecting.ElasticServer(f"http://127.0.0.1:{mute.getsockname()[1]}"))
