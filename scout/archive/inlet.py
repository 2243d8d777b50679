"""Decrypt and decompress one age file in a thread. Data is used only after age has authenticated it.

age authenticates each chunk of 64 KiB (C2SP age.md, "Payload"): a cut or damaged file yields all complete chunks, then the end with a
reason. Decompression bombs: a zstd window above 8 MiB is refused, and so is an expansion of more than 1,200 times beyond the first GiB
(archives of SCOUT stay below 1,000 times).
"""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Sequence
from typing import Any, BinaryIO, cast

from scout.console import Complaint

WINDOW = 8 << 20
GRACE = 1 << 30
RATIO = 1200
_PIECE = 256 << 10
_MAGIC = b"age-encryption.org/v1\n"


class DecryptedInput:
    """Plaintext of an archive: `read(n)` returns n bytes, fewer only at the end. `reason` then says why; '' where age reached its end.

    Raises Complaint where nothing can be read: not an age file, wrong key, cut within the header.
    """

    def __init__(self, raw: BinaryIO, identities: Sequence[Any], label: str = "archive", *, digest: bool = False) -> None:
        import zstandard

        self.label = label
        self._raw = _Raw(raw, digest=digest)
        self._queue: queue.Queue[bytes | BaseException | None] = queue.Queue(8)
        self._closed = threading.Event()
        self._age = threading.Thread(target=self._decrypt, args=(list(identities),), name="age", daemon=True)
        self._ended = False
        self.reason = ""
        self.unpacked = 0
        self._source = _Source(self)
        self._age.start()
        self._source.rest = self._first()
        self._zstd_error = zstandard.ZstdError
        self._zstd: Any = zstandard.ZstdDecompressor(max_window_size=WINDOW).stream_reader(
            cast(BinaryIO, self._source), read_size=_PIECE, read_across_frames=True
        )

    def read(self, n: int) -> bytes:
        """Return `n` bytes (at most a few MiB per call); fewer at the end."""
        pieces = []
        while n > 0 and not self._ended:
            try:
                piece = self._zstd.read(n)
            except self._zstd_error as e:
                self.end(f"what age protects is no sound zstd stream ({e})")
                break
            if not piece:
                self._ended = True
                break
            self.unpacked += len(piece)
            if self.unpacked > GRACE and self.unpacked > RATIO * self._source.given:
                self.end(f"it expands more than {RATIO:,}-fold: a decompression bomb")
                break
            pieces.append(piece)
            n -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    @property
    def packed(self) -> int:
        """Compressed bytes that were read so far."""
        return self._source.given

    def end(self, reason: str) -> None:
        """Stop reading. The first reason is stored."""
        self._ended = True
        self.reason = self.reason or reason

    def sha256(self) -> str:
        """Return the hash of the complete archive file, including data behind its end. Call it after the last read, with `digest=True`."""
        self._quit()
        return self._raw.hexdigest()

    def close(self) -> None:
        """End the thread; leave the raw stream open."""
        self._ended = True
        self._quit()
        self._zstd = None  # the garbage collector cannot see through it: reader, source and buffers would stay for ever

    def _quit(self) -> None:
        self._closed.set()
        while self._age.is_alive():
            try:
                self._queue.get(timeout=0.05)
            except queue.Empty:
                continue
        self._age.join()

    def _decrypt(self, identities: list[Any]) -> None:
        import pyrage

        sink = _Sink(self._queue, self._closed)
        result: BaseException | None = None
        try:
            pyrage.decrypt_io(self._raw, sink, identities)
        except BaseException as e:  # the reading thread interprets it
            result = self._raw.error or e
        sink.last(result)

    def take(self) -> bytes:
        """Return the next plaintext of age; b'' at its end, where `reason` may be set."""
        got = self._queue.get()
        if isinstance(got, bytes):
            return got
        self._queue.put(None)
        if got is not None:
            self.reason = self.reason or self._why(got)
        return b""

    def _why(self, error: BaseException) -> str:
        if isinstance(error, OSError) and error.errno:
            return f"it cannot be read beyond byte {self._raw.count:,}: {error.strerror}"
        if self._raw.count == 0:
            return "it is empty"
        return f"it is {'cut off, or damaged, at' if self._raw.ended else 'damaged before'} byte {self._raw.count:,}"

    def _first(self) -> bytes:
        got = self._queue.get()
        if isinstance(got, bytes):
            return got
        self._queue.put(got)
        if got is not None:
            self._refuse(got)
        return b""

    def _refuse(self, error: BaseException) -> None:
        """Raise a Complaint where age returned nothing because of its header or the keys. A payload that is cut at once counts as an
        archive
        without members.
        """
        from pyrage import DecryptError

        name = self.label
        if isinstance(error, OSError) and error.errno:
            raise Complaint(f"{name} cannot be read: {error.strerror}.", "Copy it from its medium first, for instance with ddrescue.")
        if not isinstance(error, DecryptError):
            return
        head = self._raw.head
        if not head:
            raise Complaint(f"{name} is empty.", "Copy it again from where it was collected.")
        if not head.startswith(_MAGIC):
            if _MAGIC.startswith(head):
                raise Complaint(
                    f"{name} ends within its header after {len(head)} bytes: nothing can be read.",
                    "Copy it again from where it was collected.",
                )
            raise Complaint(
                f"{name} is not an archive: it does not begin as an age file.", "Give a file that scout collect wrote (….tar.zst.age)."
            )
        if b"\n-> scrypt " in head:
            raise Complaint(
                f"{name} is protected by a passphrase, not by a key: SCOUT did not write it.",
                "Give a file that scout collect wrote (….tar.zst.age).",
            )
        if "No matching keys" in str(error):
            raise Complaint(
                f"{name} is encrypted to other keys than the one given.", "Give the key file (-i) that belongs to one of its recipients."
            )
        if self._raw.ended and ("fill whole buffer" in str(error) or "Incomplete" in str(error)):
            raise Complaint(f"{name} ends within its header: nothing can be read.", "Copy it again from where it was collected.")
        why = str(error).partition("\n")[0].rstrip(".")
        raise Complaint(
            f"The header of {name} is damaged, or of another version of age ({why}): nothing can be read.",
            "Copy it again from where it was collected.",
        )


