"""Access control: a token for the first request, then a session; Host and Origin on every request; headers that isolate a page.

A browser sends a cookie to every port of its host. So each server has an address of its own in 127.0.0.0/8, where no other service is: what
the browser opens on 127.0.0.1 gets no cookie. The cookie is not the token but the id of a session, which makes no other session.
"""

from __future__ import annotations

import hmac
import secrets
from collections import deque

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SESSIONS = 16
"""sessions at a time; a further one ends the oldest"""
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
    b"<p>Open the line that <code>eye serve</code> printed: <code>http://127.\xe2\x80\xa6:PORT/?token=\xe2\x80\xa6</code>."
    b" The token changes at each start.</p></html>"
)


class Guard:
    """ASGI middleware in front of everything, static files too."""

    def __init__(self, app: ASGIApp, token: str, port: int, address: str) -> None:
        self.app, self.token, self.cookie = app, token, f"eye_{port}"
        self.hosts = {f"{name}:{port}" for name in (address, "127.0.0.1", "localhost")}
        self.origins = {f"http://{host}" for host in self.hosts}
        self._sessions: deque[str] = deque(maxlen=SESSIONS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, begin a session where the token is right, or refuse with 403."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if not self._comes_from_here(scope, headers):
            await _answer(send, 403, REFUSED)
        elif self._in_session(headers.get("cookie", "")):
            await self.app(scope, receive, _with_headers(send))
        elif scope["path"] == "/" and _same(_token(scope["query_string"]), self.token):
            self._sessions.append(secrets.token_urlsafe(24))
            cookie = f"{self.cookie}={self._sessions[-1]}; Path=/; HttpOnly; SameSite=Strict"
            await _answer(send, 303, b"", [(b"location", b"/discover"), (b"set-cookie", cookie.encode())])
        else:
            await _answer(send, 403, REFUSED)

    def _comes_from_here(self, scope: Scope, headers: dict[str, str]) -> bool:
        if scope["method"] not in ("GET", "HEAD") or headers.get("host", "") not in self.hosts:
            return False
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):  # another port of this machine is of the same site
            return False
        return headers.get("origin") in (None, *self.origins)

    def _in_session(self, cookies: str) -> bool:
        """Return whether one of the cookies is the id of a session. Other services of 127.0.0.1 may have set any text as theirs."""
        pairs = (part.strip().partition("=") for part in cookies.split(";"))
        given = [value for name, _, value in pairs if name == self.cookie]
        return any(_same(value, session) for value in given[:SESSIONS] for session in self._sessions)


def _token(query: bytes) -> str:
    return next((part[6:].decode("latin-1") for part in query.split(b"&") if part.startswith(b"token=")), "")


def _same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode())


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
