"""A real way to the real server that fails on purpose: real sockets, and a count of what really happened.

Faults of bulk requests: an answer of 429 or 503 in place of the server's; `items`, a fifth of the documents answered 429 and the rest
passed on; `reset`, the connection reset after the server has written and answered; `cut`, closed before the server has seen anything;
`refuse`, a refusal of each document; `hang`, no answer for longer than a client waits, after the server has written; `empty`, 200 with
`errors: true` and no result. `happened` counts them, and the documents of bulk requests (`_bulk`) and of questions for digests (`_mget`).
"""

from __future__ import annotations

import json
import random
import socket
import ssl
import struct
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FaultProxy:
    def __init__(self, upstream: str, certificate=None, key=None) -> None:
        self.upstream, self.happened, self.lock = upstream, Counter(), threading.Lock()
        self.faults: list[object] = []
        """of the next bulk requests, in their order"""
        self.shares: dict[object, float] = {}
        """after these: fault → share of the bulk requests"""
        self.renamed = (b"", b"")
        self.hang = 3.0
        self.denied = ""
        """part of a path that the account may not ask"""
        self.chance = random.Random(11)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Way", (_Way,), {"proxy": self}))
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.server.server_port}"

    def next_fault(self):
        with self.lock:
            if self.faults:
                return self.faults.pop(0)
            drawn = self.chance.random()
            for fault, share in self.shares.items():
                if drawn < share:
                    return fault
                drawn -= share
        return None

    def note(self, what, n=1) -> None:
        with self.lock:
            self.happened[what] += n

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Way(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: FaultProxy

    def forward(self):
        proxy = self.proxy
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if proxy.renamed[0] and "_component_template" in self.path:
            body = body.replace(*proxy.renamed)
        if proxy.denied and proxy.denied in self.path:
            return self.answer(403, b'{"error": {"type": "security_exception", "reason": "unauthorized"}, "status": 403}')
        asked = self.path.partition("?")[0].rpartition("/")[2]
        documents = body.rstrip(b"\n").count(b"\n") // 2 + 1 if asked == "_bulk" else 0
        proxy.note(asked, len(json.loads(body)["ids"]) if asked == "_mget" else documents)
        fault = proxy.next_fault() if asked == "_bulk" else None
        if isinstance(fault, int):
            proxy.note(fault)
            return self.answer(fault, b'{"error": {"type": "es_rejected_execution_exception", "reason": "busy"}, "status": %d}' % fault)
        if fault == "empty":
            proxy.note(fault)
            return self.answer(200, b'{"errors": true}')
        if fault == "cut":
            proxy.note(fault)
            return self.reset()
        if fault == "refuse":
            proxy.note(fault)
            refused = {"create": {"status": 400, "error": {"type": "strict_dynamic_mapping_exception", "reason": "not allowed"}}}
            return self.answer(200, json.dumps({"errors": True, "items": [refused] * (body.count(b"\n") // 2)}).encode())
        if fault == "items":
            return self.some(body)
        status, content, kind = self.ask(body)
        if fault in ("reset", "hang"):
            assert status == 200, content
            proxy.note(fault)
            if fault == "hang":
                time.sleep(proxy.hang)
            return self.reset()
        return self.answer(status, content, kind)

    def some(self, body):
        """A fifth of the documents is answered 429 and never reaches the server."""
        lines = body.rstrip(b"\n").split(b"\n")
        pairs = list(zip(lines[::2], lines[1::2], strict=True))
        left = {n for n in range(len(pairs)) if self.proxy.chance.random() < 0.2}
        kept = [pair for n, pair in enumerate(pairs) if n not in left]
        self.proxy.note(429, len(left))
        results = []
        if kept:
            _, content, _ = self.ask(b"\n".join(line for pair in kept for line in pair) + b"\n")
            results = json.loads(content)["items"]
        busy = {"create": {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": "busy"}}}
        merged = [busy if n in left else results.pop(0) for n in range(len(pairs))]
        return self.answer(200, json.dumps({"errors": bool(left), "items": merged}).encode())

    def ask(self, body):
        kept = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection", "content-length", "accept-encoding")}
        asked = urllib.request.Request(self.proxy.upstream + self.path, body or None, kept, method=self.command)
        try:
            with urllib.request.urlopen(asked) as got:
                return got.status, got.read(), got.headers.get("Content-Type", "")
        except urllib.error.HTTPError as e:
            return e.code, e.read(), e.headers.get("Content-Type", "")

    def reset(self):
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def answer(self, status, content, kind="application/vnd.elasticsearch+json;compatible-with=8"):
        self.send_response(status)
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content if self.command != "HEAD" else b"")

    def finish(self):
        try:
            super().finish()
        except (OSError, ValueError):
            self.proxy.note("closed")

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = forward

    def log_message(self, *_):
        return None