class _Source:
    """Plaintext of age as a file for zstd."""

    def __init__(self, inlet: DecryptedInput) -> None:
        self._inlet = inlet
        self.rest = b""
        self.given = 0

    def read(self, n: int) -> bytes:
        piece = self.rest or self._inlet.take()
        piece, self.rest = (piece, b"") if len(piece) <= n else (piece[:n], piece[n:])
        self.given += len(piece)
        return piece


class _Sink:
    """Receives plaintext from age: pieces of 256 KiB go into a bounded queue."""

    def __init__(self, out: queue.Queue[bytes | BaseException | None], closed: threading.Event) -> None:
        self._out, self._closed = out, closed
        self._buffer = bytearray()

    def write(self, data: bytes) -> int:
        self._buffer += data
        if len(self._buffer) >= _PIECE:
            self._give()
        return len(data)

    def flush(self) -> None:
        """Do nothing: age calls it at its end."""

    def _give(self) -> None:
        if self._closed.is_set():
            raise BrokenPipeError  # not InterruptedError: the writer would retry for ever
        if self._buffer:
            self._out.put(bytes(self._buffer))
            self._buffer.clear()

    def last(self, result: BaseException | None) -> None:
        """Queue the rest of the buffer, and how decryption ended."""
        if not self._closed.is_set():
            self._give()
            self._out.put(result)


class _Raw:
    """The archive's bytes: counted and hashed; the first 64 KiB are stored."""

    def __init__(self, raw: BinaryIO, *, digest: bool) -> None:
        self._raw, self._digest = raw, hashlib.sha256() if digest else None
        self.count = 0
        self.head = b""
        self.ended = False
        self.error: OSError | None = None
        self._rest = memoryview(b"")

    def read(self, n: int) -> bytes:
        if not self._rest:
            try:
                piece = self._raw.read(_PIECE)
            except OSError as e:
                self.error = e
                raise
            if not piece:
                self.ended = True
                return b""
            if self._digest is not None:
                self._digest.update(piece)
            if len(self.head) < 1 << 16:
                self.head = (self.head + piece)[: 1 << 16]
            self._rest = memoryview(piece)
        some = bytes(self._rest[:n])
        self._rest = self._rest[n:]
        self.count += len(some)
        return some

    def hexdigest(self) -> str:
        if self._digest is None:
            raise ValueError("the archive was not hashed")
        while piece := self._raw.read(1 << 20):
            self._digest.update(piece)
        return self._digest.hexdigest()
