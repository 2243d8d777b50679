"""The words of the raw sweep: its searches, what surrounds a unit, and a place that was found."""

from __future__ import annotations

from typing import NamedTuple

DATASET = "sweep"
INDICATORS, YARA = "indicators", "yara"
SEARCHES = (INDICATORS, YARA)
"""names of the searches: in tasks and in the ledger they are beside those of artefacts"""
CONTENT = "the content of the file"
"""the layer of a place that is the hash of a whole file"""
WINDOW = 1 << 20
"""bytes that are searched together"""
AFTER = 128
"""bytes behind a unit that are looked at: what may not follow an indicator"""


class Found(NamedTuple):
    """An indicator in bytes: its number, first byte and the byte behind it, relative to the unit, whether in UTF-16, and the text."""

    number: int
    start: int
    end: int
    wide: bool
    text: str


class Border(NamedTuple):
    """What surrounds a unit that was cut from a member.

    header  bytes of a header in front of the unit, which are searched only with the first one
    before, after  the bytes of the member in front of the unit and behind it
    lines   lines of the member before the unit, -1 where they were not counted
    cut     whether the job is a unit, and not a whole member
    """

    header: int = 0
    before: bytes = b""
    after: bytes = b""
    lines: int = -1
    cut: bool = False


WHOLE = Border()
"""of a member that was not cut"""
