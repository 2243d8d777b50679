"""Cut the plaintext into frames of one MiB and send them to the press, which compresses, encrypts and writes them.

Less than 8 MiB of input are in flight: the frame being filled, those in the queue, and what age buffers. After two seconds all waiting
data is pushed to the file, and a thread syncs it. A seal therefore survives SIGKILL as soon as it is written, and a power cut two to
three seconds later at most.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from scout.archive.hashing import FrameHasher
from scout.archive.link import link
from scout.archive.press import FRAME, SLOTS, FrameCompressor, PressJob, PressResult, SharedFrames
from scout.console import Complaint

QUIET = 2.0
"""seconds after which waiting data is pushed to the file"""


class Seal(NamedTuple):
    """Extent of the custody parts so far, counted from the beginning of the archive: parts, items, and the chain head."""

    parts: int = 0
    items: int = 0
    head: str = ""


class FrameOutput:
    """One archive file that is being written, by one thread.

    torn    nothing more may be written: the thread was interrupted inside a write, or the file is closed
    closed  the press has received everything

    Raises Complaint where the file exists or cannot be created, and from any call where it cannot be written.
    """

    def __init__(self, path: Path, recipients: Sequence[Any], sink: int | None = None) -> None:
        self._path, self._memory = path, SharedFrames()
        self._link = link(path, self._memory, recipients, sink)
        self._slot = self._start = self._at = 0
        self._view = self._memory.slots[0]
        self._lock = threading.RLock()
        self.hasher = FrameHasher()
        self._hashed = [0] * SLOTS
        """slot → the batch with its last piece"""
        self._seals: deque[tuple[int, Seal]] = deque()
        self._sealed = 0
        self._kept = Seal()
        self._outcome: PressResult | None = None
        self._squeezer: FrameCompressor | None = None
        self._pushed = time.monotonic()
        self._waits = False
        self._stop = threading.Event()
        self.torn = self.closed = False
        self.total = 0
        self._ticker = threading.Thread(target=self._tick, name="ticker", daemon=True)
        try:
            self._ticker.start()
        except RuntimeError:
            self._link.end()
            raise

    # called by the writer

    def room(self) -> memoryview:
        """Return the free rest of the frame, at least one byte. Fill its beginning, then call `commit`."""
        return self._view[self._at :]

    def commit(self, n: int) -> None:
        """Add the first `n` bytes of `room()` to the stream."""
        self.torn = True
        with self._lock:
            self._at += n
            self.total += n
            if self._at == FRAME:
                self._submit()
        self.torn = False
        if self._memory.failed:
            self._complain()

    def write(self, data: bytes | memoryview) -> None:
        """Copy `data` into the stream."""
        if len(data) <= FRAME - self._at:  # nearly always
            self._view[self._at : self._at + len(data)] = data
            self.commit(len(data))
            return
        view = memoryview(data)
        while view:
            room = self.room()
            n = min(len(room), len(view))
            room[:n] = view[:n]
            self.commit(n)
            view = view[n:]

    def zeros(self, n: int) -> None:
        """Add `n` zero bytes; complete frames of zeros are compressed only once."""
        while n:
            if n >= FRAME and self._at == self._start:
                self.torn = True
                with self._lock:
                    if self._outcome is None:
                        self._link.send(PressJob(zeros=True))
                    self.total += FRAME
                self.torn = False
                if self._memory.failed:
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
        if self._memory.failed:
            self._complain()

    def close(self) -> None:
        """End the frame, the age stream and the file; may be called twice. Raises Complaint where not everything was written.

        The last frame is sent only after all others are in the file, so that `end.json` is never written for a process that was killed.
        """
        if not self.torn and not self._memory.failed:
            self.torn = True
            self._stop.set()
            with self._lock:
                self._link.settle()
                self._submit(last=True)
            self.closed = True
        if self._end().error:
            self._complain()

    @property
    def kept(self) -> Seal:
        """The last seal that is completely in the file."""
        with self._lock:
            while self._seals and self._seals[0][0] <= self._memory.kept:
                self._kept = self._seals.popleft()[1]
            return self._kept

    @property
    def written(self) -> int:
        """Bytes in the archive file."""
        return self._outcome.size if self._outcome else self._memory.written

    @property
    def sha256(self) -> str:
        """sha256 of the file; closes it."""
        return self._end().sha256

    # internal

    def _submit(self, seal: Seal | None = None, *, push: bool = False, part: bool = False, last: bool = False) -> None:
        """Send the content of the frame. With `part`, the writer may be reading into the rest of the frame at the same time."""
        if self._outcome is not None:
            return  # the press has ended; the caller raises the Complaint
        size = self._at - self._start
        number = 0
        if not part:
            self._hashed[self._slot] = self.hasher.give()
        if seal:
            self._sealed = number = self._sealed + 1
            self._seals.append((number, seal))
        if size or push or seal:
            job = PressJob(self._slot if size else -1, self._start, self._at, last=not part, push=push, seal=number)
            self._link.send(job if part or last or self._link.idle() else self._packed(job))
        self._waits = not push and (self._waits or size > 0)
        if push:
            self._pushed = time.monotonic()
        if part:
            self._start = self._at
        elif size and not last:
            self._start = self._at = 0
            slot = self._link.free()
            if slot is None:
                self._memory.fail()
            else:
                self.hasher.wait(self._hashed[slot])
                self._slot, self._view = slot, self._memory.slots[slot]

    def _packed(self, job: PressJob) -> PressJob:
        """Return the job with its frame compressed here: the press is behind, so this process would only wait."""
        if job.end == job.start:
            return job
        self._squeezer = self._squeezer or FrameCompressor()
        self.hasher.wait(self._hashed[self._slot])
        frame = self._squeezer.frame(self._view[job.start : job.end])
        size = len(frame)
        if size >= job.end - job.start:
            return job
        self._view[job.start : job.start + size] = frame
        return job._replace(end=job.start + size, packed=job.end - job.start)

    def _tick(self) -> None:
        while not self._stop.wait(QUIET / 4):
            with self._lock:
                waits = not self._stop.is_set() and (self._waits or self._at > self._start)
                if waits and not self.torn and not self._memory.failed and time.monotonic() - self._pushed >= QUIET:
                    self._submit(push=True, part=True)

    def _end(self) -> PressResult:
        if self._outcome is None:
            self._stop.set()
            self._ticker.join()
            self.hasher.close()
            self._outcome = self._link.end()
        return self._outcome

    def _complain(self) -> None:
        what, kept = self._end().error, self.kept
        raise Complaint(
            f"{self._path} could not be written any further: {what}.",
            f"{kept.items:,} items in {kept.parts:,} seals are kept and readable; the archive counts as interrupted. "
            "Make room or give another place (-o) and collect again.",
        )
