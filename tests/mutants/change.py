"""Hostile changes of bytes. A mutant depends only on its family, its number and the inputs."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

LARGEST = 1 << 20
"""bytes of a mutant"""
ODD = (
    b"\0",
    b"\x0b",
    b"\x1b[2J",
    b"\xc2\xa0",
    b"\xe2\x80\xa8",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"9" * 5000,
    b"-1",
    b"1e999",
    b"99999999999999999999",
    b"\xff" * 8,
    b"%",
    b'"',
    b"'",
    b"\\",
    b"\r",
    b"[" * 300,
    b"{" * 300,
    b"(" * 300,
    b"../",
    b"\x7f" * 300,
    b"&#0;",
)
"""bytes that programs read in different ways: controls, blanks, byte orders, lone surrogates, large numbers, quotes, brackets"""
NUMBERS = (0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
_DIGITS = re.compile(rb"[0-9]+")


def mutant(family: str, number: int, inputs: Sequence[tuple[str, bytes]]) -> tuple[str, bytes]:
    """Return (name, bytes) of one mutant: an input with one to eight changes."""
    chance = random.Random(f"{family}/{number}")
    name, data = inputs[number % len(inputs)]
    made = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        _change(made, chance.choice(inputs)[1], chance)
    return name, bytes(made[:LARGEST])


def _change(made: bytearray, other: bytes, chance: random.Random) -> None:
    """Make one change in place: a bit, a number, odd bytes, a hole, a cut, a doubled piece, a piece of another input, lines moved."""
    at = chance.randrange(len(made) + 1)
    match chance.randrange(12):
        case 0 | 1 if made:
            made[at % len(made)] ^= 1 << chance.randrange(8)
        case 2 | 3:
            width = chance.choice((1, 2, 4, 8))
            at -= at % width
            made[at : at + width] = (chance.choice(NUMBERS) % (1 << 8 * width)).to_bytes(width, "little")
        case 4 | 5:
            made[at:at] = chance.choice(ODD)
        case 6:
            hole = chance.randrange(1, 1024)
            made[at : at + hole] = bytes(len(made[at : at + hole]))
        case 7 if not chance.randrange(4):
            del made[at:]
        case 8:
            made[at:at] = made[at : at + chance.randrange(4096)] * chance.randint(1, 3)
        case 9:
            start = chance.randrange(len(other) + 1)
            made[at : at + 256] = other[start : start + chance.randrange(512)]
        case 10 if found := list(_DIGITS.finditer(made[at : at + 2048])):
            start, end = chance.choice(found).span()
            made[at + start : at + end] = str(chance.choice(NUMBERS)).encode() * chance.choice((1, 1, 1, 400))
        case _:
            del made[at : at + chance.randrange(64)]
