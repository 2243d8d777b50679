"""The press: turn frames of plaintext into zstd frames in one age stream in one file. It runs beside the collection, so that the next
files are
read and hashed meanwhile (`link` connects both).

Frames are in shared memory. A job names a part of it; the press returns the number of the slot when its frame is written.

age's STREAM (C2SP age.md, "Payload") writes a chunk of 64 KiB only when a later byte is known. To push sealed bytes out, a zstd
*skippable frame* (RFC 8878, 3.1.2) that ends 8 bytes into the next chunk is added; every zstd reader skips it.
"""

from __future__ import annotations

import json
import mmap
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

from scout.archive.file import CHUNK, ArchiveFile

FRAME = 1 << 20
SLOTS = 7
"""frames in shared memory: one is being filled, six are queued, compressed or encrypted"""
HELD = 3 << 19
"""bytes of input that may wait in an incomplete chunk of age; above a third of that, one slot fewer is given out"""
LEVEL = 3
"""zstd level. Level 2 takes a quarter less time, but archives of event logs or programs exceed 1.1 times `zstd -3`"""
_ZERO_PAD = 1016
"""skippable bytes after each frame of padding zeros, so that no archive of SCOUT expands more than 1,000 times"""
_ROOM = FRAME + (FRAME >> 8) + 64
"""bytes that hold any compressed frame (zstd manual, ZSTD_COMPRESSBOUND)"""
_WRITTEN, _KEPT, _FAILED, _SAID = range(4)
_TEXT = 64
"""offset of the result's text in the first page"""


class PressJob(NamedTuple):
    """Compress `memory[slot][start:end]`; free the slot afterwards if `last`. With `packed` the data is already a frame, of so many bytes
    of
    input; with `zeros` the frame holds zeros.

    `seal`: number of the seal that ends here (from 1), 0 for none. `push`: write everything to the disk now. `ask`: answer `SETTLED` when
    the job is done.
    """

    slot: int = -1
    start: int = 0
    end: int = 0
    last: bool = True
    push: bool = False
    zeros: bool = False
    ask: bool = False
    packed: int = 0
    seal: int = 0


SETTLED = 0xFE
"""an answer that is not the number of a slot"""
LAST = PressJob(seal=(1 << 64) - 1)
"""the last job"""


class PressResult(NamedTuple):
    """Result of the press: bytes and sha256 of the file; the error that ended it early, or ''."""

    size: int
    sha256: str
    error: str = ""


class SharedFrames:
    """Memory that both sides share: slots, progress, result. It is never on a disk."""

    def __init__(self) -> None:
        self._map = mmap.mmap(-1, mmap.PAGESIZE + SLOTS * FRAME)
        view = memoryview(self._map)
        self._state = view[:_TEXT].cast("Q")
        self._text = view[_TEXT : mmap.PAGESIZE]
        self.slots = [view[mmap.PAGESIZE + n * FRAME :][:FRAME] for n in range(SLOTS)]

    written = property(lambda self: int(self._state[_WRITTEN]), doc="bytes in the archive file")
    kept = property(lambda self: int(self._state[_KEPT]), doc="number of the last seal of which every byte is in the file; 0: none")
    failed = property(lambda self: bool(self._state[_FAILED]), doc="nothing more will be written")

    def report(self, written: int, kept: int) -> None:
        """Store the progress of the press."""
        self._state[_WRITTEN], self._state[_KEPT] = written, kept

    def fail(self) -> None:
        """Record that nothing more will be written."""
        self._state[_FAILED] = 1

    def conclude(self, outcome: PressResult) -> None:
        """Store the result of the press."""
        text = json.dumps(outcome._replace(error=outcome.error[:400])).encode()
        self._text[: len(text)] = text
        self._state[_SAID] = len(text)

    @property
    def outcome(self) -> PressResult | None:
        """Result of the press; None while it has not ended by itself."""
        size = int(self._state[_SAID])
        return PressResult(*json.loads(bytes(self._text[:size]))) if size else None


