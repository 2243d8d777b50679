"""One HTTPS connection that is opened again when it breaks. Certificates are verified; redirects are never followed.

A redirect could send the archive to another host, so it is an error that names the target.
"""

from __future__ import annotations

import hashlib
import http.client
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from scout import __version__
from scout.console import WRONG_USE, Complaint
from scout.delivering.bounded_answer import BoundedAnswer
from scout.delivering.carrier import PATIENCE, LineBroken, ServerRefused

_PIECE = 64 << 10
_SHOWN = 200
"""characters of what a server wrote that a message repeats"""
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_CLOCK = (9, 10)
"""X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED. Source: openssl-verification-options(1)"""
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem")
"""where distributions keep the certificates of authorities: the agent's OpenSSL knows only the place of the system that built it"""


class HttpAnswer(NamedTuple):
    """Status, headers (lower case) and the beginning of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class TlsConnection:
    """Requests to one host. `pin`: SHA-256 of the server's certificate in hexadecimal, instead of the authorities."""

    def __init__(self, url: str, ca: Path | None = None, pin: str = "") -> None:
        self._url = secure(url)
        self.host = self._url.netloc.rpartition("@")[2]
        self._pin = pin
        self._context = _context(ca, pinned=bool(pin))
        self._open: http.client.HTTPSConnection | None = None

    def drop(self) -> None:
        """Close the connection."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def request(
        self,
        method: str,
        target: str,
        body: bytes | memoryview = b"",
        headers: Mapping[str, str] | None = None,
        moved: Callable[[int], None] | None = None,
    ) -> HttpAnswer:
        """Return the answer of success. Raises LineBroken for what may pass, ServerRefused for the rest."""
        try:
            answer = self._answer(method, target, body, headers or {}, moved)
        except ssl.SSLCertVerificationError as e:
            self.drop()
            raise self._untrusted(e) from e
        except (OSError, http.client.HTTPException) as e:
            self.drop()
            raise LineBroken(f"{self.host}: {_words(e)}") from e
        if 200 <= answer.status < 300:
            return answer
        self.drop()
        what = f"{self.host} answered {answer.status} {http.client.responses.get(answer.status, '')}".rstrip() + _detail(answer.body)
        if answer.status in _PASSING:
            raise LineBroken(what)
        raise ServerRefused(what, _advice(answer))

    def _answer(
        self, method: str, target: str, body: bytes | memoryview, headers: Mapping[str, str], moved: Callable[[int], None] | None
    ) -> HttpAnswer:
        connection = self._connected()
        whole = {"Content-Length": str(len(body)), "User-Agent": f"scout/{__version__}", **headers}
        with suppress(BrokenPipeError, ConnectionResetError):  # a refusal may arrive before everything was read
            connection.request(method, target, _pieces(memoryview(body), moved) if body else None, whole)
        got = connection.getresponse()
        answer = HttpAnswer(got.status, {key.lower(): value for key, value in got.getheaders()}, got.read(BoundedAnswer.most))
        if got.will_close or not got.isclosed():
            self.drop()
        return answer

    def _connected(self) -> http.client.HTTPSConnection:
        if self._open is None:
            host, port = self._url.hostname or "", self._url.port or 443
            proxy = None if proxy_bypass(host) else getproxies().get("https")
            if proxy:
                through = urlsplit(proxy if "//" in proxy else f"//{proxy}")
                made = http.client.HTTPSConnection(through.hostname or "", through.port or 8080, timeout=PATIENCE, context=self._context)
                made.set_tunnel(host, port)
            else:
                made = http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=self._context)
            made.response_class = BoundedAnswer
            made.connect()
            if self._pin:
                self._check_pin(made)
            self._open = made
        return self._open

    def _check_pin(self, made: http.client.HTTPSConnection) -> None:
        shown = made.sock.getpeercert(binary_form=True) or b""
        digest = hashlib.sha256(shown).hexdigest()
        if digest != self._pin:
            made.close()
            raise ServerRefused(f"The certificate of {self.host} has fingerprint {digest}, not the pinned one.", "Nothing was sent there.")

    def _untrusted(self, error: ssl.SSLCertVerificationError) -> ServerRefused:
        what = f"The certificate of {self.host} is not trusted: {error.verify_message}."
        if error.verify_code in _CLOCK:
            return ServerRefused(what, "Look at the clock of this host; --pin takes one certificate whatever the time.")
        return ServerRefused(what, "Give the certificate of its authority with --ca FILE, or the server's own fingerprint with --pin.")


def secure(url: str) -> SplitResult:
    """Return a URL in parts. Complaint where it is not https, has no host, or a port that is no number."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as e:
        raise Complaint(f"--to: {shown(url)} is not an address: {e}.", "Write https://host/folder/.", WRONG_USE) from None
    if parts.scheme != "https" or not parts.hostname or port == 0:
        raise Complaint(f"--to: {shown(url)} is not an https address.", "Write https://host/folder/.", WRONG_USE)
    return parts


