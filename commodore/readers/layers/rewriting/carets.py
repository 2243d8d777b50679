"""Carets of the Windows command shell: `p^o^wer^shell` is `powershell`. Source: cmd.exe /?, special characters."""

from __future__ import annotations

import re

LANGUAGES = ("batch", "command")
_WITHIN = re.compile(r"[A-Za-z]\^[A-Za-z]|\^\w\^")
_CARET = re.compile(r"\^(.)", re.DOTALL)
LEAST = 2
CLUES = (r"[A-Za-z]\^[A-Za-z]", r"(?s)\^.\^")


def rewrite(text: str) -> tuple[str, int]:
    """Take carets away where some are within words; a single one is most likely no trick."""
    if text.count("^") < LEAST or len(_WITHIN.findall(text)) < LEAST:
        return text, 0
    return _CARET.subn(r"\1", text)
