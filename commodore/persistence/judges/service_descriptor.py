"""Judge the security descriptor of a service: one that hides the service, or opens it to everybody. Source: [MS-DTYP], section 2.4."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterator
from struct import error, unpack_from

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement
from commodore.persistence.judging import NoOptions, RowJudge, RowText
from commodore.persistence.windows import registry_target
from commodore.sentence import sentence, short
from scout.formats.regf.data import sid

_ALLOWED, _DENIED = 0, 1
_QUERY = 0x80000000 | 0x10000000 | 0x1 | 0x4
"""generic read and all, query of configuration and of status: without them a list of services omits it"""
_CHANGE = 0x40000000 | 0x10000000 | 0x2 | 0x40000 | 0x80000
"""generic write and all, change of configuration, of the descriptor, of the owner"""
_ADMINISTRATORS = ("S-1-5-32-544", "S-1-5-18")
_LISTERS = ("S-1-5-4", "S-1-5-6", "S-1-5-11", "S-1-1-0", "S-1-5-32-545")
"""whoever lists services: interactive users, services, authenticated users, everybody, users. Guests and the network are not among them"""
_EVERYBODY = ("S-1-1-0", "S-1-5-11", "S-1-5-32-545", "S-1-5-7")
_MOST = 512
_REASON = sentence("{name}: {path} {words}; expected: {expected}.")


def judge(row: RowText, entry: AutostartEntry, _: NoOptions) -> Judgement | None:
    """Look for an entry that denies reading, for administrators without reading, and for everybody with changing."""
    try:
        aces = list(_aces(b64decode(entry.text("registry.data.bytes"))))
    except (error, binascii.Error):
        severity, words = "low", "is no security descriptor that can be read"
    else:
        severity, words = _judged(aces, row.severity)
    path = entry.text("registry.path")
    reason = _REASON({"name": row.name, "path": short(path), "words": words, "expected": row.expected})
    return Judgement(severity, reason, entry.values("registry.path"), registry_target(entry, []))


def _judged(aces: list[tuple[int, int, str]], worst: str) -> tuple[str, str]:
    denied = next((who for kind, mask, who in aces if kind == _DENIED and mask & _QUERY and who in (*_ADMINISTRATORS, *_LISTERS)), "")
    if denied:
        return worst, f"denies {denied} to read the service, so that lists of services omit it"
    readers = [who for kind, mask, who in aces if kind == _ALLOWED and mask & _QUERY]
    if aces and not readers:
        return worst, "lets nobody read the service, so that lists of services omit it"
    open_to = next((who for kind, mask, who in aces if kind == _ALLOWED and mask & _CHANGE and who in _EVERYBODY), "")
    if open_to:
        return worst, f"lets {open_to} change the service"
    return EXPECTED[0], "hides nothing"


def _aces(raw: bytes) -> Iterator[tuple[int, int, str]]:
    """Yield (type, mask, SID) of the entries of the discretionary list."""
    (place,) = unpack_from("<I", raw, 16)
    if not place:
        return
    (count,) = unpack_from("<H", raw, place + 4)
    at = place + 8
    for _ in range(min(count, _MOST)):
        kind, _flags, size, mask = unpack_from("<BBHI", raw, at)
        yield kind, mask, sid(raw[at + 8 : at + size])
        at += max(size, 8)


JUDGE = RowJudge(NoOptions, judge)
