"""Real servers for deliveries: nginx with TLS, OpenSSH's sftp, an S3 server, and a line between that breaks."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.conftest import PATIENCE, free_port, need

PARTS = 12


@dataclass
class Server:
    """A server: its address, the options that trust it, and what it holds."""

    port: int
    url: Callable[[int], list[str]]
    """port → options of the collection"""
    holds: Callable[[], dict[str, bytes]]
    """name of the archive, or of a part → bytes"""
    extra: dict[str, object] = field(default_factory=dict)


def wait_for(port: int, process: subprocess.Popen, log: Path) -> None:
    """Wait until a server listens; its log tells why it does not."""
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), 1)):
            return
        time.sleep(0.05)
    pytest.fail(f"{process.args[0]} does not listen: {log.read_text()[-500:]}", pytrace=False)


def certificate(folder: Path, *, begins: timedelta = timedelta(days=-1), ends: timedelta = timedelta(days=30)) -> tuple[Path, Path]:
    """Make a key and a certificate of localhost, 127.0.0.1 and ::1. Return (certificate, key)."""
    import ipaddress

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), *(x509.IPAddress(ipaddress.ip_address(a)) for a in ("127.0.0.1", "::1"))]
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(now + begins).not_valid_after(now + ends).add_extension(x509.SubjectAlternativeName(names), critical=False)
    signed = made.sign(key, hashes.SHA256())
    cert, secret = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    )
    return cert, secret


@contextmanager
def running(command: list[str], port: int, log: Path, **more: object) -> Iterator[subprocess.Popen]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **more)
        try:
            wait_for(port, process, log)
            yield process
        finally:
            process.kill()  # what it has of the tests is of no more use
            process.wait(20)


@contextmanager
def nginx(folder: Path) -> Iterator[Server]:
    """nginx with TLS that takes PUT below /in/, denies /denied/, redirects /moved/, and takes only small bodies below /small/."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    need(program, "nginx")
    cert, key = certificate(folder)
    there = folder / "in"
    for place in (there, folder / "small", folder / "tmp"):
        place.mkdir()
        place.chmod(0o777)
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    take = "dav_methods PUT; create_full_put_path on;"
    config = folder / "nginx.conf"
    config.write_text(f"""
{user} daemon off; master_process off; pid {folder}/pid; error_log stderr; events {{ }}
http {{ access_log off; client_body_temp_path {folder}/tmp; proxy_temp_path {folder}/tmp; fastcgi_temp_path {folder}/tmp;
  uwsgi_temp_path {folder}/tmp; scgi_temp_path {folder}/tmp;
  server {{ listen 127.0.0.1:{port} ssl; {f"listen [::1]:{port} ssl;" if has_ipv6() else ""}
    ssl_certificate {cert}; ssl_certificate_key {key}; client_max_body_size 20m;
    location /in/ {{ root {folder}; {take} }}
    location /small/ {{ root {folder}; client_max_body_size 1k; {take} }}
    location /denied/ {{ deny all; }}
    location /moved/ {{ return 307 https://elsewhere.example/in/; }}
    location /static/ {{ root {folder}; }} }} }}
""")
    with running([program, "-p", str(folder), "-c", str(config)], port, folder / "log"):
        yield Server(
            port,
            lambda to: ["--to", f"https://localhost:{to}/in/", "--ca", str(cert)],
            lambda: {path.name: path.read_bytes() for path in sorted(there.iterdir())},
            {"cert": cert, "small": folder / "small"},
        )


def has_ipv6() -> bool:
    try:
        with closing(socket.socket(socket.AF_INET6)) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True


@contextmanager
def sshd(folder: Path, there: Path | None = None) -> Iterator[Server]:
    """OpenSSH's server with its own configuration, one key of its own and one that may log in."""
    program = shutil.which("sshd", path="/usr/sbin:/usr/bin")
    need(program, "sshd (openssh-server)")
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    there = there or folder / "in"
    there.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # privilege separation of a server that runs as root
    port = free_port()
    config = folder / "sshd_config"
    config.write_text(f"""
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
PidFile {folder}/pid
AuthorizedKeysFile {folder}/user.pub
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
UsePAM no
Subsystem sftp internal-sftp
""")
    pin = subprocess.run(["ssh-keygen", "-lf", str(folder / "host.pub")], check=True, capture_output=True, text=True).stdout.split()[1]
    who = subprocess.run(["id", "-un"], check=True, capture_output=True, text=True).stdout.strip()

    def options(to: int) -> list[str]:
        return ["--to", f"sftp://{who}@127.0.0.1:{to}{there}", "--pin", pin, "--ssh-key", str(folder / "user")]

    with running([program, "-D", "-e", "-f", str(config)], port, folder / "log"):
        yield Server(
            port,
            options,
            lambda: {path.name: path.read_bytes() for path in sorted(there.iterdir())},
            {"pin": pin, "key": folder / "user", "other": folder / "host", "folder": there},
        )


def gateway() -> str | None:
    """Return versitygw (Apache-2.0), an S3 server over a folder: installed, or made by `.ci/run` where Go is at hand."""
    return shutil.which("versitygw") or shutil.which("versitygw", path=os.environ.get("ESCADRE_S3", ""))


