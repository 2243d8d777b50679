"""`eye serve CASE`: the application, on the loopback interface, with an address and a token of its own for each start."""

from __future__ import annotations

import secrets
import socket
import sys
import threading
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from eye.index.store import Store
from eye.web.answers import answered
from eye.web.guard import Guard
from eye.web.limits import BACKLOG, HEAD_BYTES, BoundedProtocol
from eye.web.page import pages
from eye.web.shell import Shell
from eye.web.state import State
from scout.console import COULD_NOT, Complaint, Screen

STATIC = Path(__file__).resolve().parent.parent / "static"
LOCAL = "127.0.0.1"
PATIENCE = 10.0
"""Seconds after which a question of the page is stopped."""


def application(shell: Shell, token: str, port: int, address: str = LOCAL) -> Guard:
    """The ASGI application of one case."""
    found = [Route(path, partial(handler, shell)) for page in pages() for path, handler in page.routes.items()]
    routes = [Route("/", shell.home), *found, Mount("/static", StaticFiles(directory=STATIC))]
    return Guard(Starlette(routes=routes, exception_handlers={Exception: shell.defect, 404: shell.missing}), token, port, address)


def warm(shell: Shell) -> None:
    """Answer the first page and compile the templates, then read what the first pattern would wait for. What fails is told on the page."""
    with suppress(Complaint, OSError):
        answered(shell, State(), shell.renew())
    for name in shell.environment.list_templates():
        shell.environment.get_template(name)
    shell.store.warm()


def serve(path: str | Path, port: int = 0, screen: Screen | None = None) -> None:
    """Serve a case until Ctrl-C; prints one line, the address with its token (`--json`: `{"url": …}`). Raises Complaint where the port is
    taken.
    """
    screen = screen or Screen()
    with ExitStack() as stack:
        try:
            sockets = [stack.enter_context(_listening(LOCAL, port))]
        except OSError as e:
            raise Complaint(
                f"port {port} on {LOCAL} cannot be had: {e.strerror or e}.", "Give another --port, or none to take a free one.", COULD_NOT
            ) from e
        number, address = (
            sockets[0].getsockname()[1],
            f"127.{secrets.randbelow(254) + 1}.{secrets.randbelow(256)}.{secrets.randbelow(254) + 1}",
        )
        try:
            sockets.append(stack.enter_context(_listening(address, number)))
        except OSError:  # macOS has only 127.0.0.1
            address = LOCAL
        store, token = Store(path, seconds=PATIENCE), secrets.token_urlsafe(24)
        stack.callback(store.close)
        shell = Shell(store, pages())
        threading.Thread(target=warm, args=(shell,), daemon=True).start()
        config = uvicorn.Config(
            application(shell, token, number, address),
            http=BoundedProtocol,
            ws="none",
            loop="asyncio",
            backlog=BACKLOG,
            h11_max_incomplete_event_size=HEAD_BYTES,
            log_level="critical",
            access_log=False,
            lifespan="off",
            server_header=False,
        )
        for one in sockets:
            one.listen(BACKLOG)
        url = f"http://{address}:{number}/?token={token}"
        screen.say(url)
        if screen.json_lines:
            screen.emit({"url": url})
        sys.stdout.flush()
        uvicorn.Server(config).run(sockets=sockets)


def _listening(address: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
    except OSError:
        made.close()
        raise
    return made
