"""`/etc/ld.so.preload`: libraries that the dynamic loader loads into every program.

Source: glibc, elf/rtld.c: blanks, tabs, colons and line feeds part the names, `#` begins a comment anywhere.
"""

from __future__ import annotations

import re

_NAME = re.compile(rb"[^: \t\n]+")


def names_in(line: bytes) -> list[bytes]:
    """Return the libraries of one line, as written."""
    return _NAME.findall(line.split(b"#", 1)[0])
