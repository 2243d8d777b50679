"""Deliver to S3 by a multipart upload through presigned URLs: no credential is on the host.

The analyst's machine starts the upload, signs one URL for each part, one for its completion (and one for the receipt), and gives them in
one JSON file: `{"parts": ["https://…", …], "complete": "https://…", "receipt": "https://…", "part_size": 16777216}`.
Source: Amazon S3 API, UploadPart and CompleteMultipartUpload. A part that is sent again replaces itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from scout.console import WRONG_USE, Complaint
from scout.delivering import tls
from scout.delivering.carrier import PART, LineBroken, PartPlace, ServerRefused
from scout.formats.json_text import parsed

_LEAST, _MOST = 5 << 20, 64 << 20
"""bytes of a part: S3's own minimum, and what fits into memory"""
_PARTS = 10_000
_FILE = 64 << 20


class S3Carrier:
    """Parts of one multipart upload. `grant`: the file of presigned URLs, `-` for standard input."""

    def __init__(self, grant: str, ca: Path | None = None, pin: str = "") -> None:
        document = _grant(grant)
        self._parts: list[str] = document["parts"]
        self._complete: str = document["complete"]
        self._receipt: str = document.get("receipt", "")
        self.part_size: int = document.get("part_size", PART)
        self.least = _LEAST
        self._lines: dict[str, tls.TlsConnection] = {}
        for url in (*self._parts, self._complete, *([self._receipt] if self._receipt else [])):
            host = tls.secure(url).netloc
            if host not in self._lines:
                self._lines[host] = tls.TlsConnection(url, ca, pin)
        self.where = tls.shown(self._complete)
        self._tags: dict[int, str] = {}
        self._asked = False

    def begin(self, name: str, marker: bytes) -> None:  # noqa: ARG002  (the URLs name the object)
        """Upload the marker as part 1, which the first part of the archive replaces."""
        self._send("PUT", self._parts[0], marker)

    def part(self, place: PartPlace, data: memoryview, moved: Callable[[int], None]) -> None:
        """Upload one part."""
        number = place.number
        if number > len(self._parts):
            what = f"The archive is larger than {len(self._parts):,} parts of {self.part_size >> 20} MiB: there are no more presigned URLs."
            raise ServerRefused(what, "Sign more parts for the next collection.")
        answer = self._send("PUT", self._parts[number - 1], data, moved)
        tag = answer.headers.get("etag", "")
        if not tag:
            raise ServerRefused(f"{self.where}: the server gave no ETag for part {number}.", "It is no S3 server, or a proxy drops it.")
        self._tags[number] = tag

    def finish(self, size: int) -> None:  # noqa: ARG002  (the protocol's)
        """Complete the upload. The answer 200 may still hold an error; after a broken line the upload may be complete already."""
        again, self._asked = self._asked, True
        try:
            answer = self._send("POST", self._complete, self.completion())
        except ServerRefused as e:
            if again and "NoSuchUpload" in str(e):
                return
            raise
        if b"<Error>" in answer.body:
            raise LineBroken(f"{self.where} did not complete the upload: {answer.body[:300].decode('utf-8', 'replace')}")

    def completion(self) -> bytes:
        """Return the document that completes the upload."""
        parts = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{escape(tag)}</ETag></Part>" for n, tag in sorted(self._tags.items()))
        return f'<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{parts}</CompleteMultipartUpload>'.encode()

    def receipt(self, text: bytes) -> None:
        """Put the receipt where the grant has a URL for it."""
        if self._receipt:
            self._send("PUT", self._receipt, text)

    def rest_name(self, name: str, place: PartPlace) -> str:
        """Return the name of the rest."""
        return f"{name}.part{place.number:04d}" if place.number > 1 else name

    def joining(self, name: str, rest: str, place: PartPlace) -> str:  # noqa: ARG002  (the object has another name)
        """Return how to go on: the multipart upload is still open."""
        if place.number == 1:
            return ""
        there = f"The upload is open: parts 1 to {place.number - 1:,} are there."
        if not rest:
            return f"{there} That is all: complete it (aws s3api list-parts, complete-multipart-upload)."
        return f"{there} Upload {rest} as the last part and complete it (aws s3api list-parts, upload-part, complete-multipart-upload)."

    def drop(self) -> None:
        """Close the connections."""
        for line in self._lines.values():
            line.drop()

    def _send(self, method: str, url: str, body: bytes | memoryview, moved: Callable[[int], None] | None = None) -> tls.HttpAnswer:
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return self._lines[parts.netloc].request(method, target, body, {}, moved)


def _grant(place: str) -> dict[str, Any]:
    """Return the document of presigned URLs, checked. Complaint for anything else."""
    do = 'It is {"parts": ["https://…", …], "complete": "https://…"}; the guide shows how to make it.'
    try:
        raw = sys.stdin.buffer.read(_FILE) if place == "-" else _bounded(Path(place))
        document = parsed(raw)
    except OSError as e:
        raise Complaint(f"--to: the presigned URLs in {place} cannot be read: {e.strerror}.", do, WRONG_USE) from e
    except ValueError as e:
        raise Complaint(f"--to: {place} is not JSON: {e}.", do, WRONG_USE) from e
    if not isinstance(document, dict):
        raise Complaint(f"--to: {place} is not a JSON object.", do, WRONG_USE)
    parts, size = document.get("parts"), document.get("part_size", PART)
    texts = [*parts, document.get("complete"), document.get("receipt", "")] if isinstance(parts, list) else [None]
    if not parts or len(texts) > _PARTS + 2 or not all(isinstance(text, str) for text in texts):
        raise Complaint(f"--to: {place} must have `parts` (1 to {_PARTS:,} URLs) and `complete`.", do, WRONG_USE)
    if not isinstance(size, int) or not _LEAST <= size <= _MOST:
        raise Complaint(f"--to: part_size in {place} must be {_LEAST:,} to {_MOST:,} bytes.", do, WRONG_USE)
    return document


def _bounded(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_FILE)
