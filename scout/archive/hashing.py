"""Hash content beside the thread that reads it: hashlib lets go of the interpreter while it hashes.

The pieces are parts of frames, so a frame may be overwritten only when all of its pieces are hashed.
"""

from __future__ import annotations

import queue
import threading
from typing import Any

BATCH = 256 << 10
"""bytes that are given to the thread at once: each time costs a change between threads"""
SMALL = 16 << 10
"""bytes up to which content is hashed at once"""
_Batch = list[tuple[Any, memoryview]]


class LaterDigest:
    """The digest of content whose last pieces may still be hashed. Its text, in hexadecimal, waits for them."""

    __slots__ = ("_batch", "_digest", "_hasher")

    def __init__(self, hasher: FrameHasher, digest: Any) -> None:
        self._hasher, self._digest, self._batch = hasher, digest, hasher.last

    def __str__(self) -> str:
        self._hasher.wait(self._batch)
        text: str = self._digest.hexdigest()
        return text


class FrameHasher:
    """Hashes pieces in a thread, in the order in which they come."""

    def __init__(self) -> None:
        self._batch: _Batch = []
        self._size = self._given = self._done = 0
        self._jobs: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def add(self, digest: Any, piece: memoryview) -> None:
        """Hash a piece later; it must not change until its batch is done."""
        self._batch.append((digest, piece))
        self._size += len(piece)
        if self._size >= BATCH:
            self.give()

    def give(self) -> int:
        """Give what waits to the thread; return the number of the last batch given."""
        if self._batch:
            batch, self._batch, self._size = self._batch, [], 0
            self._given += 1
            self._start()
            self._jobs.put(batch)
        return self._given

    @property
    def last(self) -> int:
        """Number of the batch with the last piece."""
        return self._given + bool(self._batch)

    def wait(self, number: int) -> None:
        """Wait until a batch, and all before it, are done. RuntimeError where the thread ended before."""
        if number > self._given:
            self.give()
        while self._done < number:
            try:
                self._ended.get(timeout=1)
            except queue.Empty:  # an interruption may have taken the word of a batch that ended
                if self._thread is None or not self._thread.is_alive():
                    raise RuntimeError("the thread that hashes content has ended") from None

    def close(self) -> None:
        """End the thread, when it has done what was given."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="hasher", daemon=True)
            self._thread.start()

    def _serve(self) -> None:
        while (batch := self._jobs.get()) is not None:
            for digest, piece in batch:
                digest.update(piece)
            self._done += 1
            self._ended.put(None)
