"""Limits that hold before a request is read: the number of connections, the time for a request's head, and what a broken one may cost.

Anybody on the machine can connect, also without the token. When the limit is reached, the connection that has waited longest without a
request gives way to the new one: connections that ask nothing cannot keep the analyst out.
"""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS = 64
"""open at a time; a browser uses six"""
HEAD = 5.0
"""seconds for the head of a request, counted from the connection or from the end of the request before"""
HEAD_BYTES = 192 << 10
"""bytes of the head of a request: a query has up to 50,000 characters, most of which may be three bytes in an address"""
BACKLOG = 64
"""connections that wait to be accepted, and that are accepted at a time"""


class BoundedProtocol(H11Protocol):
    """One connection."""

    since = 0.0
    """time of the loop from which the connection waits for a request"""
    _timer: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> bool:
        """Return whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()
        live = [one for one in self.connections if isinstance(one, BoundedProtocol) and not one.transport.is_closing()]
        if len(live) > CONNECTIONS:
            min((one for one in live if one.waiting), key=lambda one: one.since).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._no_timer()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Answer what was received. A request that the parser accepts in no state ends the connection, and writes no traceback."""
        try:
            super().handle_events()
        except h11.ProtocolError:
            self.transport.abort()
        if not self.waiting:
            self._no_timer()

    def on_response_complete(self) -> None:
        self._wait()
        super().on_response_complete()

    def _wait(self) -> None:
        self._no_timer()
        self.since = self.loop.time()
        self._timer = self.loop.call_later(HEAD, self.transport.abort)

    def _no_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
