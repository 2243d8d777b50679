"""The way out: plaintext in, zstd frames, one age stream, one file. Nothing but ciphertext leaves the process.

Plaintext collects in a frame of 1 MiB; full frames are compressed by a small pool while the next one fills; the age thread takes them in
order, encrypts and writes. What is in flight is bounded: less than 8 MiB of input: the frame that fills, four that wait or are
compressed, the one that age reads, and what age holds back.

age's STREAM (C2SP age.md, "Payload") writes a chunk of 64 KiB only when a byte beyond it is known. To push sealed bytes out, a zstd
*skippable frame* (RFC 8878, 3.1.2) that ends 8 bytes into the next chunk is put behind them; every zstd reader passes over it. That is
done when something waits and two seconds have passed since the last time (then a thread syncs the file), and whenever more than 2 MiB of
input (very compressible) would be held back. So a seal survives SIGKILL as soon as it was written, and a power cut two to three seconds
later at most.
"""

from __future__ import annotations

import errno
import hashlib
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from scout.console import Complaint

FRAME = 1 << 20
CHUNK = 1 << 16
"""plaintext bytes of one chunk of age"""
HELD = 2 << 20
"""input that may wait in a chunk of age that is not full"""
QUIET = 2.0
"""seconds after which what waits is pushed out"""
WAITING = 4
_ZERO_PAD = 1016
"""each frame of padding zeros is followed by this many skippable bytes, so that no archive of ours expands more than 1,000-fold"""


class Seal(NamedTuple):
    """What a custody part covers, counted from the beginning: parts, items, and the chain head."""

    parts: int = 0
    items: int = 0
    head: str = ""


class _Job(NamedTuple):
    data: Future[bytes] | bytes
    size: int
    push: bool = False
    seal: Seal | None = None


class File:
    """The archive file: created, never overwritten, mode 0600; hashes and counts what was written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0), 0o600)
        except FileExistsError:
            raise Complaint(f"{path} exists already.", "An archive is never overwritten: give another name or directory.") from None
        except OSError as e:
            raise Complaint(f"{path} cannot be written: {e.strerror}.", "Give a directory that exists and can be written (-o).") from e
        self.sha256 = hashlib.sha256()
        self.size = 0
        self.error: OSError | None = None
        self._waiting = bytearray()
        self._header = -1
        self._due: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._syncer = threading.Thread(target=self._sync_when_due, name="sync", daemon=True)
        self._syncer.start()

    def write(self, data: bytes) -> int:
        """What age gives: its header, then chunks. They wait for `push`, a frame's at a time."""
        if self._header < 0 and len(data) == CHUNK + 16:
            self._header = self.size + len(self._waiting)
        self._waiting += data
        return len(data)

    @property
    def chunks(self) -> int:
        """Whole chunks of age that are in the file."""
        return max(self.size - self._header, 0) // (CHUNK + 16) if self._header >= 0 else 0

    def push(self) -> None:
        """Hand to the system what waits."""
        if self.error is not None:
            raise self.error
        view = memoryview(bytes(self._waiting))
        self._waiting.clear()
        while view:
            try:
                n = os.write(self._fd, view)
            except OSError as e:
                self.error = e
                raise
            self.sha256.update(view[:n])
            self.size += n
            view = view[n:]

    def flush(self) -> None:
        """Asked for by age at its end."""

    def sync_soon(self) -> None:
        """What is in the file reaches the disk; the caller does not wait. An error shows at the next `push` or `sync`."""
        self._due.put(True)

    def sync(self) -> None:
        """All that was written reaches the disk before this returns."""
        self.push()
        self._stop_syncer()
        self._sync()

    def _sync_when_due(self) -> None:
        while self._due.get():
            try:
                self._sync()
            except OSError:
                return  # kept in `error`

    def _stop_syncer(self) -> None:
        self._due.put(False)
        self._syncer.join()

    def _sync(self) -> None:
        try:
            getattr(os, "fdatasync", os.fsync)(self._fd)
        except OSError as e:
            if e.errno not in (errno.EINVAL, errno.ENOTSUP):  # a pipe or a file system without it
                self.error = e
                raise

    def close(self) -> None:
        """Also after an error, also twice."""
        if self._fd >= 0:
            self._stop_syncer()
            os.close(self._fd)
            self._fd = -1


