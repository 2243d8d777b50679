"""Text that whoever owns the host may have written: what ends a line, and what is a number. Python's own answers can be played with."""

from __future__ import annotations


def lines(text: str) -> list[str]:
    """Lines of a text. Only a line feed ends one: `str.splitlines` also ends them at form feeds and the like, which names may hold."""
    return text.removesuffix("\n").split("\n") if text else []


def number(digits: str) -> int | None:
    """A decimal number of less than 20 digits; None for anything else, `²` too, which `str.isdigit` takes for one."""
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 20 else None
