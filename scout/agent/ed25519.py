"""Sign and verify with Ed25519 in plain Python, so that the agent carries no crypto library for one signature. Not constant in time: sign
on the analyst's machine only.

Source: RFC 8032, 5.1 and 6; `verify` refuses what 5.1.7 refuses.
"""

from __future__ import annotations

import hashlib

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)
_Point = tuple[int, int, int, int]


def public_key(secret: bytes) -> bytes:
    """Return the public key (32 bytes) of a secret key (32 random bytes)."""
    return _packed(_times(_expanded(secret)[0], _base()))


def sign(secret: bytes, message: bytes) -> bytes:
    """Return the signature (64 bytes)."""
    scalar, prefix = _expanded(secret)
    public = public_key(secret)
    nonce = _number(prefix + message)
    point = _packed(_times(nonce, _base()))
    return point + ((nonce + _number(point + public + message) * scalar) % _L).to_bytes(32, "little")


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether `signature` is of this key and this message."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, point, scalar = _unpacked(public), _unpacked(signature[:32]), int.from_bytes(signature[32:], "little")
    if key is None or point is None or scalar >= _L:
        return False
    left = _times(scalar, _base())
    right = _plus(point, _times(_number(signature[:32] + public + message), key))
    return (left[0] * right[2] - right[0] * left[2]) % _P == 0 and (left[1] * right[2] - right[1] * left[2]) % _P == 0


def _expanded(secret: bytes) -> tuple[int, bytes]:
    if len(secret) != 32:
        raise ValueError("a secret key has 32 bytes")
    digest = hashlib.sha512(secret).digest()
    return int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | (1 << 254), digest[32:]


def _number(data: bytes) -> int:
    return int.from_bytes(hashlib.sha512(data).digest(), "little") % _L


def _base() -> _Point:
    y = 4 * pow(5, _P - 2, _P) % _P
    x = _x_of(y, 0)
    assert x is not None
    return x, y, 1, x * y % _P


def _plus(a: _Point, b: _Point) -> _Point:
    low, high = (a[1] - a[0]) * (b[1] - b[0]) % _P, (a[1] + a[0]) * (b[1] + b[0]) % _P
    c, d = 2 * a[3] * b[3] * _D % _P, 2 * a[2] * b[2] % _P
    e, f, g, h = high - low, d - c, d + c, high + low
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(number: int, point: _Point) -> _Point:
    out: _Point = (0, 1, 1, 0)
    while number:
        if number & 1:
            out = _plus(out, point)
        point, number = _plus(point, point), number >> 1
    return out


def _packed(point: _Point) -> bytes:
    inverse = pow(point[2], _P - 2, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _unpacked(data: bytes) -> _Point | None:
    y = int.from_bytes(data, "little")
    x = _x_of(y & ((1 << 255) - 1), y >> 255)
    y &= (1 << 255) - 1
    return None if x is None else (x, y, 1, x * y % _P)


def _x_of(y: int, sign_bit: int) -> int | None:
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    if square == 0:
        return None if sign_bit else 0
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P:
        return None
    return _P - x if (x & 1) != sign_bit else x
