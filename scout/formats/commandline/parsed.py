"""The result of reading a command line, and what the readers for Windows and POSIX share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

LONGEST = 32_768
"""characters that are looked at; a Windows command line cannot be longer"""
DEEPEST = 8
"""wrappers within wrappers"""


@dataclass(frozen=True, slots=True)
class ParsedCommand:
    """The programs and files that a command line starts. Names are native paths where they are absolute, else as written.

    executable  the program itself, '' if there is none
    args        its arguments
    payload     files that wrappers and interpreters on the way were told to run, outermost first: scripts, DLLs, inner programs
    candidates  other readings of an unquoted Windows path with blanks, in the order in which Windows tries them
    """

    executable: str = ""
    args: tuple[str, ...] = ()
    payload: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """The executable and all payload, each once."""
        return tuple(dict.fromkeys(f for f in (self.executable, *self.payload) if f))


def first_script(args: tuple[str, ...]) -> Iterator[str]:
    """Yield the script or archive that an interpreter with these arguments runs; nothing for code given on the command line."""
    jar = next((b for a, b in pairwise(args) if a == "-jar"), "")
    if jar:
        yield jar
        return
    for one in args:
        if one in ("-c", "-e", "-m"):
            return
        if not one.startswith(("-", "//", "/")) and not re.match(r"(?i)(?:javascript|vbscript|https?):", one):
            yield one
            return
