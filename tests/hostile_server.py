"""A server that answers anything: raw bytes, and bytes without an end. `ANSWERS`: name → what is sent for each request."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress

Pieces = Callable[[], Iterator[bytes]]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Elastic-Product: Elasticsearch\r\n"


def once(data: bytes) -> Pieces:
    return lambda: iter((data,))


def endless(start: bytes, more: bytes) -> Pieces:
    def pieces() -> Iterator[bytes]:
        yield start
        while True:
            yield more * (65_536 // len(more) + 1)

    return pieces


def dripping(start: bytes, unit: bytes) -> Pieces:
    """One unit each 50 ms: no read ever times out."""

    def pieces() -> Iterator[bytes]:
        yield start
        while True:
            time.sleep(0.05)
            yield unit

    return pieces


def document(value: object) -> Pieces:
    body = json.dumps(value).encode()
    return once(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)


def text(body: bytes) -> Pieces:
    return once(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)


BOMB = gzip.compress(bytes(50 << 20))
BROKEN: dict[str, Pieces] = {
    "no HTTP": once(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "nothing": once(b""),
    "a status of 5,000 digits": once(b"HTTP/1.1 " + b"9" * 5000 + b" x\r\n\r\n"),
    "a line without an end": endless(b"HTTP/1.1 200 ", b"a"),
    "fields without an end": endless(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "a field without an end": endless(b"HTTP/1.1 200 OK\r\nX-A: ", b"b"),
    "continue without an end": endless(b"", b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\n"),
    "a body without an end": endless(HEAD + b"\r\n", b"["),
    "a body longer than anything": endless(HEAD + b"Content-Length: 99999999999\r\n\r\n", b"a"),
    "a length that is none": once(HEAD + b"Content-Length: -5\r\n\r\n{}"),
    "chunks without an end": endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"a" * 4096 + b"\r\n"),
    "a chunk of negative size": endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n", b"a"),
    "a chunk of odd size": once(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0x_1\r\na"),
    "trailers without an end": endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n"),
    "a bomb": once(HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB),
    "packed a thousand times": once(HEAD + b"Content-Encoding: " + b"gzip, " * 1000 + b"gzip\r\n\r\n" + zlib.compress(b"")),
    "a redirect": once(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\x1b[31m\r\nContent-Length: 0\r\n\r\n"),
    "a redirect to itself": once(b"HTTP/1.1 307 x\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"),
    "controls in a refusal": once(
        b"HTTP/1.1 400 \x1b[31mBad\r\nContent-Length: 60\r\n\r\n<Code>\x1b]8;;http://a\x07</Code><Message>\x9b31m\xe2\x80\xae</Message>......."
    ),
    "a body that drips": dripping(HEAD + b"Content-Length: 9999\r\n\r\n", b"a"),
    "a head that drips": dripping(HEAD, b"a"),
    "continue that drips": dripping(b"", b"HTTP/1.1 100 C\r\n\r\n"),
}
VALUES: tuple[object, ...] = (
    *(None, True, -1, 1e999, 10**400, "", "\ud800", "x" * 10_000, [], {}, [[]], [None], {"": None}, ["a"]),
    *({"version": []}, {"version": {"number": []}}, {"id": []}, {"id": "x" * 99}, {"results": {}}),
    *({"results": [{"id": {}, "subject": "Escadre: c"}]}, {"results": [{"subject": "Escadre: c"}]}),
    *({"successCount": "many", "errors": [1]}, {"successCount": [], "errors": {}}, {"successCount": 1, "errors": [{"error": "x"}]}),
    *({"errors": [{"type": 1, "id": None, "error": {"type": {}}}]}, {"statusCode": [], "message": {"a": "\x1b[31m"}}),
)
DOCUMENTS: dict[str, Pieces] = {
    **{f"value {n}": document(value) for n, value in enumerate(VALUES)},
    "deep": text(b"[" * 100_000),
    "deep and closed": text(b'{"a":' * 90_000 + b"1" + b"}" * 90_000),
    "an integer of a million digits": text(b'{"id": ' + b"9" * 1_000_000 + b"}"),
    "one name twice": text(b'{"id": 1, "id": [], "version": 1, "version": {"number": "8.1", "number": 1}}'),
    "no UTF-8": text(b'{"id": "\xff\xfe"}'),
    "a number that is none": text(b'{"id": NaN}'),
}
ANSWERS = BROKEN | DOCUMENTS


class HostileServer:
    """Sends `answer` for each connection, after the request's head; `url`."""

    def __init__(self, answer: Pieces, context: ssl.SSLContext | None = None) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._context, self.answer, self._ended = context, answer, False
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._socket.accept()[0],), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        with suppress(OSError), line:
            line.settimeout(30)
            if self._context is not None:
                line = self._context.wrap_socket(line, server_side=True)
            head = b""
            while b"\r\n\r\n" not in head and (piece := line.recv(65_536)):
                head += piece
            wanted = next((int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length:")), 0)
            left = wanted - len(head.partition(b"\r\n\r\n")[2])
            while left > 0 and (piece := line.recv(min(left, 1 << 20))):
                left -= len(piece)
            for piece in self.answer():
                if self._ended:
                    return
                line.sendall(piece)

    def stop(self) -> None:
        self._ended = True
        self._socket.close()
