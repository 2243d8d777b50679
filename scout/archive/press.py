"""The press: frames of plaintext in, zstd frames in one age stream out, into one file. It runs beside the collection, so that reading and
hashing the next files goes on meanwhile (`link` is the way to it).

Frames lie in memory that both sides share; a job names a piece of it, and the number of a slot comes back when its frame was written.

age's STREAM (C2SP age.md, "Payload") writes a chunk of 64 KiB only when a byte beyond it is known. To push sealed bytes out, a zstd
*skippable frame* (RFC 8878, 3.1.2) that ends 8 bytes into the next chunk is put behind them; every zstd reader passes over it.
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
"""frames in shared memory: the one that fills, and six that wait, are compressed, or are encrypted"""
HELD = 3 << 19
"""bytes of input that may wait in a chunk of age that is not full; while it is more than a third of that, one slot less is given out"""
LEVEL = 3
"""of zstd; with 2 a frame takes a quarter less time, but archives of event logs or programs grow beyond 1.1 times `zstd -3` of the whole"""
_ZERO_PAD = 1016
"""each frame of padding zeros is followed by this many skippable bytes, so that no archive of ours expands more than 1,000-fold"""
_ROOM = FRAME + (FRAME >> 8) + 64
"""bytes that hold any compressed frame (zstd manual, ZSTD_COMPRESSBOUND)"""
_WRITTEN, _KEPT, _FAILED, _SAID = range(4)
_TEXT = 64
"""where the text of the outcome begins, in the first page"""


class PressJob(NamedTuple):
    """`memory[slot][start:end]` is to be a frame, and the slot free afterwards if `last`. With `packed` it is one already, of so many bytes
    of input; with `zeros` there is to be a frame of zeros instead.

    Behind that stands the end of a seal if `seal` is not 0 (they count from 1); `push`: all of it goes to the disk now; `ask`: the press
    answers `SETTLED` as soon as it is through with it.
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
"""an answer that is no slot's number"""
LAST = PressJob(seal=(1 << 64) - 1)
"""behind all others"""


class PressResult(NamedTuple):
    """What the press came to: bytes and sha256 of the file, and what ended it early, in words."""

    size: int
    sha256: str
    error: str = ""


class SharedFrames:
    """What both sides share: the slots, how far the press is, and what it came to. No part of it is ever on a disk of ours."""

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
        """How far the press is."""
        self._state[_WRITTEN], self._state[_KEPT] = written, kept

    def fail(self) -> None:
        """Nothing more will be written."""
        self._state[_FAILED] = 1

    def conclude(self, outcome: PressResult) -> None:
        """What the press came to."""
        text = json.dumps(outcome._replace(error=outcome.error[:400])).encode()
        self._text[: len(text)] = text
        self._state[_SAID] = len(text)

    @property
    def outcome(self) -> PressResult | None:
        """None where the press has not come to an end of its own."""
        size = int(self._state[_SAID])
        return PressResult(*json.loads(bytes(self._text[:size]))) if size else None


class FrameCompressor:
    """Makes zstd frames, in memory that is used again: new pages for each would cost a fifth of the time."""

    def __init__(self) -> None:
        import zstandard

        self._zstd = zstandard.ZstdCompressor(level=LEVEL)
        self._room = bytearray(_ROOM)
        self._zeros = b""

    def frame(self, data: memoryview) -> memoryview:
        """One frame of at most `FRAME` bytes; good until the next one is made."""
        with self._zstd.stream_reader(data, size=len(data), closefd=False) as frame:
            return memoryview(self._room)[: frame.readinto(self._room)]

    def zeros(self) -> bytes:
        """A frame of `FRAME` zeros and its padding."""
        self._zeros = self._zeros or self._zstd.compress(bytes(FRAME)) + skippable(_ZERO_PAD + 8)
        return self._zeros


class Press:
    """Compresses, encrypts and writes, job by job. `answer` gets the number of each slot that may be filled again, and `SETTLED`."""

    def __init__(self, file: ArchiveFile, memory: SharedFrames, answer: Callable[[int], object]) -> None:
        self._file, self._memory, self._answer = file, memory, answer
        self._seals: deque[tuple[int, int]] = deque()
        self._idle: list[int] = []
        self._kept = 0
        self._hand: PressJob | None = None
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
        except BaseException as e:  # whatever age, zstd or the disk say, the collection hears it
            why = self._file.error or e
            error = why.strerror if isinstance(why, OSError) and why.strerror else f"{type(why).__name__}: {why}"
            self._memory.fail()
            for job in chain([self._hand] if self._hand else [], jobs):
                self._done(job)
        self._memory.conclude(PressResult(self._file.size, self._file.sha256.hexdigest(), error))

    def _stream(self, jobs: Iterator[PressJob]) -> Iterator[bytes | memoryview]:
        """The plaintext of the age stream. What stands after a `yield` runs when age has taken all that was yielded."""
        squeezer = FrameCompressor()
        sent = held = 0
        for job in jobs:
            self._hand = job
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
            self._hand = None
            self._done(job, keep=size > 0 and held > HELD // 3)

    def _done(self, job: PressJob, *, keep: bool = False) -> None:
        """Give out the slot of a job; with `keep`, one stays here."""
        if job.slot >= 0 and job.last:
            self._idle.append(job.slot)
        while len(self._idle) > keep:
            self._answer(self._idle.pop())
        if job.ask:
            self._answer(SETTLED)

    def _push(self, *, whole: bool = False) -> None:
        try:
            self._file.push()
        finally:  # also of a disk that is full some is in the file
            while self._seals and (whole or self._seals[0][0] <= self._file.chunks * CHUNK):
                self._kept = self._seals.popleft()[1]
            self._memory.report(self._file.size, self._kept)


class _Pull:
    """The generator as a file that age reads from."""

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
    """A skippable zstd frame of `size` bytes (at least 8) in all."""
    return b"\x50\x2a\x4d\x18" + (size - 8).to_bytes(4, "little") + bytes(size - 8)
