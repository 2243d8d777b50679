"""Large members that a parser must seek in: encrypted on disk inside the case, the key only in memory.

AES-256 in counter mode: the page at any offset is decrypted alone. A fresh key per file, never written. There is no integrity check:
whoever can write
into the case can also change the records.
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
    """Where an encrypted file lies, its size, and its key: what a worker needs to open it."""

    path: str
    size: int
    key: bytes

    def open(self) -> BinaryIO:
        """A fresh seekable view of the plaintext."""
        return io.BufferedReader(View(self), _BUFFER)


def seal(path: Path, read: Callable[[int], bytes]) -> Sealed:
    """Encrypt a stream into `path` (created, mode 0600)."""
    key, size = os.urandom(32), 0
    cipher = _cipher(key, 0).encryptor()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        while chunk := read(1 << 20):
            out.write(cipher.update(chunk))
            size += len(chunk)
    return Sealed(str(path), size, key)


def _cipher(key: bytes, block: int) -> Cipher[modes.CTR]:
    return Cipher(algorithms.AES(key), modes.CTR(block.to_bytes(_BLOCK, "big")))


class View(io.RawIOBase):
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
