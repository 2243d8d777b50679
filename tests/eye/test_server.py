"""What a program on the same machine can do to the page without the token: connections, odd requests, cookies of other services."""

from __future__ import annotations

import http.client
import http.cookiejar
import os
import socket
import urllib.request
from contextlib import closing, suppress

import pytest

from eye.web.limits import CONNECTIONS
from tests.conftest import PATIENCE
from tests.eye.conftest import Served, write_lines

MANY = 1100


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    case = tmp_path_factory.mktemp("server") / "case"
    write_lines(case / "records" / "x" / "c.jsonl.zst", [{"@timestamp": None, "escadre.id": "1", "user.name": "agnes", "message": "hello"}])
    (case / "case.json").write_text("{}")
    one = Served(case)
    yield one
    one.process.terminate()
    _, said = one.process.communicate(timeout=PATIENCE)
    assert len(said) < 2000, said[:2000]


def port(server: Served) -> int:
    return int(server.base.rpartition(":")[2])


def get(server: Served, path: str, **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port(server), timeout=60)) as connection:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def session(server: Served) -> str:
    status, headers, _ = get(server, "/?token=" + server.token)
    assert status == 303
    return headers["set-cookie"].split(";")[0]


def sent(server: Served, data: bytes) -> bytes:
    """What comes back on a connection of its own, which the server may cut off at any moment."""
    got = b""
    with closing(socket.create_connection(("127.0.0.1", port(server)), timeout=60)) as connection:
        with suppress(OSError):
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while chunk := connection.recv(65536):
                got += chunk
    return got


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "])
def test_connections_that_ask_nothing_keep_nobody_out(server, begun):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard < 0 else min(hard, 8192), hard))
    idle = []
    try:
        good = session(server)
        for _ in range(MANY):
            idle.append(socket.create_connection(("127.0.0.1", port(server)), timeout=60))
            if begun:
                idle[-1].sendall(begun)
        status, _, body = get(server, "/discover?q=hello", Cookie=good)
        assert status == 200 and b"agnes" in body
        if os.path.isdir("/proc"):
            assert len(os.listdir(f"/proc/{server.process.pid}/fd")) < CONNECTIONS + 100
    finally:
        for connection in idle:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_head_that_never_ends_is_cut_off(server):
    with closing(socket.create_connection(("127.0.0.1", port(server)), timeout=60)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        try:
            assert connection.recv(100) == b""
        except ConnectionResetError:
            pass


@pytest.mark.parametrize(
    "data",
    [
        b"\0\xff" * 100,
        b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /" + b"a" * 300_000,
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nshort",
        b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\nHost: [\r\nOrigin: http://[\r\n\r\n",
        b"GET /%ff%00?token=%ff&&=;\xc3 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_an_odd_request_is_refused_or_cut_off_and_the_server_goes_on(server, data):
    got = sent(server, data)
    assert got == b"" or got.split(b" ")[1] in (b"400", b"403", b"100"), got[:200]
    assert b"Traceback" not in got
    assert get(server, "/discover", Cookie=session(server))[0] == 200


@pytest.mark.parametrize(
    "origin", ["http://[", "null", "", "http://127.0.0.1:1", "http://127.0.0.1:99999999", "http://\xff", "//", "file://"]
)
def test_an_odd_origin_is_refused_with_the_headers_that_isolate(server, origin):
    status, headers, _ = get(server, "/discover", Cookie=session(server), Origin=origin)
    assert status == 403
    assert "default-src" in headers["content-security-policy"] and headers["x-frame-options"] == "DENY"


def test_the_cookie_is_no_token_and_cookies_of_others_do_no_harm(server):
    good = session(server)
    value = good.partition("=")[2]
    assert value != server.token and server.token not in good
    assert get(server, "/?token=" + value)[0] == 403, "a session cannot make another one"
    assert get(server, "/discover", Cookie=f"{good.partition('=')[0]}={server.token}")[0] == 403
    other = 'a[b]=1; =; \\; x="; é=1; ' + good + "; " + good.partition("=")[0] + "=wrong; z"
    assert get(server, "/discover", Cookie=other.encode().decode("latin-1"))[0] == 200
    assert session(server) != good


def test_a_browser_sends_the_cookie_to_this_server_alone(server):
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar), urllib.request.ProxyHandler({}))
    with browser.open(server.line.strip(), timeout=60) as page:
        assert page.status == 200
    if server.base.startswith("http://127.0.0.1:"):
        pytest.skip("this system has one loopback address")
    for other in (f"http://127.0.0.1:{port(server)}/", "http://127.0.0.1:9/", "http://localhost/"):
        asked = urllib.request.Request(other)
        jar.add_cookie_header(asked)
        assert not asked.has_header("Cookie"), other
    asked = urllib.request.Request(server.base + "/discover")
    jar.add_cookie_header(asked)
    assert asked.has_header("Cookie")


@pytest.mark.parametrize(
    "query", ["%5Cud800", "%ED%A0%80", "*a%3F%3F%3F%3F%3F%3F", "%00", "%FF", "%22", "a~9999999999", "x%3A%2F%28%2F", "%5C"]
)
def test_an_odd_query_is_answered_or_refused_with_its_place(server, query):
    good = session(server)
    for path in (f"/discover?q={query}", f"/discover?q=hello&f={query}", f"/discover?facet={query}", f"/findings?q={query}"):
        status, headers, body = get(server, path, Cookie=good)
        assert status in (200, 400), (path, body[:3000])
        assert "default-src" in headers["content-security-policy"]
