"""What delivery needs of SFTP version 3 (draft-ietf-secsh-filexfer-02), over the host's own `ssh` program.

The cryptography, the keys and the check of the host key are those of OpenSSH, which nearly every Linux and Windows from 10 on has: paramiko
and asyncssh would add the library `cryptography` (15 MB unpacked) to an agent of at most 25 MB. The protocol itself is six requests.
"""

from __future__ import annotations

import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from scout.delivering.carrier import PATIENCE, LineBroken, ServerRefused

_INIT, _VERSION, _OPEN, _CLOSE, _WRITE, _FSTAT = 1, 2, 3, 4, 6, 8
_STATUS, _HANDLE, _ATTRS, _EXTENDED = 101, 102, 105, 200
READ, WRITE, CREATE, TRUNCATE, EXCLUSIVE = 0x01, 0x02, 0x08, 0x10, 0x20
OK, NO_SUCH_FILE, DENIED, FAILURE, UNSUPPORTED = 0, 2, 3, 4, 8
_PIECE = 32 << 10
"""bytes of one write: every server takes packets of 34,000"""
_WINDOW = 64
"""writes without an answer"""
_LONGEST = 256 << 10
_REFUSALS = ("Permission denied", "Host key verification failed", "Could not resolve hostname", "Bad ", "REMOTE HOST IDENTIFICATION")


