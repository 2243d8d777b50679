"""Deliver by HTTPS PUT (RFC 9110, 9.3.4), for example to nginx's `dav_methods PUT`.

An archive that is not larger than one part is one file. A larger one is `<archive>.part0001`, `.part0002` and so on: a PUT cannot be
continued on most servers, so a part is the unit that is repeated. `cat <archive>.part*` is the archive. `<archive>.started.json` is the
test upload and says that a collection began; `<archive>.receipt.json` says that it ended.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote

from scout.console import WRONG_USE, Complaint
from scout.delivering import tls
from scout.delivering.carrier import PART, PartPlace

SIGNED = ("X-Amz-Signature=", "X-Goog-Signature=", "Signature=")


class HttpsCarrier:
    """Parts as files of a folder that takes PUT. `url`: the folder, possibly with user and password."""

    part_size = PART
    least = 1 << 20

    def __init__(self, url: str, ca: Path | None = None, pin: str = "") -> None:
        if any(mark in url for mark in SIGNED):
            what = f"--to: {tls.shown(url)} is signed for one object of known size; an archive is written while its size is unknown."
            raise Complaint(what, "Make presigned URLs of a multipart upload and give them as --to s3:FILE.", WRONG_USE)
        parts = tls.secure(url)
        self.where = tls.shown(url)
        self._folder = (parts.path or "/").rstrip("/") + "/"
        self._query = f"?{parts.query}" if parts.query else ""
        self._headers: dict[str, str] = {}
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        self._line = tls.TlsConnection(url, ca, pin)
        self._name = ""

    def begin(self, name: str, marker: bytes) -> None:
        """Write `<archive>.started.json`."""
        self._name = name
        self._put(f"{name}.started.json", marker)

    def part(self, place: PartPlace, data: memoryview, moved: Callable[[int], None]) -> None:
        """PUT one part; the only part has the archive's own name."""
        self._put(self._name if place.last and place.number == 1 else part_name(self._name, place.number), data, moved)

    def finish(self, size: int) -> None:
        """Do nothing: every part was confirmed."""

    def receipt(self, text: bytes) -> None:
        """PUT the receipt."""
        self._put(f"{self._name}.receipt.json", text)

    def rest_name(self, name: str, place: PartPlace) -> str:
        """Return the name of the next part, or the archive's where nothing was delivered."""
        return part_name(name, place.number) if place.number > 1 else name

    def joining(self, name: str, rest: str, place: PartPlace) -> str:
        """Return how to join."""
        return f"Put {rest} beside the {place.number - 1:,} parts of the server: cat {name}.part* > {name}" if place.number > 1 else ""

    def drop(self) -> None:
        """Close the connection."""
        self._line.drop()

    def _put(self, name: str, body: bytes | memoryview, moved: Callable[[int], None] | None = None) -> None:
        headers = {"Content-Type": "application/octet-stream", **self._headers}
        self._line.request("PUT", f"{self._folder}{quote(name)}{self._query}", body, headers, moved)


def part_name(name: str, number: int) -> str:
    """Return the name of a part: four digits sort as the numbers do up to 9,999 parts (156 GiB)."""
    return f"{name}.part{number:04d}"