@contextmanager
def s3(folder: Path) -> Iterator[Server]:
    program = gateway()
    if program is None:  # no part of CI: it must be built with Go from a network that may be away
        pytest.skip("needs versitygw, an S3 server that .ci/run builds with Go")
    cert, key = certificate(folder)
    data = folder / "data"
    (data / "cases").mkdir(parents=True)
    port = free_port()
    (folder / "meta").mkdir()
    trust = ["--cert", str(cert), "--key", str(key)]
    command = [program, "--port", f"127.0.0.1:{port}", *trust, "--quiet", "posix", "--sidecar", str(folder / "meta"), str(data)]
    environment = {**os.environ, "ROOT_ACCESS_KEY": "tester", "ROOT_SECRET_KEY": "secret-of-the-test"}
    with running(command, port, folder / "log", env=environment):

        def options(to: int) -> list[str]:
            path = folder / f"grant{to}.json"
            path.write_text(json.dumps(grant(port, to, cert)))
            return ["--to", f"s3:{path}", "--ca", str(cert)]

        def holds() -> dict[str, bytes]:
            return {path.name: path.read_bytes() for path in sorted((data / "cases").iterdir()) if path.is_file()}

        yield Server(port, options, holds, {"cert": cert})


def grant(port: int, to: int, cert: Path, *, seconds: int = 600, past: int = 0) -> dict[str, object]:
    """Start a multipart upload and sign its URLs, as the analyst's machine does. `to`: the port that the host uses."""
    context = ssl.create_default_context(cafile=str(cert))
    begin = presigned("POST", port, port, "host.age", "uploads=", seconds=600)
    with urllib.request.urlopen(urllib.request.Request(begin, method="POST"), context=context) as answer:
        upload = answer.read().decode().partition("<UploadId>")[2].partition("<")[0]
    assert upload
    sign = {"seconds": seconds, "past": past}
    return {
        "parts": [presigned("PUT", port, to, "host.age", f"partNumber={n}&uploadId={quote(upload)}", **sign) for n in range(1, PARTS + 1)],
        "complete": presigned("POST", port, to, "host.age", f"uploadId={quote(upload)}", **sign),
        "receipt": presigned("PUT", port, to, "host.age.receipt.json", "", **sign),
        "part_size": 5 << 20,
    }


def presigned(method: str, port: int, to: int, key: str, query: str, *, seconds: int = 600, past: int = 0) -> str:
    """Return a URL signed by AWS Signature Version 4, query parameters. Source: Amazon S3 API reference, sigv4-query-string-auth."""
    now = datetime.now(UTC) - timedelta(seconds=past)
    day, stamp, scope = f"{now:%Y%m%d}", f"{now:%Y%m%dT%H%M%SZ}", f"{now:%Y%m%d}/us-east-1/s3/aws4_request"
    pairs = dict(pair.split("=", 1) for pair in query.split("&") if pair) | {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": quote(f"tester/{scope}", safe=""),
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(seconds),
        "X-Amz-SignedHeaders": "host",
    }
    canonical = "&".join(f"{name}={pairs[name]}" for name in sorted(pairs))
    request = "\n".join([method, f"/cases/{key}", canonical, f"host:localhost:{to}\n", "host", "UNSIGNED-PAYLOAD"])
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
    secret = b"AWS4secret-of-the-test"
    for word in (day, "us-east-1", "s3", "aws4_request"):
        secret = hmac.digest(secret, word.encode(), "sha256")
    return f"https://localhost:{to}/cases/{key}?{canonical}&X-Amz-Signature={hmac.digest(secret, text.encode(), 'sha256').hex()}"


class BrokenLine:
    """A line to a server. `cut`: bytes to the server after which the connection is reset, again and again; `most`: then it is dead.

    `hold`: bytes after which nothing moves until `go_on` is set.
    """

    def __init__(self, port: int, cut: int = 0, most: int = 0, hold: int = 0) -> None:
        self._to, self._cut, self._most, self._hold = port, cut, most, hold
        self.go_on = threading.Event()
        self.passed = self.cuts = self._since = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        with closing(client), suppress(OSError):
            if self._most and self.passed >= self._most:
                return
            with closing(socket.create_connection(("127.0.0.1", self._to))) as server:
                threading.Thread(target=self._back, args=(server, client), daemon=True).start()
                while piece := client.recv(1 << 16):
                    with self._lock:
                        self.passed += len(piece)
                        self._since += len(piece)
                        ends = (self._cut and self._since > self._cut) or (self._most and self.passed > self._most)
                        if ends:
                            self.cuts, self._since = self.cuts + 1, 0
                    if self._hold and self.passed > self._hold:
                        self.go_on.wait()
                    if ends:
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # closed by a reset
                        return
                    server.sendall(piece)

    @staticmethod
    def _back(server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while piece := server.recv(1 << 16):
                client.sendall(piece)
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)


class OddServer:
    """An HTTPS server that answers as `answer(path, number of the request)` says: a status, or None to keep the body and say 201."""

    def __init__(self, folder: Path, answer: Callable[[str, int], int | None], **validity: timedelta) -> None:
        self.cert, key = certificate(folder, **validity)
        self.got: dict[str, bytes] = {}
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                name = urlsplit(self.path).path.rsplit("/", 1)[1]
                outer.asked.append(name)
                status = answer(name, len(outer.asked))
                if status is None:
                    outer.got[name] = body
                self.send_response(status or 201)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.options = ["--to", f"https://127.0.0.1:{self._server.server_port}/in", "--ca", str(self.cert)]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
