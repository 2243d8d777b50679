"""The archive file: written, hashed, synced to the disk."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import queue
import threading
from pathlib import Path

from scout.console import Complaint

CHUNK = 1 << 16
"""plaintext bytes of one chunk of age"""


class ArchiveFile:
    """The archive file: created, never overwritten, mode 0600; or the pipe `sink`. Hashes and counts what is written."""

    def __init__(self, path: Path, sink: int | None = None) -> None:
        self.path = path
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
            self._fd = sink if sink is not None else os.open(path, flags, 0o600)
        except FileExistsError:
            raise Complaint(f"{path} exists already.", "An archive is never overwritten: give another name or directory.") from None
        except OSError as e:
            raise Complaint(f"{path} cannot be written: {e.strerror}.", "Give a directory that exists and can be written (-o).") from e
        self.sha256 = hashlib.sha256()
        self.size = 0
        self.error: OSError | None = None
        self._waiting = io.BytesIO()
        self._header = -1
        self._due: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._syncer: threading.Thread | None = None

    def write(self, data: bytes) -> int:
        """Buffer what age writes (its header, then chunks) until `push`."""
        if self._header < 0 and len(data) == CHUNK + 16:
            self._header = self.size + self._waiting.tell()
        return self._waiting.write(data)

    @property
    def chunks(self) -> int:
        """Complete chunks of age that are in the file."""
        return max(self.size - self._header, 0) // (CHUNK + 16) if self._header >= 0 else 0

    def push(self) -> None:
        """Write the buffer to the file. Raises OSError."""
        if self.error is not None:
            raise self.error
        end = self._waiting.tell()
        self._waiting.seek(0)
        with self._waiting.getbuffer() as waiting:
            at = 0
            while at < end:
                with waiting[at:end] as rest:
                    try:
                        n = os.write(self._fd, rest)
                    except OSError as e:
                        self.error = e
                        raise
                with waiting[at : at + n] as written:
                    self.sha256.update(written)
                self.size += n
                at += n

    def flush(self) -> None:
        """Do nothing: age calls it at its end."""

    def sync_soon(self) -> None:
        """Start a sync in a thread; do not wait. An error is raised by the next `push` or `sync`."""
        if self._syncer is None:
            self._syncer = threading.Thread(target=self._sync_when_due, name="sync", daemon=True)
            self._syncer.start()
        self._due.put(True)

    def sync(self) -> None:
        """Write and sync everything before returning."""
        self.push()
        self._stop_syncer()
        self._sync()

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._fd

    def leave(self) -> None:
        """Close it here; another process writes it."""
        os.close(self._fd)
        self._fd = -1

    def close(self) -> None:
        """Close the file; allowed after an error, and twice."""
        if self._fd >= 0:
            self._stop_syncer()
            self.leave()

    def _sync_when_due(self) -> None:
        while self._due.get():
            try:
                self._sync()
            except OSError:
                return  # kept in `error`

    def _stop_syncer(self) -> None:
        if self._syncer is not None:
            self._due.put(False)
            self._syncer.join()
            self._syncer = None

    def _sync(self) -> None:
        try:
            getattr(os, "fdatasync", os.fsync)(self._fd)
        except OSError as e:
            if e.errno not in (errno.EINVAL, errno.ENOTSUP):  # a pipe or a file system without it
                self.error = e
                raise
