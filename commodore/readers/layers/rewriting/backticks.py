"""Backticks of PowerShell within words: I`E`X is IEX. Source: about_Special_Characters, Microsoft Learn."""

from __future__ import annotations

import re

LANGUAGES = ("powershell", "command")
_TICK = re.compile(r"(?<=[A-Za-z$-])`(?=[A-Za-z])(?![0abefnrtuv](?![A-Za-z`]))")
CLUES = (r"[A-Za-z$-]`[A-Za-z]",)


def rewrite(text: str) -> tuple[str, int]:
    """Take away backticks between letters."""
    return _TICK.subn("", text) if "`" in text else (text, 0)
