"""Deliver by SFTP: one file that grows. After a break it goes on at the last byte that the server confirmed."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from scout.console import WRONG_USE, Complaint
from scout.delivering import sftp_session as sftp
from scout.delivering.carrier import LineBroken, PartPlace, ServerRefused
from scout.delivering.tls import shown

PART = 4 << 20
_QUIET = ("BatchMode=yes", "ConnectTimeout=20", "ServerAliveInterval=15", "ServerAliveCountMax=4", "StrictHostKeyChecking=yes")
_ALONE = ("ControlMaster=no", "ControlPath=none", "ClearAllForwardings=yes", "PermitLocalCommand=no", "UpdateHostKeys=no")


class SftpCarrier:
    """One file on an SSH server. `url`: sftp://user@host:port/folder; `/~/folder` is below the home.

    known_hosts  file with the server's key, instead of the host's own
    pin          SHA-256 fingerprint of the server's key, as ssh-keygen -l prints it
    key          file of the private key that logs in
    """

    part_size = PART
    least = 64 << 10

    def __init__(self, url: str, known_hosts: Path | None = None, pin: str = "", key: Path | None = None) -> None:
        try:
            parts = urlsplit(url)
            self._port = parts.port or 22
        except ValueError as e:
            raise Complaint(f"--to: {shown(url)} is not an address: {e}.", "Write sftp://user@host/folder.", WRONG_USE) from None
        self._host = parts.hostname or ""
        if not self._host or self._host.startswith("-") or parts.query:
            raise Complaint(f"--to: {shown(url)} is not an address.", "Write sftp://user@host/folder.", WRONG_USE)
        if parts.password:
            what = "--to: ssh takes no password from the address."
            raise Complaint(what, "Give a private key with --ssh-key FILE, or use an ssh agent.", WRONG_USE)
        self.where = shown(url)
        folder = unquote(parts.path).rstrip("/")
        self._folder = folder[3:] or "." if folder == "/~" or folder.startswith("/~/") else folder or "/"
        self._user = unquote(parts.username or "")
        self._known, self._pin, self._key = known_hosts, pin, key
        self._line = ""
        self._name = ""
        self._session: sftp.SftpSession | None = None
        self._handle = b""

    def begin(self, name: str, marker: bytes) -> None:  # noqa: ARG002  (the file itself is the marker)
        """Create the archive's file, empty."""
        self._name = name
        if shutil.which("ssh") is None:
            raise ServerRefused("This host has no ssh program.", "Install OpenSSH's client, or deliver by https.")
        if self._pin and not self._line:
            self._line = self._pinned()
        session = sftp.SftpSession(self._command())
        try:
            session.shut(session.open(self._path(name), sftp.WRITE | sftp.CREATE | sftp.EXCLUSIVE))
        except sftp.SftpStatus as e:
            raise self._refused(e, "created") from e
        finally:
            session.close()

    def part(self, place: PartPlace, data: memoryview, moved: Callable[[int], None]) -> None:
        """Write at the offset; all before it was confirmed."""
        try:
            session = self._opened(place.offset)
            session.write(self._handle, place.offset, data, moved)
        except sftp.SftpStatus as e:
            raise self._refused(e, "written") from e

    def finish(self, size: int) -> None:
        """Sync and close the file; its size must be that of the archive."""
        try:
            session = self._opened(size)
            session.sync(self._handle)
            there = session.size(self._handle)
            session.shut(self._handle)
        except sftp.SftpStatus as e:
            raise self._refused(e, "closed") from e
        self._handle = b""
        if there != size:
            raise ServerRefused(f"{self.where}/{self._name} has {there:,} bytes, the archive {size:,}.", "Somebody else writes there.")

    def receipt(self, text: bytes) -> None:
        """Write the receipt beside it."""
        session = self._session or sftp.SftpSession(self._command())
        self._session = session
        try:
            handle = session.open(self._path(f"{self._name}.receipt.json"), sftp.WRITE | sftp.CREATE | sftp.TRUNCATE)
            session.write(handle, 0, memoryview(text), _ignore)
            session.shut(handle)
        except sftp.SftpStatus as e:
            raise self._refused(e, "written") from e

    def rest_name(self, name: str, place: PartPlace) -> str:
        """Return a name that says where the rest begins."""
        return f"{name}.from-{place.offset}" if place.offset else name

    def joining(self, name: str, rest: str, place: PartPlace) -> str:
        """Return how to join."""
        return f"Cut the server's file to {place.offset} bytes (truncate -s), then: cat {rest} >> {name}" if place.offset else ""

    def drop(self) -> None:
        """End the session."""
        if self._session is not None:
            self._session.close()
        self._session, self._handle = None, b""

    def _opened(self, offset: int) -> sftp.SftpSession:
        """Return a session whose file is open and has at least `offset` bytes: what was confirmed must still be there."""
        if self._session is None:
            self._session = sftp.SftpSession(self._command())
        if not self._handle:
            self._handle = self._session.open(self._path(self._name), sftp.WRITE)
            there = self._session.size(self._handle)
            if there < offset:
                raise ServerRefused(f"{self.where}/{self._name} has {there:,} bytes; {offset:,} were confirmed.", "The server lost them.")
        return self._session

    def _path(self, name: str) -> str:
        return f"{self._folder.rstrip('/')}/{name}"

    def _command(self) -> list[str]:
        options = [*_QUIET, *_ALONE]
        if self._line:
            options += [f"KnownHostsCommand=/bin/echo {self._line}", "UserKnownHostsFile=none", "GlobalKnownHostsFile=none"]
        elif self._known is not None:
            options += [f"UserKnownHostsFile={self._known}", "GlobalKnownHostsFile=none"]
        if self._key is not None:
            options.append("IdentitiesOnly=yes")
        login = ["-l", self._user] if self._user else []
        key = ["-i", str(self._key)] if self._key is not None else []
        settings = [word for option in options for word in ("-o", option)]
        return ["ssh", "-F", "none", "-T", "-p", str(self._port), *settings, *login, *key, "-s", "--", self._host, "sftp"]

    def _pinned(self) -> str:
        """Return the known_hosts line of the server's key that has the pinned fingerprint."""
        wanted = self._pin.removeprefix("SHA256:").rstrip("=")
        command = ["ssh-keyscan", "-T", "20", "-p", str(self._port), "--", self._host]
        try:
            done = subprocess.run(command, capture_output=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired) as e:
            raise LineBroken(f"ssh-keyscan: {e}") from e
        seen = []
        for line in done.stdout.decode("ascii", "replace").splitlines():
            words = line.split()
            if len(words) != 3 or line.startswith("#"):
                continue
            digest = base64.b64encode(hashlib.sha256(base64.b64decode(words[2])).digest()).decode().rstrip("=")
            if digest == wanted:
                return " ".join(words)
            seen.append(f"SHA256:{digest}")
        if not seen:
            raise LineBroken(f"{self._host} showed no key")
        raise ServerRefused(f"No key of {self._host} has the pinned fingerprint; it showed {', '.join(seen)}.", "Nothing was sent there.")

    def _refused(self, status: sftp.SftpStatus, what: str) -> ServerRefused:
        place = f"{self.where}/{self._name}"
        if status.code == sftp.NO_SUCH_FILE:
            return ServerRefused(f"{place} cannot be {what}: the folder does not exist.", "Make the folder, or look at the address.")
        if status.code == sftp.DENIED:
            return ServerRefused(f"{place} cannot be {what}: the server denies it.", "Look at the rights of the folder.")
        do = "The name may be taken." if what == "created" else "Often the server's disk is full, or a quota."
        return ServerRefused(f"{place} cannot be {what}: the server says {status}.", do)


def _ignore(_: int) -> None:
    """Count nothing: a receipt is short."""
