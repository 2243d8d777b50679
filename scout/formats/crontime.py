"""When cron runs an entry: the time fields of a line, read as cron itself reads them.

    times(b"*/5 * * * * root /opt/a")   →  (b"*/5 * * * *", b"root /opt/a")
    times(b"@daily /opt/a")             →  (b"@daily", b"/opt/a")
    times(b"99 * * * * /opt/a")         →  None: cron refuses it

What is behind a valid beginning of a field is passed over up to the next blank: cron runs `*x * * * * cmd`. Sources: cron 3.0pl1 (Paul
Vixie, Debian), entry.c: load_entry, get_list, get_range, get_number; cronie and systemd-cron, crontab(5): @words.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class _Field(NamedTuple):
    low: int
    high: int
    names: tuple[bytes, ...] = ()


_MONTHS = (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec")
_DAYS = (b"sun", b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun")
_FIELDS = (_Field(0, 59), _Field(0, 23), _Field(1, 31), _Field(1, 12, _MONTHS), _Field(0, 7, _DAYS))
_WORDS = frozenset(
    b"reboot yearly annually monthly weekly daily midnight hourly minutely every_minute quarterly biannually semiannually "
    b"bi-annually semi-annually".split()
)
_RANGE = re.compile(rb"(?:\*|~|(?P<first>[A-Za-z0-9]{1,99})(?P<to>[-~](?P<last>[A-Za-z0-9]{0,99}))?)")
_STEP = re.compile(rb"/([A-Za-z0-9]{0,99})")
_WORD = re.compile(rb"[ \t]*@([^ \t]*)[ \t]*(.*)", re.DOTALL)
_BLANKS = re.compile(rb"[ \t]*")
_REST = re.compile(rb"[^ \t]*")


def times(line: bytes) -> tuple[bytes, bytes] | None:
    """Return (time fields, rest of the line), or None where cron refuses them. The rest may be empty."""
    if word := _WORD.fullmatch(line):
        return (b"@" + word[1], word[2]) if word[1] in _WORDS else None
    at = start = _past(_BLANKS, line, 0)
    if line[at : at + 1] == b"-":  # cronie, SUSE: no line in the log
        at += 1
    for field in _FIELDS:
        end = _list(line, at, field)
        if end is None:
            return None
        stop = _past(_REST, line, end)
        at = _past(_BLANKS, line, stop)
    return None if line[at : at + 1] == b"*" else (line[start:stop], line[at:])


def _past(pattern: re.Pattern[bytes], line: bytes, at: int) -> int:
    found = pattern.match(line, at)
    return found.end() if found else at


def _list(line: bytes, at: int, field: _Field) -> int | None:
    """Return the end of a list of ranges that begins at `at`, or None where it is none."""
    while True:
        end = _range(line, at, field)
        if end is None or line[end : end + 1] != b",":
            return end
        at = end + 1


def _range(line: bytes, at: int, field: _Field) -> int | None:
    found = _RANGE.match(line, at)
    if found is None:
        return None
    single = found["first"] is not None and found["to"] is None
    if found["first"] is not None:
        first, last = _number(found["first"], field), _number(found["last"] if found["to"] else found["first"], field)
        if first is None or last is None or (first <= last and not field.low <= first <= last <= field.high):
            return None
    step = None if single else _STEP.match(line, found.end())
    if step is None:
        return found.end()
    return step.end() if step[1].isdigit() and int(step[1]) else None


def _number(text: bytes, field: _Field) -> int | None:
    if text.lower() in field.names:
        return field.names.index(text.lower()) + field.low
    return int(text) if text.isdigit() else None