class FrameCompressor:
    """Makes zstd frames in memory that is used again: new pages for each frame would take a fifth of the time."""

    def __init__(self) -> None:
        import zstandard

        self._zstd = zstandard.ZstdCompressor(level=LEVEL)
        self._room = bytearray(_ROOM)
        self._zeros = b""

    def frame(self, data: memoryview) -> memoryview:
        """Return one frame of at most `FRAME` bytes; valid until the next call."""
        with self._zstd.stream_reader(data, size=len(data), closefd=False) as frame:
            return memoryview(self._room)[: frame.readinto(self._room)]

    def zeros(self) -> bytes:
        """Return a frame of `FRAME` zeros and its padding."""
        self._zeros = self._zeros or self._zstd.compress(bytes(FRAME)) + skippable(_ZERO_PAD + 8)
        return self._zeros


class Press:
    """Compresses, encrypts and writes, job by job. `answer` receives the number of each free slot, and `SETTLED`."""

    def __init__(self, file: ArchiveFile, memory: SharedFrames, answer: Callable[[int], object]) -> None:
        self._file, self._memory, self._answer = file, memory, answer
        self._seals: deque[tuple[int, int]] = deque()
        self._idle: list[int] = []
        self._kept = 0
        self._current: PressJob | None = None
        for slot in range(1, SLOTS):
            answer(slot)

    def run(self, jobs: Iterator[PressJob], recipients: Sequence[Any]) -> None:
        """Write all jobs, end the age stream, close the file; what came of it is in the memory. After an error the rest of the jobs is
        passed over.
        """
        error = ""
        try:
            import pyrage

            pyrage.encrypt_io(_Pull(self._stream(jobs)), self._file, list(recipients))
            self._push()
            self._push(whole=True)
            self._file.sync()
            self._file.close()
        except BaseException as e:  # any error of age, zstd or the disk is reported to the collection
            why = self._file.error or e
            error = why.strerror if isinstance(why, OSError) and why.strerror else f"{type(why).__name__}: {why}"
            self._memory.fail()
            for job in chain([self._current] if self._current else [], jobs):
                self._done(job)
        self._memory.conclude(PressResult(self._file.size, self._file.sha256.hexdigest(), error))

    def _stream(self, jobs: Iterator[PressJob]) -> Iterator[bytes | memoryview]:
        """Yield the plaintext of the age stream. Code after a `yield` runs when age has taken all yielded data."""
        squeezer = FrameCompressor()
        sent = held = 0
        for job in jobs:
            self._current = job
            size = job.packed or job.end - job.start
            data: bytes | memoryview = b""
            if size:
                stored = self._memory.slots[job.slot][job.start : job.end]
                data = stored if job.packed else squeezer.frame(stored)
            elif job.zeros:
                data = squeezer.zeros()
            if data:
                whole = max(sent - 1, 0) // CHUNK
                sent += len(data)
                held = size if (sent - 1) // CHUNK > whole else held + size
                yield data
            if job.seal:
                self._seals.append((sent, job.seal))
                held += 1
            if held and (job.push or held >= HELD):
                pad = skippable(-sent % CHUNK + 8)
                sent, held = sent + len(pad), 0
                yield pad
            self._push()
            if job.push:
                self._file.sync_soon()
            self._current = None
            self._done(job, keep=size > 0 and held > HELD // 3)

    def _done(self, job: PressJob, *, keep: bool = False) -> None:
        """Return the slot of a job to the writer; with `keep`, retain one slot."""
        if job.slot >= 0 and job.last:
            self._idle.append(job.slot)
        while len(self._idle) > keep:
            self._answer(self._idle.pop())
        if job.ask:
            self._answer(SETTLED)

    def _push(self, *, whole: bool = False) -> None:
        try:
            self._file.push()
        finally:  # a full disk may still hold a part
            while self._seals and (whole or self._seals[0][0] <= self._file.chunks * CHUNK):
                self._kept = self._seals.popleft()[1]
            self._memory.report(self._file.size, self._kept)


class _Pull:
    """A generator as a file that age reads from."""

    def __init__(self, pieces: Iterator[bytes | memoryview]) -> None:
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
    """Return a skippable zstd frame of `size` bytes (at least 8) in total."""
    return b"\x50\x2a\x4d\x18" + (size - 8).to_bytes(4, "little") + bytes(size - 8)
