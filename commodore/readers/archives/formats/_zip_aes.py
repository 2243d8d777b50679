"""AES in ZIP archives, with one password. Source: AE-x encryption, WinZip: extra field 0x9901, PBKDF2 with HMAC-SHA1, counter mode."""

from __future__ import annotations

import hashlib
import hmac
import struct

from commodore.readers.archives.model import PASSWORD

_FIELD, _ROUNDS, _CHECK, _SUM = 0x9901, 1000, 2, 10
_KEY = {1: 16, 2: 24, 3: 32}


def parameters(extra: bytes) -> tuple[int, int]:
    """Return the bytes of the key and the method of compression below. Raises ValueError where the extra field has none."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        if kind == _FIELD and size >= 7:
            strength, method = struct.unpack_from("<BH", extra, at + 8)
            if strength in _KEY:
                return _KEY[strength], method
        at += 4 + size
    raise ValueError("the entry has no parameters of AES")


def decrypted(data: bytes, size: int) -> bytes | None:
    """Return the compressed data of an entry whose key has `size` bytes, None where the password is another one. Raises ValueError."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    salt, rest = data[: size // 2], data[size // 2 :]
    if len(rest) < _CHECK + _SUM:
        raise ValueError("the encrypted entry is cut")
    keys = hashlib.pbkdf2_hmac("sha1", PASSWORD, salt, _ROUNDS, 2 * size + _CHECK)
    if keys[-_CHECK:] != rest[:_CHECK]:
        return None
    body = rest[_CHECK:-_SUM]
    if hmac.new(keys[size : 2 * size], body, "sha1").digest()[:_SUM] != rest[-_SUM:]:
        return None
    blocks = b"".join(number.to_bytes(16, "little") for number in range(1, len(body) // 16 + 2))
    engine = Cipher(algorithms.AES(keys[:size]), modes.ECB()).encryptor()  # noqa: S305  (counter mode, made of its blocks)
    stream = (engine.update(blocks) + engine.finalize())[: len(body)]
    return (int.from_bytes(body, "little") ^ int.from_bytes(stream, "little")).to_bytes(len(body), "little")
