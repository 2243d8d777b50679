"""A server of deliveries that answers anything: the upload is a broken line or a refusal, in bounded memory and time, never more."""

from __future__ import annotations

import resource
import ssl

import pytest

from scout.console import escape
from scout.delivering import bounded_answer, tls
from scout.delivering.carrier import LineBroken, ServerRefused
from tests.hostile_server import BROKEN, HostileServer
from tests.scout.servers import certificate

MEMORY = 200 << 20
"""bytes that this process may grow by"""
ANSWERED = {"a length that is none", "a body without an end", "a body longer than anything", "chunks without an end"}
"""answers of success, of which the beginning is read"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    cert, key = certificate(tmp_path_factory.mktemp("tls"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


@pytest.mark.parametrize("name", BROKEN)
def test_any_answer_is_a_broken_line_or_a_refusal(made, monkeypatch, name):
    cert, context = made
    monkeypatch.setattr(bounded_answer, "GRACE", 0.5)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    server = HostileServer(BROKEN[name], context)
    line = tls.TlsConnection(server.url.replace("127.0.0.1", "localhost"), ca=cert)
    try:
        line.request("PUT", "/in/archive", b"x" * 100_000)
    except (LineBroken, ServerRefused) as e:
        assert len(str(e)) < 1000
        assert escape(e).isprintable()
    else:
        assert name in ANSWERED, "it was taken for success"
    finally:
        line.drop()
        server.stop()
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MEMORY
