"""Backups, encrypted to the run key and to the recipients of the plan, streamed, and read back before anything is changed.

Format: age (age-encryption.org/v1), one file per object, named by run and number. The run key is beside the journal, mode 0600, until
`hunter close`.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import pyrage

from hunter.objects import State
from hunter.private import OPEN, sync_folder, write_private
from hunter.unsafe import UnsafeError
from scout.console import Complaint
from scout.keys import load_identities

OVERHEAD = 4096
"""most bytes that encryption adds to a small file; a large one grows by 16 bytes per 64 KiB"""


class BackupSource(Protocol):
    """What is read to its end, piece by piece."""

    def read(self, n: int = -1, /) -> bytes:
        """Return the next bytes, at most `n`; b'' at the end."""


class _Tee:
    """Pass bytes through, hash and count them."""

    def __init__(self, stream: BinaryIO | None, source: BackupSource | None = None) -> None:
        self.stream, self.source, self.digest, self.size = stream, source or stream, hashlib.sha256(), 0

    def read(self, n: int = -1) -> bytes:
        assert self.source is not None
        data = self.source.read(n)
        self.digest.update(data)
        self.size += len(data)
        return data

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size += len(data)
        if self.stream is not None:
            self.stream.write(data)
        return len(data)

    def flush(self) -> None:
        if self.stream is not None:
            self.stream.flush()


class _Holes:
    """Write bytes to a file, and seek over blocks of zeros."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream

    def write(self, data: Any) -> int:
        if data != bytes(len(data)):
            self.stream.write(data)
        else:
            self.stream.seek(len(data), io.SEEK_CUR)
        return len(data)

    def flush(self) -> None:
        self.stream.flush()


class Vault:
    """The backup folder of one plan."""

    def __init__(self, folder: Path, run_key: Path) -> None:
        self.folder, self.run_key = folder, run_key

    def prepare(self) -> str:
        """Make the folder and the run key, return the key's recipient. A key that a kill left incomplete is replaced."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        try:
            load_identities(self.run_key)
        except Complaint:
            self.run_key.unlink(missing_ok=True)
            identity = pyrage.x25519.Identity.generate()
            write_private(self.run_key, f"# run key of {self.folder.name}: deleted by hunter close\n{identity}\n".encode())
        sync_folder(self.folder.parent)
        return str(load_identities(self.run_key)[0].to_public())

    def files(self) -> set[str]:
        """Return the names of the backups that are there. OSError where the folder cannot be read."""
        return {path.name for path in self.folder.iterdir() if path.suffix == ".age"} if self.folder.is_dir() else set()

    def secret(self) -> bytes:
        """Return the bytes of the run key, b'' where there is no usable one."""
        try:
            load_identities(self.run_key)
            return self.run_key.read_bytes()
        except (Complaint, OSError):
            return b""

    def keep(self, source: BinaryIO, state: State, name: str, recipients: Sequence[Any]) -> dict[str, Any]:
        """Encrypt the content of an object into `name`, return the journal line. UnsafeError where its bytes are not those of `state`."""
        kept = self.store(source, name, recipients)
        if kept["sha256"] != state["sha256"]:
            raise UnsafeError("it changed while it was backed up")
        return {**kept, "size": state["size"]}

    def store(self, source: BackupSource, name: str, recipients: Sequence[Any]) -> dict[str, Any]:
        """Encrypt a stream into `name`, synced; return the file, its hashes and the size of what was read."""
        target = self.folder / name
        target.unlink(missing_ok=True)
        reader = _Tee(None, source)
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | OPEN, 0o600)
        with os.fdopen(fd, "wb") as sink:
            writer = _Tee(sink)
            try:
                pyrage.encrypt_io(reader, writer, list(recipients))
            except pyrage.EncryptError as e:
                raise OSError(errno.EIO, str(e), str(target)) from e
            sink.flush()
            os.fsync(fd)
        return {"file": name, "sha256": reader.digest.hexdigest(), "size": reader.size, "sealed_sha256": writer.digest.hexdigest()}

    def check(self, kept: dict[str, Any], keys: Sequence[Any]) -> None:
        """Complaint where a backup is missing, does not open, or has other content than the journal says."""
        sink = _Tee(None)
        self._open(kept, keys, sink)

    def copy(self, kept: dict[str, Any], keys: Sequence[Any], stream: BinaryIO) -> None:
        """Write the backup into `stream`, an empty file. Runs of zeros become holes, so that a sparse file does not fill the disk."""
        self._open(kept, keys, _Tee(cast("BinaryIO", _Holes(stream))))
        stream.truncate(stream.tell())

    def bytes(self, kept: dict[str, Any], keys: Sequence[Any]) -> bytes:
        """Return the bytes of the backup of a small file."""
        stream = io.BytesIO()
        self._open(kept, keys, _Tee(stream))
        return stream.getvalue()

    def _open(self, kept: dict[str, Any], keys: Sequence[Any], sink: _Tee) -> None:
        path = self.folder / str(kept["file"])
        try:
            with path.open("rb") as source:
                reader = _Tee(source)
                pyrage.decrypt_io(reader, sink, list(keys))
        except OSError as e:
            do = "Put the backup folder back beside the journal. Nothing more was changed."
            raise Complaint(f"The backup {path} cannot be read: {e.strerror or e}.", do) from e
        except pyrage.DecryptError as e:
            do = "Give the key of one of the plan's recipients with -i, or put the untouched backup back."
            raise Complaint(f"The backup {path} does not open: {e}.", do) from e
        if sink.digest.hexdigest() != kept["sha256"]:
            do = "Put the untouched backup back. Nothing more was changed."
            raise Complaint(f"The backup {path} holds other bytes than the journal says.", do)
