r"""Clues: what a text must have for a decoder to find something in it, as RE2 patterns.

The patterns of the decoders look behind and ahead, which takes 50 to 100 ns for each character. A clue takes one or two, and most texts
have none. A module of `extracting` or `rewriting` states its clues as `CLUES`, of which one must be there; a module without them is always
asked. A clue may be there in vain, but never lacks where the decoder finds something: RE2's `\s`, `\d` and `\w` know ASCII alone, so clues
have `BLANK` and `DIGIT`, and leave out what a word character would have to be.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from scout.bounded import searcher

BLANK = r"[\s\v\x1c-\x1f\x{85}\pZ]"
r"""the characters of `\s` in a pattern of Python"""
DIGIT = r"\p{Nd}"
r"""the characters of `\d` in a pattern of Python"""


class Clue:
    """The clues of a decoder's module as one pattern."""

    def __init__(self, module: ModuleType) -> None:
        """Compile the clues of `module`. Raises re2.error where RE2 refuses one."""
        patterns: tuple[str, ...] = getattr(module, "CLUES", ())
        self._search: Any = searcher("|".join(f"(?:{pattern})" for pattern in patterns)).search if patterns else None

    def within(self, data: bytes) -> bool:
        """Return whether the decoder may find something in a text, given in UTF-8."""
        return self._search is None or self._search(data) is not None