class SftpStatus(Exception):  # noqa: N818  (the server's word)
    """Answer of the server: code and text."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text or f"status {code}")
        self.code = code


class SftpSession:
    """One session with a server. Raises LineBroken where it ends, ServerRefused where ssh cannot log in, SftpStatus for an answer."""

    def __init__(self, command: Sequence[str]) -> None:
        flags: dict[str, Any] = {"creationflags": 0x200} if sys.platform == "win32" else {"start_new_session": True}  # Ctrl-C is ours
        try:
            self._ssh = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=1 << 17, **flags
            )
        except OSError as e:
            raise ServerRefused(f"{command[0]} cannot be run: {e.strerror}.", "Install OpenSSH's client, or deliver by https.") from e
        self._words: list[str] = []
        self._number = 0
        self._moved, self._waits = time.monotonic(), False
        self._ended = threading.Event()
        threading.Thread(target=self._listen, name="ssh's words", daemon=True).start()
        threading.Thread(target=self._watch, name="ssh's time", daemon=True).start()
        try:
            self._send(_INIT, struct.pack(">I", 3), numbered=False)
            kind, _ = self._packet()
        except (LineBroken, ServerRefused):
            self.close()
            raise
        if kind != _VERSION:
            self.close()
            raise ServerRefused("The server does not speak SFTP.", "Allow it in sshd_config: Subsystem sftp internal-sftp.")

    def open(self, path: str, flags: int) -> bytes:
        """Return the handle of a file; a new one has mode 0600."""
        kind, body = self._ask(_OPEN, _text(path.encode("utf-8", "surrogateescape")) + struct.pack(">III", flags, 0x4, 0o600))
        if kind != _HANDLE:
            raise LineBroken("the server answered with something else than a handle")
        return body[4 : 4 + int.from_bytes(body[:4], "big")]

    def size(self, handle: bytes) -> int:
        """Return the size of an open file."""
        kind, body = self._ask(_FSTAT, _text(handle))
        if kind != _ATTRS or len(body) < 12 or not int.from_bytes(body[:4], "big") & 1:
            raise LineBroken("the server does not say the size of the file")
        return int.from_bytes(body[4:12], "big")

    def write(self, handle: bytes, offset: int, data: memoryview, moved: Callable[[int], None]) -> None:
        """Write bytes at an offset; return when the server has confirmed all."""
        waiting: dict[int, int] = {}
        for at in range(0, len(data), _PIECE):
            piece = data[at : at + _PIECE]
            number = self._send(_WRITE, _text(handle) + struct.pack(">QI", offset + at, len(piece)), piece)
            waiting[number] = len(piece)
            while len(waiting) >= _WINDOW:
                self._confirmed(waiting, moved)
        while waiting:
            self._confirmed(waiting, moved)

    def sync(self, handle: bytes) -> None:
        """Write the file to the server's disk, where the server can: fsync@openssh.com (OpenSSH, PROTOCOL, 4.3)."""
        with suppress(SftpStatus):
            self._ask(_EXTENDED, _text(b"fsync@openssh.com") + _text(handle))

    def shut(self, handle: bytes) -> None:
        """Close a file."""
        self._ask(_CLOSE, _text(handle))

    def close(self) -> None:
        """End the session."""
        self._ended.set()
        for stream in (self._ssh.stdin, self._ssh.stdout):
            with suppress(OSError):
                stream.close()  # type: ignore[union-attr]
        self._ssh.kill()
        self._ssh.wait()

    def _confirmed(self, waiting: dict[int, int], moved: Callable[[int], None]) -> None:
        kind, body = self._packet()
        _raise(kind, body[4:])
        moved(waiting.pop(int.from_bytes(body[:4], "big"), 0))

    def _ask(self, kind: int, body: bytes) -> tuple[int, bytes]:
        self._send(kind, body)
        answer, text = self._packet()
        _raise(answer, text[4:])
        return answer, text[4:]

    def _send(self, kind: int, body: bytes, data: memoryview | bytes = b"", *, numbered: bool = True) -> int:
        self._number += 1
        number = struct.pack(">I", self._number) if numbered else b""
        assert self._ssh.stdin is not None
        self._moved, self._waits = time.monotonic(), True
        try:
            self._ssh.stdin.write(struct.pack(">IB", 1 + len(number) + len(body) + len(data), kind) + number + body)
            self._ssh.stdin.write(data)
            if kind != _WRITE or self._number % 8 == 0:
                self._ssh.stdin.flush()
        except (OSError, ValueError):
            raise self._lost() from None
        finally:
            self._waits = False
        return self._number

    def _packet(self) -> tuple[int, bytes]:
        assert self._ssh.stdin is not None
        assert self._ssh.stdout is not None
        try:
            self._moved, self._waits = time.monotonic(), True
            self._ssh.stdin.flush()
            head = self._ssh.stdout.read(5)
            size = int.from_bytes(head[:4], "big") - 1 if len(head) == 5 else -1
            body = self._ssh.stdout.read(size) if 0 <= size <= _LONGEST else b""
        except (OSError, ValueError):
            raise self._lost() from None
        finally:
            self._waits = False
        if len(head) < 5 or len(body) != size:
            raise self._lost()
        return head[4], body

    def _lost(self) -> LineBroken | ServerRefused:
        """Return the reason why ssh has ended, in its own last words."""
        with suppress(subprocess.TimeoutExpired):
            self._ssh.wait(2)
        time.sleep(0.05)  # its words are read by a thread
        said = [line for line in self._words if line.strip()]
        if any(line.startswith(_REFUSALS) or "Permission denied (" in line or "authentication" in line.lower() for line in said):
            return ServerRefused(f"ssh: {said[-1]}.".replace("..", "."), _login_advice(" ".join(said)))
        return LineBroken(f"ssh: {said[-1]}" if said else "the connection ended")

    def _listen(self) -> None:
        assert self._ssh.stderr is not None
        with suppress(OSError, ValueError), self._ssh.stderr as words:
            while line := words.readline(1000):
                self._words = [*self._words[-9:], line.decode("utf-8", "replace").strip()]

    def _watch(self) -> None:
        """End ssh where nothing moves for a while: a server may hold the line and do nothing."""
        while not self._ended.wait(1.0):
            if self._ssh.poll() is not None:
                return
            if self._waits and time.monotonic() - self._moved > PATIENCE:
                self._words.append(f"no answer within {PATIENCE:g} s")
                self._ssh.kill()
                return


def _raise(kind: int, body: bytes) -> None:
    """Raise SftpStatus for a status that is not OK."""
    if kind != _STATUS:
        return
    code = int.from_bytes(body[:4], "big")
    if code != OK:
        raise SftpStatus(code, body[8 : 8 + int.from_bytes(body[4:8], "big")].decode("utf-8", "replace"))


def _text(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def _login_advice(said: str) -> str:
    if "verification failed" in said or "IDENTIFICATION" in said:
        return "Give the server's key: --pin SHA256:… (ssh-keygen -lf ssh_host_ed25519_key.pub prints it), or a known_hosts file with --ca."
    if "resolve" in said:
        return "Look at the host in the address."
    return "Give a private key that may log in there: --ssh-key FILE. No password is asked for."
