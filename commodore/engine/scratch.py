"""Large members that a parser must seek in: encrypted on disk inside the case, with a key that is only in memory.

AES-256 in counter mode, so that a page at any offset can be decrypted alone. Each file has a fresh key, which is never written to disk.
There is no integrity check: someone who can write into the case can also change the records.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_BLOCK = 16
_BUFFER = 1 << 18


class Sealed(NamedTuple):
    """Path, size and key of an encrypted file, for the worker that opens it."""

    path: str
    size: int
    key: bytes

    def open(self) -> BinaryIO:
        """A fresh seekable view of the plaintext."""
        return io.BufferedReader(SealedView(self), _BUFFER)


class Sealing:
    """Encrypt what is written into `path` (created, mode 0600)."""

    def __init__(self, path: Path) -> None:
        self._path, self._key, self._size = path, os.urandom(32), 0
        self._cipher = _cipher(self._key, 0).encryptor()
        self._out = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")

    def write(self, chunk: bytes) -> None:
        """Append plaintext."""
        self._out.write(self._cipher.update(chunk))
        self._size += len(chunk)

    def close(self) -> Sealed:
        """Close the file and return what opens it."""
        self._out.close()
        return Sealed(str(self._path), self._size, self._key)


def seal(path: Path, read: Callable[[int], bytes]) -> Sealed:
    """Encrypt a stream into `path` (created, mode 0600)."""
    sealing = Sealing(path)
    while chunk := read(1 << 20):
        sealing.write(chunk)
    return sealing.close()


def _cipher(key: bytes, block: int) -> Cipher[modes.CTR]:
    return Cipher(algorithms.AES(key), modes.CTR(block.to_bytes(_BLOCK, "big")))


class SealedView(io.RawIOBase):
    """Seekable, read-only plaintext of a sealed file."""

    def __init__(self, sealed: Sealed) -> None:
        super().__init__()
        self._sealed, self._at = sealed, 0
        self._file = open(sealed.path, "rb", buffering=0)  # noqa: SIM115  (closed with the view)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._sealed.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        block, skip = divmod(self._at, _BLOCK)
        self._file.seek(block * _BLOCK)
        cipher = self._file.read(skip + len(buffer))
        plain = _cipher(self._sealed.key, block).decryptor().update(cipher)[skip:]
        buffer[: len(plain)] = plain
        self._at += len(plain)
        return len(plain)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
