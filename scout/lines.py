"""Split text and parse numbers of an examined host. Its owner may have written them to mislead Python's own functions."""

from __future__ import annotations


def lines(text: str) -> list[str]:
    """Return the lines of a text. Only a line feed ends one: `str.splitlines` also splits at form feeds and the like, which names may
    contain.
    """
    return text.removesuffix("\n").split("\n") if text else []


def number(digits: str) -> int | None:
    """Return a decimal number of less than 20 digits; None for anything else, also for `²`, which `str.isdigit` accepts."""
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 20 else None
