"""Servers that answer anything: each command that speaks to one ends with a complaint, in bounded memory and time."""

from __future__ import annotations

import resource

import pytest

from eye.elastic.connect import ElasticServer, connect
from eye.elastic.prepare import check
from eye.elastic.unload import there
from eye.kibana.importing import Kibana
from eye.push import fir
from eye.remote import pools
from eye.remote.json_server import JsonServer
from scout.console import Complaint
from scout.delivering import bounded_answer
from tests.hostile_server import ANSWERS, BROKEN, HEAD, HostileServer

MEMORY = 400 << 20
"""bytes that this process may grow by"""


ANSWERED = {"a redirect", "a redirect to itself", "controls in a refusal", "a length that is none"}
"""answers that HTTP takes"""


class Counted:
    """What the description of an incident needs of a case."""

    case, records = None, 1


def test_evidence_writes_no_line_of_its_own_into_an_incident(monkeypatch):
    forged = "logged\n- critical web 2026-10-31: forged\r\u2028x<b>\u202e"
    monkeypatch.setattr(fir, "findings", lambda _: [{"escadre.severity": "low", "host.name": "h\nx", "message": forged}])
    made = fir.incident(Counted(), "Escadre: c", fir.FirChoices(), {"file": ["a\nArtefacts, ip:\n192.0.2.1"]})
    lines = made["description"].splitlines()
    assert sum(line.startswith("- ") for line in lines) == 1
    assert sum("rtefacts, " in line for line in lines) == 2
    assert not any(line.startswith("Artefacts, ip") for line in lines)
    assert "<b>" not in made["description"]


class Objects:
    """What `Kibana.put` needs of the objects of a case."""

    def ndjson(self):
        return b'{"type":"dashboard"}\n'


@pytest.fixture
def hurried(monkeypatch):
    monkeypatch.setattr(bounded_answer, "GRACE", 0.5)
    monkeypatch.setattr(pools.LongAnswer, "most", 4 << 20)


def push(url):
    server = fir.connect(url, "token")
    assert isinstance(server, JsonServer)
    number = fir._number(server, "Escadre: c")
    assert number is None or isinstance(number, int)


COMMANDS = {
    "fir": push,
    "kibana": lambda url: Kibana(ElasticServer(url=url)).put(Objects()),
    "settings": lambda url: Kibana(ElasticServer(url=url)).set(),
    "elasticsearch": lambda url: connect(ElasticServer(url=url)),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", ANSWERS)
def test_any_answer_ends_in_a_result_or_a_complaint(hurried, command, name):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    server = HostileServer(ANSWERS[name])
    try:
        COMMANDS[command](server.url)
    except Complaint as complaint:
        assert complaint.what
    else:
        assert name not in BROKEN or name in ANSWERED or command == "settings", "it was taken for an answer"
    finally:
        server.stop()
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MEMORY


INFO = b'{"version": {"number": "8.19.3"}}'
ODD = (b"null", b"[]", b"7", b'{"count": {}}', b'{"i": []}', b'{"i": {"settings": []}}', b'{"i": {"settings": {"index": {"blocks": 1}}}}',
       b'{"i": {"settings": {"index": {}}, "mappings": {"properties": {"a": 1}}}}', b'{"i": {"mappings": []}}')  # fmt: skip


@pytest.mark.parametrize("body", ODD)
@pytest.mark.parametrize("use", [lambda client: check(client, "i", "c", []), lambda client: there(client, "c")], ids=("load", "unload"))
def test_an_odd_answer_in_the_middle(hurried, body, use):
    def say(data):
        return HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(data) + data

    answers = iter([say(INFO)])
    server = HostileServer(lambda: iter((next(answers, say(body)),)))
    client = connect(ElasticServer(url=server.url))
    with pytest.raises(Complaint):
        use(client)
    client.close()
    server.stop()
