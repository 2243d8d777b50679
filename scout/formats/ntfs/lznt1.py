"""Unpack LZNT1, the compression of NTFS. Source: Microsoft [MS-XCA] 2.5, "LZNT1 Algorithm Details"."""

from __future__ import annotations

from scout.blocks import DamagedVolume

_CHUNK = 4096


def unpack(data: bytes, limit: int, what: str) -> bytes:
    """Return at most `limit` bytes of unpacked data. Raises DamagedVolume."""
    out, at = [], 0
    left = limit
    while left > 0 and at + 2 <= len(data):
        header = int.from_bytes(data[at : at + 2], "little")
        if not header:
            break
        end = at + 3 + (header & 0xFFF)
        if end > len(data):
            raise DamagedVolume(f"{what}: compressed data ends too early")
        piece = _chunk(data, at + 2, end, what) if header & 0x8000 else data[at + 2 : end]
        if len(piece) < _CHUNK and left > len(piece):
            piece += bytes(min(_CHUNK, left) - len(piece))
        out.append(piece[:left])
        left -= len(out[-1])
        at = end
    return b"".join(out)


def _chunk(data: bytes, at: int, end: int, what: str) -> bytes:
    out = bytearray()
    while at < end and len(out) < _CHUNK:
        flags = data[at]
        at += 1
        if not flags and at + 8 <= end:
            out += data[at : at + 8]
            at += 8
            continue
        for bit in range(8):
            if at >= end or len(out) >= _CHUNK:
                break
            if not flags >> bit & 1:
                out.append(data[at])
                at += 1
                continue
            if at + 2 > end or not out:
                raise DamagedVolume(f"{what}: compressed data is damaged")
            pair = data[at] | data[at + 1] << 8
            at += 2
            _copy(out, pair, what)
    return bytes(out[:_CHUNK])


def _copy(out: bytearray, pair: int, what: str) -> None:
    """Append what a pair refers to; how many of its bits are the distance depends on how much is unpacked."""
    bits = max((len(out) - 1).bit_length(), 4)
    back, length = (pair >> 16 - bits) + 1, (pair & (0xFFFF >> bits)) + 3
    if back > len(out):
        raise DamagedVolume(f"{what}: compressed data is damaged")
    begin = len(out) - back
    if back >= length:
        out += out[begin : begin + length]
    else:
        out += (out[begin:] * (length // back + 1))[:length]
