"""Measures of bytes: entropy, and the hashes of a file."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

_CHUNK = 1 << 18
"""bytes that are counted at a time: numpy makes eight bytes of each pair, and what it made should stay in the cache"""


def entropy(data: bytes | memoryview) -> float:
    """Return the entropy of bytes in bits per byte, 0 to 8, to two digits. Source: C. Shannon, A Mathematical Theory of Communication."""
    if not len(data):
        return 0.0
    values = np.frombuffer(data, dtype=np.uint8)
    counts = _counts(values)
    share = counts[counts > 0] / counts.sum()
    return round(abs(float(-(share * np.log2(share)).sum())), 2)


def _counts(values: Any) -> Any:
    """Count the bytes of each value. Many are counted two at a time, which takes half as long."""
    if len(values) < 1 << 17:
        return np.bincount(values, minlength=256)
    even, counted = len(values) & ~1, np.zeros(1 << 16, dtype=np.int64)
    for start in range(0, even, _CHUNK):
        counted += np.bincount(values[start : min(start + _CHUNK, even)].view(np.uint16), minlength=1 << 16)
    pairs = counted.reshape(256, 256)
    return pairs.sum(axis=0) + pairs.sum(axis=1) + np.bincount(values[even:], minlength=256)


def hashes(data: bytes | memoryview) -> dict[str, str]:
    """Return MD5, SHA-1 and SHA-256 under their names in the schema."""
    return {
        "file.hash.md5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        "file.hash.sha1": hashlib.sha1(data, usedforsecurity=False).hexdigest(),
        "file.hash.sha256": hashlib.sha256(data).hexdigest(),
    }
