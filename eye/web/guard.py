"""Access control: a token for the first request, then its cookie; Host and Origin on every request; headers that isolate a page."""

from __future__ import annotations

import hmac
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CSP = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; connect-src 'self'"
HEADERS = (
    (b"content-security-policy", CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
REFUSED = (
    b'<!doctype html><html lang="en"><meta charset="utf-8"><title>The Eye</title><h1>This address needs its token</h1>'
    b"<p>Open the line that <code>eye serve</code> printed: <code>http://127.0.0.1:PORT/?token=\xe2\x80\xa6</code>."
    b" The token changes at each start.</p></html>"
)


class Guard:
    """ASGI middleware in front of everything, static files too."""

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self.app, self.token, self.cookie = app, token, f"eye_{port}"
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, move the token into the cookie, or refuse with 403."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if not self._comes_from_here(scope, headers):
            await _answer(send, 403, REFUSED)
        elif self._has_cookie(headers):
            await self.app(scope, receive, _with_headers(send))
        elif scope["path"] == "/" and self._same(parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]):
            cookie = f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"
            await _answer(send, 303, b"", [(b"location", b"/discover"), (b"set-cookie", cookie.encode())])
        else:
            await _answer(send, 403, REFUSED)

    def _comes_from_here(self, scope: Scope, headers: dict[str, str]) -> bool:
        if scope["method"] not in ("GET", "HEAD") or headers.get("host", "") not in self.hosts:
            return False
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):  # another port of this machine is of the same site
            return False
        origin = headers.get("origin")
        return origin is None or (urlsplit(origin).scheme == "http" and urlsplit(origin).netloc in self.hosts)

    def _has_cookie(self, headers: dict[str, str]) -> bool:
        jar: SimpleCookie = SimpleCookie()
        try:
            jar.load(headers.get("cookie", ""))
        except CookieError:
            return False
        return self.cookie in jar and self._same(jar[self.cookie].value)

    def _same(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode())


async def _answer(send: Send, status: int, body: bytes, more: list[tuple[bytes, bytes]] | None = None) -> None:
    headers = [
        *HEADERS,
        (b"content-type", b"text/html; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"content-length", str(len(body)).encode()),
        *(more or []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(n, v) for n, v in message["headers"] if n.lower() not in {name for name, _ in HEADERS}]
            stored = any(n.lower() == b"cache-control" for n, _ in kept)
            message = {**message, "headers": [*kept, *HEADERS, *([] if stored else [(b"cache-control", b"no-store")])]}
        await send(message)

    return wrapped
