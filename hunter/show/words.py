"""Parts of what HUNTER prints: commands to paste, wrapped text, the row of an action."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hunter.catalogue import catalogue
from hunter.plan.model import RemovalAction
from hunter.run.check import ASK, BLOCKED, DRIFTED, GONE, LATER, READY
from scout.console import escape

if TYPE_CHECKING:
    pass

STYLE = {READY: "green", DRIFTED: "yellow", GONE: "yellow", BLOCKED: "red", ASK: "cyan", LATER: "cyan"}
TITLE = 46
"""columns of a title, so that a row fits into 80 columns"""
DATA = 64
"""columns of the text below a title"""


def command(*words: object, root: Path | None = None) -> str:
    """Return a command to paste: `hunter undo 'my plan.yaml.journal.jsonl' --root /mnt`."""
    given = list(map(str, words))
    return shlex.join(["hunter", *given[:2], *(["--root", str(root)] if root else []), *given[2:]])


def columns(text: str, width: int) -> Iterator[str]:
    """Yield the text in lines of at most `width` columns, broken at blanks; a path is never broken."""
    line = ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line


def row(n: int, status: str, action: RemovalAction, *, cls: bool = True) -> list[str]:
    """`  1  ready    quarantine /tmp/x      file  reversible`, with the rest of a long title below it."""
    what, *data = action.told
    head, *rest = [*columns(escape(what), TITLE), *(line for text in data for line in columns(escape(text), DATA))]
    right = f"  {escape(action.mechanism):<4}" + (f"  {catalogue()[action.kind].cls}" if cls else "")
    indent = " " * (6 + len(status))
    return [f"  {n:>2}  {status}{head:<{TITLE}}{right}".rstrip(), *(f"{indent}{line}" for line in rest)]


def short(recipient: str) -> str:
    kind, _, rest = recipient.partition(" ")
    return escape(f"{kind} …{rest.split(' ')[0][-8:]}" if rest else f"{kind[:8]}…{kind[-6:]}")


def now() -> str:
    return time.strftime("%H:%M:%SZ", time.gmtime())
