"""`eye push fir` against a server that holds FIR's documented contract: its serializer's required fields, names and filter.

No FIR runs here. The rules are those of `IncidentSerializer`: `subject`, `detection`, `severity`, `category` and `confidentiality`
are required, each of the last four must be one of its own names, others are refused with 400 and a message for each field; `PATCH` takes
some fields; a list is in `results`; the filter `subject` finds a part of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.conftest import ROOT

NAMES = {
    "detection": {"CERT", "External"},
    "severity": {"1", "2", "3", "4"},
    "category": {"Compromise", "Malware"},
    "confidentiality": {"C0", "C1", "C2", "C3"},
}
TOKEN = "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b"


class Fir:
    def __init__(self):
        fir, self.incidents, self.asked = self, {}, []

        class Way(BaseHTTPRequestHandler):
            def answer(self, status, told):
                content = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def handle_one(self):
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
                fir.asked.append((self.command, self.path))
                if self.headers.get("X-Api") != f"Token {TOKEN}":
                    return self.answer(401, {"detail": "Invalid token."})
                path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
                if self.command == "GET" and path == "/api/incidents":
                    found = [i for i in fir.incidents.values() if query["subject"][0].lower() in i["subject"].lower()]
                    return self.answer(200, {"count": len(found), "next": None, "previous": None, "results": found})
                if self.command == "POST" and path == "/api/incidents":
                    wrong = {name: ["This field is required."] for name in ("subject", *NAMES) if name not in body}
                    wrong |= {
                        n: [f"Object with name={body[n]} does not exist."] for n, of in NAMES.items() if n in body and body[n] not in of
                    }
                    if wrong:
                        return self.answer(400, wrong)
                    fir.incidents[len(fir.incidents) + 1] = {**body, "id": len(fir.incidents) + 1}
                    return self.answer(201, fir.incidents[len(fir.incidents)])
                number = int(path.rpartition("/")[2]) if path.startswith("/api/incidents/") else 0
                if self.command == "PATCH" and number in fir.incidents:
                    fir.incidents[number] |= body
                    return self.answer(200, fir.incidents[number])
                return self.answer(404, {"detail": "Not found."})

            do_GET = do_POST = do_PATCH = handle_one

            def log_message(self, *_):
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Way)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


def push(case, url, *more, token=TOKEN):
    return subprocess.run(
        [sys.executable, "-m", "eye.cli", "push", "fir", str(case), "--url", url, "--name", "mairie", "--json", *more],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "ESCADRE_FIR_TOKEN": token},
    )


def test_an_incident_is_created_once_and_then_brought_up_to_date(made, records):
    fir = Fir()
    fir.incidents[1] = {"id": 1, "subject": "Escadre: mairie-2", "description": "of another case"}
    first = push(made, fir.url)
    assert first.returncode == 0 and TOKEN not in first.stdout + first.stderr, first.stderr
    told, incident = json.loads(first.stdout), fir.incidents[2]
    assert told["created"] and told["number"] == 2 and incident["subject"] == "Escadre: mairie" and incident["is_incident"] is True
    gravest = {f["escadre.severity"] for f in records if f.get("event.dataset") == "finding"}
    assert incident["severity"] == ("4" if "critical" in gravest else "3")
    lines = incident["description"].splitlines()
    cited = {i for f in records if f.get("event.dataset") == "finding" for i in f["escadre.records"]}
    addresses = {r["source.ip"] for r in records if r["escadre.id"] in cited and "source.ip" in r}
    shown = [a for a in addresses if not a.startswith(("127.", "::1", "fe80", "0.0"))]
    assert all(address in lines for address in shown) and {r["host.name"] for r in records if r["escadre.id"] in cited} <= set(lines)
    fir.incidents[2]["status"] = "Closed"
    fir.incidents[2]["description"] = "old"
    second = push(made, fir.url)
    assert second.returncode == 0 and not json.loads(second.stdout)["created"] and len(fir.incidents) == 2
    assert fir.incidents[2]["description"].splitlines() == lines and fir.incidents[2]["status"] == "Closed"
    assert fir.incidents[1]["description"] == "of another case"


def test_markup_of_evidence_is_escaped(case):
    from tests.eye.conftest import write_lines

    hostile = {
        "@timestamp": "2026-10-31T19:22:00Z",
        "event.dataset": "finding",
        "event.kind": "alert",
        "message": "<img src=x onerror=alert(1)>",
        "host.name": "<b>h</b>",
        "escadre.severity": "high",
        "escadre.id": "0" * 32,
        "escadre.records": [],
    }
    write_lines(case / "findings" / "x.jsonl.zst", [hostile])
    fir = Fir()
    assert push(case, fir.url).returncode == 0
    text = fir.incidents[1]["description"]
    assert "<" not in text and "&lt;img src=x" in text


@pytest.mark.parametrize(
    ("more", "token", "code", "words"),
    [
        (("--category", "Nothing"), TOKEN, 3, "category: Object with name=Nothing does not exist."),
        ((), "wrong", 3, "does not let us in (401)"),
        ((), "", 2, "no token for FIR"),
    ],
)
def test_what_fir_refuses_is_said_in_one_line(made, more, token, code, words):
    told = push(made, Fir().url, *more, token=token)
    assert told.returncode == code and told.stdout == "" and words in told.stderr and len(told.stderr.splitlines()) <= 3


def test_two_incidents_of_one_subject_are_not_guessed_between(made):
    fir = Fir()
    fir.incidents |= {n: {"id": n, "subject": "Escadre: mairie"} for n in (1, 2)}
    told = push(made, fir.url)
    assert told.returncode == 3 and "2 incidents" in told.stderr and all(method == "GET" for method, _ in fir.asked)