class Outlet:
    """Frames, compression, encryption. One thread writes to it; `torn` is true where that thread was interrupted inside of it."""

    def __init__(self, file: File, recipients: Sequence[Any], level: int = 3) -> None:
        self.file, self._level = file, level
        workers = max(2, min(4, os.cpu_count() or 1))
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="zstd")
        self._local = threading.local()
        self._free: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
        for _ in range(WAITING + 1):
            self._free.put(bytearray(FRAME))
        self._buffer = bytearray(FRAME)
        self._view = memoryview(self._buffer)
        self._start = self._at = 0
        self._lock = threading.RLock()
        self._jobs: queue.Queue[_Job | None] = queue.Queue(WAITING)
        self._seals: deque[tuple[int, Seal]] = deque()
        self._kept = Seal()
        self._failure: BaseException | None = None
        self._pushed = time.monotonic()
        self._waits = False
        self._stop = threading.Event()
        self.torn = self._whole = False
        self.total = 0
        self._age = threading.Thread(target=self._encrypt, args=(list(recipients),), name="age", daemon=True)
        self._ticker = threading.Thread(target=self._tick, name="ticker", daemon=True)
        self._age.start()
        self._ticker.start()

    # what the writer calls

    def room(self) -> memoryview:
        """Free rest of the frame, at least one byte: fill its beginning, then `commit`."""
        return self._view[self._at :]

    def commit(self, n: int) -> None:
        """The first `n` bytes of `room()` now belong to the stream."""
        self.torn = True
        with self._lock:
            self._at += n
            self.total += n
            if self._at == FRAME:
                self._submit()
        self.torn = False
        if self._failure is not None:
            self._complain()

    def write(self, data: bytes | memoryview) -> None:
        """Copy `data` in."""
        view = memoryview(data)
        while view:
            room = self.room()
            n = min(len(room), len(view))
            room[:n] = view[:n]
            self.commit(n)
            view = view[n:]

    def zeros(self, n: int) -> None:
        """`n` zero bytes, whole frames of them from one compressed copy."""
        while n:
            if n >= FRAME and self._at == self._start:
                self.torn = True
                with self._lock:
                    self._put(_Job(self._zero_frame(), 0))
                    self.total += FRAME
                self.torn = False
                if self._failure is not None:
                    self._complain()
                n -= FRAME
                continue
            room = self.room()
            some = min(len(room), n)
            room[:some] = bytes(some)
            self.commit(some)
            n -= some
            if n >= FRAME:
                self.end_frame()

    def end_frame(self, seal: Seal | None = None) -> None:
        """Close the frame; with `seal`, its last bytes are a custody part. Pushes and syncs where two seconds have passed."""
        self.torn = True
        with self._lock:
            self._submit(seal, push=time.monotonic() - self._pushed >= QUIET)
        self.torn = False
        if self._failure is not None:
            self._complain()

    def close(self) -> None:
        """End frame, age stream and file. Raises a Complaint where not everything was written."""
        self._stop.set()
        self._ticker.join()
        with self._lock:
            if self._failure is None and not self.torn:
                self._submit()
            self._put(None)
        self._age.join()
        self._pool.shutdown()
        self.file.close()
        if self._failure is not None:
            self._complain()

    @property
    def kept(self) -> Seal:
        """The last seal of which every byte is in the file."""
        with self._lock:
            while self._seals and (self._whole or self._seals[0][0] <= self.file.chunks * CHUNK):
                self._kept = self._seals.popleft()[1]
            return self._kept

    # inside

    def _submit(self, seal: Seal | None = None, *, push: bool = False, copy: bool = False) -> None:
        size = self._at - self._start
        data: Future[bytes] | bytes = b""
        if size and copy:  # the writer may be reading into the rest of this buffer right now
            data = self._pool.submit(self._compress, bytes(self._view[self._start : self._at]))
            self._start = self._at
        elif size:
            data = self._pool.submit(self._squeeze, self._buffer, self._start, self._at)
            self._buffer = self._free.get()
            self._view = memoryview(self._buffer)
            self._start = self._at = 0
        self._waits = not push and (self._waits or size > 0)
        if push:
            self._pushed = time.monotonic()
        if size or push or seal:
            self._put(_Job(data, size, push, seal))

    def _put(self, job: _Job | None) -> None:
        self._jobs.put(job)

    def _squeeze(self, buffer: bytearray, start: int, end: int) -> bytes:
        try:
            return self._compress(memoryview(buffer)[start:end])
        finally:
            self._free.put(buffer)

    def _compress(self, data: bytes | memoryview) -> bytes:
        compressor = getattr(self._local, "zstd", None)
        if compressor is None:
            import zstandard

            compressor = self._local.zstd = zstandard.ZstdCompressor(level=self._level)
        result: bytes = compressor.compress(data)
        return result

    def _zero_frame(self) -> bytes:
        frame: bytes | None = getattr(self._local, "zeros", None)
        if frame is None:
            frame = self._local.zeros = self._compress(bytes(FRAME)) + skippable(_ZERO_PAD + 8)
        return frame

    def _tick(self) -> None:
        while not self._stop.wait(QUIET / 4):
            with self._lock:
                waits = self._waits or self._at > self._start
                if waits and not self.torn and self._failure is None and time.monotonic() - self._pushed >= QUIET:
                    self._submit(push=True, copy=True)

    def _encrypt(self, recipients: list[Any]) -> None:
        import pyrage

        try:
            pyrage.encrypt_io(_Pull(self._stream()), self.file, recipients)
            self.file.push()
            self._whole = True
            self.file.sync()
        except BaseException as e:  # whatever age, zstd or the disk say, the writer hears it at its next word
            self._failure = self.file.error or e
            while self._jobs.get() is not None:
                pass

    def _stream(self) -> Iterator[bytes]:
        """The plaintext of the age stream. What stands after a `yield` runs when age has taken all that was yielded."""
        sent = held = 0
        while True:
            self.file.push()
            job = self._jobs.get()
            if job is None:
                return
            data = job.data if isinstance(job.data, bytes) else job.data.result()
            if data:
                whole = max(sent - 1, 0) // CHUNK
                sent += len(data)
                held = job.size if (sent - 1) // CHUNK > whole else held + job.size
                yield data
            if job.seal is not None:
                self._seals.append((sent, job.seal))
                held += 1
            if held and (job.push or held >= HELD):
                pad = skippable(-sent % CHUNK + 8)
                sent, held = sent + len(pad), 0
                yield pad
            if job.push:
                self.file.push()
                self.file.sync_soon()

    def _complain(self) -> None:
        failure, kept = self._failure, self.kept
        what = f"{failure.strerror}" if isinstance(failure, OSError) and failure.strerror else f"{type(failure).__name__}: {failure}"
        raise Complaint(
            f"{self.file.path} could not be written any further: {what}.",
            f"{kept.items:,} items in {kept.parts:,} seals are kept and readable; the archive counts as interrupted. "
            "Make room or give another place (-o) and collect again.",
        )


class _Pull:
    """The generator as a file that age reads from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._view = pieces, memoryview(b"")

    def read(self, n: int) -> bytes:
        while not self._view:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._view = memoryview(piece)
        some = bytes(self._view[:n])
        self._view = self._view[n:]
        return some


def skippable(size: int) -> bytes:
    """A skippable zstd frame of `size` bytes (at least 8) in all."""
    return b"\x50\x2a\x4d\x18" + (size - 8).to_bytes(4, "little") + bytes(size - 8)