def shown(url: str) -> str:
    """Return an address without user, password, and query: what follows `?` may be a signature."""
    head, mark, rest = url.partition("://")
    place = rest.partition("?")[0] if mark else head.partition("?")[0]
    host, slash, path = place.partition("/")
    return f"{head}{mark}{host.rpartition('@')[2]}{slash}{path}" if mark else place


def fingerprint(text: str) -> str:
    """Return a SHA-256 fingerprint as 64 hexadecimal digits: with or without `sha256:` and colons. Complaint for another text."""
    bare = text.strip().lower().removeprefix("sha256:").removeprefix("sha256 fingerprint=").replace(":", "")
    if len(bare) != 64 or set(bare) - set("0123456789abcdef"):
        do = "openssl x509 -in server.crt -noout -fingerprint -sha256 prints it."
        raise Complaint(f"--pin: {text!r} is not the SHA-256 of a certificate (64 hexadecimal digits).", do, WRONG_USE)
    return bare


def _context(ca: Path | None, *, pinned: bool) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(ca) if ca is not None else None)
    except (OSError, ssl.SSLError) as e:
        raise Complaint(f"--ca: {ca} holds no certificates: {_words(e)}.", "Give a PEM file.", WRONG_USE) from e
    if ca is None and not context.cert_store_stats()["x509_ca"]:
        for bundle in _BUNDLES:
            if Path(bundle).is_file():
                context.load_verify_locations(cafile=bundle)
                break
    if pinned:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # the fingerprint is compared before the first byte of a request
    return context


def _pieces(body: memoryview, moved: Callable[[int], None] | None) -> Iterator[memoryview]:
    for at in range(0, len(body), _PIECE):
        piece = body[at : at + _PIECE]
        yield piece
        if moved is not None:
            moved(len(piece))


def _advice(answer: HttpAnswer) -> str:
    if 300 <= answer.status < 400:
        where = shown(answer.headers.get("location", "nowhere"))
        return f"It redirects to {where}. Redirects are not followed: give that address if it is yours."
    if answer.status in (401, 403) and b"xpired" in answer.body:
        return "The presigned URL has expired: make new ones, valid for longer than the collection takes."
    return {
        401: "Give a user in the address (https://user:password@host/…), or one that may write there.",
        403: "Look at the rights of the address, and at the clock of the server.",
        404: "Look at the folder in the address.",
        405: "The server takes no PUT there: allow it, or give another address.",
        409: "The folder does not exist there, or the name is taken.",
        413: "The server takes smaller requests only: allow bodies of 20 MB (nginx: client_max_body_size).",
        507: "The server has no room left.",
    }.get(answer.status, "Look at the log of the server.")


def _detail(body: bytes) -> str:
    """Return code and message of an S3 error, else ''."""
    text = body.decode("utf-8", "replace")
    parts = [text.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0] for tag in ("Code", "Message")]
    return f" ({': '.join(part[:200] for part in parts if part)})" if parts[0] else ""


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {PATIENCE:g} s"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)[:_SHOWN].strip() or type(error).__name__
