"""Copy a stream into the archive: read, hash, and report what went wrong. The data is not copied in between."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from scout.archive.hashing import SMALL, LaterDigest
from scout.archive.outlet import FrameOutput

HASHED_ZEROS = 256 << 20
"""holes and padding up to this size are hashed as zeros; beyond it there is no `sha256`"""
_ZEROS = bytes(1 << 20)


class Readable(Protocol):
    """A source of content: any binary file. Sparse items also need `seek`; `readinto` saves a copy."""

    def read(self, n: int, /) -> bytes: ...


def zeros(digest: Any, n: int) -> None:
    """Hash `n` zero bytes."""
    while n > 0:
        digest.update(_ZEROS[:n] if n < len(_ZEROS) else _ZEROS)
        n -= len(_ZEROS)


def copy(
    out: FrameOutput, stream: Readable, size: int, extents: Sequence[tuple[int, int]] | None, stopped: Callable[[], str]
) -> dict[str, Any]:
    """Copy `size` bytes (of a sparse file the data in `extents`); return `sha256` and, where they apply, `sha256_data`, `valid`,
    `verdict`, `error`.

    `sha256` is the hash of the content as the archive returns it, holes and padding included: a `LaterDigest` where the rest is hashed
    beside. `sha256_data` covers only the data of a sparse file. `valid` counts the bytes from the beginning that were really read; the
    rest is padding.
    """
    pieces = [(0, size)] if extents is None else extents
    data, whole = hashlib.sha256(), hashlib.sha256() if extents is not None else None
    holes = size - sum(length for _, length in pieces)
    beside = out.hasher if extents is None and size > SMALL else None
    said: dict[str, Any] = {}
    at = 0
    for offset, length in pieces:
        left = length
        if not said:
            if whole is not None:
                if holes <= HASHED_ZEROS:
                    zeros(whole, offset - at)
                said = _seek(stream, offset)
            while left and not said:
                room = out.room()[:left]
                n, said = _read(stream, room, stopped)
                if n:
                    if beside is not None:
                        beside.add(data, room[:n])
                    else:
                        data.update(room[:n])
                    if whole is not None and holes <= HASHED_ZEROS:
                        whole.update(room[:n])
                    out.commit(n)
                    left -= n
            at = offset + length - left
            if said:
                said["valid"] = at
        if left:
            out.zeros(left)
            holes += left
            if holes <= HASHED_ZEROS:
                if beside is not None:
                    beside.wait(beside.last)
                zeros(data, left)
    if not said and whole is None and _grew(stream):
        said = {"verdict": "changed while read", "error": f"grew beyond {size} bytes while it was read"}
    if beside is not None:
        return {"sha256": LaterDigest(beside, data) if holes <= HASHED_ZEROS else None, **said}
    if whole is None:
        return {"sha256": data.hexdigest() if holes <= HASHED_ZEROS else None, **said}
    if said:
        return {"sha256_data": data.hexdigest() if holes <= HASHED_ZEROS else None, **said}
    if holes <= HASHED_ZEROS:
        zeros(whole, size - at)
    return {"sha256": whole.hexdigest() if holes <= HASHED_ZEROS else None, "sha256_data": data.hexdigest()}


def _read(stream: Readable, room: memoryview, stopped: Callable[[], str]) -> tuple[int, dict[str, Any]]:
    if reason := stopped():
        return 0, {"verdict": "error", "error": f"not read to the end: {reason}"}
    try:
        readinto = getattr(stream, "readinto", None)
        if readinto is not None:
            n = readinto(room) or 0
        else:
            piece = stream.read(len(room))
            n = len(piece)
            room[:n] = piece
    except (OSError, ValueError, EOFError, MemoryError) as e:
        return 0, {"verdict": "error", "error": f"read error: {_text(e)}"}
    return n, {} if n else {"verdict": "changed while read", "error": "became shorter while it was read"}


def _seek(stream: Readable, offset: int) -> dict[str, Any]:
    try:
        stream.seek(offset)  # type: ignore[attr-defined]
    except (OSError, ValueError, AttributeError) as e:
        return {"verdict": "error", "error": f"read error: {_text(e)}"}
    return {}


def _grew(stream: Readable) -> bool:
    try:
        return bool(stream.read(1))
    except (OSError, ValueError, EOFError):
        return False


def _text(e: BaseException) -> str:
    return (e.strerror or str(e)) if isinstance(e, OSError) else f"{type(e).__name__}: {e}"
