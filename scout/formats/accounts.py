"""Lines of passwd and group as the C library takes them: what it passes over is no account, what it takes is one, however it is written.

    account("  evil:x:+0:0")  →  PasswdAccount("evil", "x", 0, 0, "", "", "")
    account("evil:x:0x0:0::/h:/bin/sh")  →  None

Blanks in front are skipped, a line ends at its first NUL, behind the numbers anything may be missing, and numbers are read by strtoul(3).
Lines for name services (`+`, `-`) are none. Sources: passwd(5), group(5), getpwent(3), nss(5); checked against getent of glibc 2.36.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from scout.lines import lines

_BLANK = " \t\n\v\f\r"
_NUMBER = re.compile(f"[{_BLANK}]*([+-]?)([0-9]{{1,30}})")
_WORD = 1 << 64


class PasswdAccount(NamedTuple):
    """One account. `password` is the field as it is: `x` where it is in shadow."""

    name: str
    password: str
    uid: int
    gid: int
    gecos: str
    home: str
    shell: str


class PasswdGroup(NamedTuple):
    """One group and the accounts that it lists."""

    name: str
    gid: int
    members: tuple[str, ...]


def account(line: str) -> PasswdAccount | None:
    """Return the account of a line of passwd, None where the C library finds none."""
    fields = _fields(line, 6)
    uid, gid = (_number(fields[i]) if len(fields) > i else None for i in (2, 3))
    if uid is None or gid is None:
        return None
    gecos, home, shell = (fields[4:] + [""] * 3)[:3]
    return PasswdAccount(fields[0], fields[1], uid, gid, gecos, home, shell)


def accounts(text: str) -> Iterator[PasswdAccount]:
    """Yield the accounts of passwd, in the order of the file."""
    return filter(None, map(account, lines(text)))


def groups(text: str) -> Iterator[PasswdGroup]:
    """Yield the groups of a group file, in its order."""
    for line in lines(text):
        fields = _fields(line, 3)
        gid = _number(fields[2]) if len(fields) > 2 else None
        if gid is not None:
            listed = fields[3].split(",") if len(fields) > 3 else ()
            yield PasswdGroup(fields[0], gid, tuple(name for member in listed if (name := member.strip(_BLANK))))


def _fields(line: str, colons: int) -> list[str]:
    """Return the fields; a comment and a line for name services have none."""
    line = line.partition("\0")[0].lstrip(_BLANK)
    return line.split(":", colons) if line and line[0] not in "#+-" else []


def _number(field: str) -> int | None:
    """Return a number as strtoul(3) reads it; None where anything is behind it, and above 32 bits."""
    found = _NUMBER.fullmatch(field)
    number = int(found[2]) if found else _WORD
    if found and found[1] == "-":
        number = -number % _WORD if number < _WORD else _WORD
    return number if number < 1 << 32 else None
