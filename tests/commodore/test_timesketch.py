"""The export for Timesketch, read by Timesketch's own importer (package `timesketch-import-client`, in an environment of its own).

`ESCADRE_TIMESKETCH` names the Python of that environment (the package also needs `six`). The importer sends to a server here
that takes an upload as Timesketch does and refuses an event without `message`, `datetime` or `timestamp_desc`.
"""

from __future__ import annotations

import codecs
import email.parser
import email.policy
import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from commodore.case.export import export
from tests.eye.conftest import write_lines

BREAKS = "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\r\nh"
IMPORT = """
import sys, types, requests
from timesketch_import_client import importer
with importer.ImportStreamer() as streamer:
    api = types.SimpleNamespace(session=requests.Session(), api_root=sys.argv[1])
    streamer.set_sketch(types.SimpleNamespace(api=api, id=1))
    streamer.set_timeline_name("escadre")
    streamer.add_file(sys.argv[2])
"""


@pytest.fixture
def case(tmp_path):
    """Records with texts that break lines, deep objects, old and exact times, and one of several times."""
    records = [
        {
            "@timestamp": f"2026-10-31T19:22:{n:02d}.1184021Z",
            "event.dataset": "odd",
            "event.kind": "event",
            "event.action": "file-observed",
            "message": f"{n} {BREAKS}",
            "host.name": "h",
            "escadre.id": f"{n:032x}",
            "winlog.event_data": {"a": BREAKS, "b": {"c": ["d"]}},
            "process.pid": 2**40,
            "label": "x",
        }
        for n in range(20)
    ]
    records[3]["@timestamp"] = "1601-01-01T00:00:00.0000000Z"
    records[4] |= {"event.kind": "state", "file.created": "2020-01-01T00:00:00Z", "file.mtime": "2021-01-01T00:00:00Z"}
    records[5].pop("@timestamp")
    write_lines(tmp_path / "case" / "records" / "odd" / "c.jsonl.zst", records)
    (tmp_path / "case" / "case.json").write_text('{"schema": 2}')
    return tmp_path / "case"


def test_an_event_is_one_line_for_every_reader(case, tmp_path):
    """Python's codecs, with which the importer reads, end a line at more characters than JSON Lines does: it would lose the event."""
    (made,) = export(case, tmp_path / "out", "timesketch")
    with codecs.open(str(made.path), "r", encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    assert len(rows) == len(made.path.read_bytes().splitlines()) and made.timeless == 1
    assert all(row["message"].partition(" ")[2] == BREAKS and json.loads(row["winlog.event_data"])["a"] == BREAKS for row in rows)


class Timesketch:
    """Takes uploads of events and keeps them."""

    def __init__(self) -> None:
        events = self.events = []

        class Way(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                head = b"Content-Type: " + self.headers["Content-Type"].encode() + b"\r\n\r\n"
                parts = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body).iter_parts()
                sent = next(p for p in parts if p.get_param("name", header="content-disposition") == "events")
                new = [json.loads(line) for line in sent.get_payload(decode=True).split(b"\n") if line]
                wrong = [e for e in new if not all(e.get(k) for k in ("message", "datetime", "timestamp_desc"))]
                events.extend(new)
                content = json.dumps({"objects": [{"id": 1, "searchindex": {"index_name": "i"}}], "meta": {}}).encode()
                self.send_response(400 if wrong else 200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Way)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/api/v1"


def test_timesketchs_importer_takes_every_event_with_its_time(case, tmp_path):
    python = os.environ.get("ESCADRE_TIMESKETCH", "")
    if not (python and Path(python).exists()):
        pytest.skip("needs timesketch-import-client, in the environment that ESCADRE_TIMESKETCH names")
    (made,) = export(case, tmp_path / "out", "timesketch")
    rows = [json.loads(line) for line in made.path.read_bytes().split(b"\n") if line]
    server = Timesketch()
    done = subprocess.run([python, "-c", IMPORT, server.url, str(made.path)], capture_output=True, text=True)
    assert done.returncode == 0 and "Unable to decode" not in done.stderr, done.stderr[-2000:]
    assert len(server.events) == len(rows) == 21
    for row, event in zip(rows, server.events, strict=True):
        assert {k: v for k, v in event.items() if k != "datetime"} == {k: v for k, v in row.items() if k != "datetime"}
        assert event["datetime"][:19] == row["datetime"][:19] and event["timestamp"] == row["timestamp"]
