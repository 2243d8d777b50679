"""Readers of bytes by offset: a file or device, parts in a row, a window of another reader, a cache. None of them writes.

A raw device of Windows reads whole sectors only: `AlignedBlocks` makes any offset and length out of that.
"""

from __future__ import annotations

import errno
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Protocol

CACHED = 64
"""pieces that a cache keeps"""
PIECE = 64 << 10
"""bytes of one piece of a cache"""


class DamagedVolume(OSError):  # noqa: N818  (a fact about the evidence)
    """A structure of a volume or an image contradicts its format, or leads outside of it."""


class BlockReader(Protocol):
    """Bytes by offset. `size` in bytes. Every method may raise OSError."""

    @property
    def size(self) -> int: ...

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end."""

    def close(self) -> None:
        """Close what this reader opened."""


def exactly(blocks: BlockReader, offset: int, length: int) -> bytes:
    """Return `length` bytes. Raises DamagedVolume where the reader ends before."""
    data = blocks.read_at(offset, length) if 0 <= offset < blocks.size else b""
    if len(data) < length:
        raise DamagedVolume(f"{length:,} bytes at {offset:,} are beyond the end of the volume ({blocks.size:,} bytes)")
    return data


class FileBlocks:
    """A regular file or a POSIX block device, opened for reading. Raises OSError."""

    def __init__(self, path: str | Path) -> None:
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        try:
            self._fd = os.open(path, flags | getattr(os, "O_NOATIME", 0))
        except PermissionError:
            self._fd = os.open(path, flags)
        self._lock = threading.Lock()
        self.size = os.lseek(self._fd, 0, os.SEEK_END)

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end."""
        pieces, length = [], min(length, self.size - offset)
        while length > 0 and (piece := self._read(offset, length)):
            pieces.append(piece)
            offset, length = offset + len(piece), length - len(piece)
        return b"".join(pieces) if len(pieces) != 1 else pieces[0]

    def _read(self, offset: int, length: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._fd, length, offset)
        with self._lock:
            os.lseek(self._fd, offset, os.SEEK_SET)
            return os.read(self._fd, length)

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class AlignedBlocks:
    r"""A seekable binary stream whose offsets and lengths must be multiples of `sector`: a raw volume of Windows, `\\.\C:`.

        stream = open(r"\\.\C:", "rb", buffering=0)
        source = NtfsSource(AlignedBlocks(stream, size), letter="C", method="raw volume")

    `size` in bytes, from the driver (IOCTL_DISK_GET_LENGTH_INFO): such a stream cannot be asked by seeking to its end.
    """

    def __init__(self, stream: IO[bytes], size: int, sector: int = 4096) -> None:
        self._stream, self.size, self._sector = stream, size, sector
        self._lock = threading.Lock()

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end."""
        length = max(min(length, self.size - offset), 0)
        start = offset - offset % self._sector
        end = min(-(-(offset + length) // self._sector) * self._sector, -(-self.size // 512) * 512)
        pieces, left = [], end - start
        with self._lock:
            self._stream.seek(start)
            while left > 0 and (piece := self._stream.read(left)):
                pieces.append(piece)
                left -= len(piece)
        return b"".join(pieces)[offset - start : offset - start + length]

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()


class LibraryBlocks:
    """An opened object of one of libyal's libraries, which has `read_buffer_at_offset`; its errors become OSError."""

    def __init__(self, handle: object, size: int, under: Sequence[BlockReader] = ()) -> None:
        self._handle, self.size, self._under = handle, size, under

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end."""
        length = max(min(length, self.size - offset), 0)
        pieces = []
        while length > 0:
            try:
                piece: bytes = self._handle.read_buffer_at_offset(length, offset)  # type: ignore[attr-defined]
            except (OSError, ValueError, OverflowError, MemoryError) as e:
                raise DamagedVolume(errno.EIO, _first_line(e)) from e
            if not piece:
                break
            pieces.append(piece)
            offset, length = offset + len(piece), length - len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Close the handle and the files under it."""
        close = getattr(self._handle, "close", None)
        if close is not None:
            try:
                close()
            except OSError as e:  # nothing was written: there is nothing to lose
                self.closing_error = _first_line(e)
        for one in self._under:
            one.close()


class JoinedBlocks:
    """Readers one behind the other: the parts of a split image."""

    def __init__(self, parts: Sequence[BlockReader]) -> None:
        self._parts, self.size = parts, sum(part.size for part in parts)

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end."""
        pieces, begin = [], 0
        for part in self._parts:
            at = offset - begin
            if length > 0 and 0 <= at < part.size:
                piece = exactly(part, at, min(length, part.size - at))
                pieces.append(piece)
                offset, length = offset + len(piece), length - len(piece)
            begin += part.size
        return b"".join(pieces)

    def close(self) -> None:
        """Close all parts."""
        for part in self._parts:
            part.close()


class BlockWindow:
    """A partition: `size` bytes of another reader from `start`. It does not close the reader under it."""

    def __init__(self, under: BlockReader, start: int, size: int) -> None:
        self._under, self._start, self.size = under, start, size

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end."""
        return self._under.read_at(self._start + offset, max(min(length, self.size - offset), 0))

    def close(self) -> None:
        """Do nothing: the disk is closed by who opened it."""


class BlockCache:
    """Keeps the pieces that were read last, `CACHED` of `PIECE` bytes. Reads of more than a piece pass through."""

    def __init__(self, under: BlockReader) -> None:
        self._under, self.size = under, under.size
        self._pieces: OrderedDict[int, bytes] = OrderedDict()

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end."""
        number, at = divmod(offset, PIECE)
        if at + length <= PIECE:
            return self._piece(number)[at : at + length]
        if length > PIECE:
            return self._under.read_at(offset, length)
        return self._piece(number)[at:] + self._piece(number + 1)[: at + length - PIECE]

    def _piece(self, number: int) -> bytes:
        known = self._pieces.get(number)
        if known is not None:
            self._pieces.move_to_end(number)
            return known
        data = self._under.read_at(number * PIECE, PIECE)
        while len(self._pieces) >= CACHED:
            self._pieces.popitem(last=False)
        self._pieces[number] = data
        return data

    def close(self) -> None:
        """Forget the pieces and close the reader under it."""
        self.forget()
        self._under.close()

    def forget(self) -> None:
        """Forget the pieces."""
        self._pieces.clear()


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
