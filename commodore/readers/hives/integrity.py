"""Trouble with a hive as a file: logs that were refused, a base block that does not fit, a cut file.

Windows sets the first sequence number, writes, and sets the second; the checksum covers both. So a checksum that does not fit, of a hive
whose write was finished, was not computed by Windows. Source: M. Suhanov, Windows registry file format specification, "Base block".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from commodore.record import Problem
from scout.formats.regf import Hive
from scout.formats.regf.keys import LAYERED
from scout.formats.regf.log import checksum

_SECTOR = 512
KIND = "hive-checksum"


def hive_problems(hive: Hive, head: bytes) -> Iterator[Problem]:
    """Yield what is wrong with the file of a hive, of which `head` has the first sector before the replay; cells are not looked at."""
    yield from contradictions(head)
    yield from map(Problem, hive.refused)
    if hive.dirty and not hive.applied and not hive.refused:
        yield Problem("hive is dirty and has no transaction log: its latest changes are not seen")
    if hive.minor >= LAYERED:
        yield Problem("differencing hive, as of a container: it was not merged with the hive below it")
    if hive.cut:
        yield Problem(f"hive is cut: {hive.cut} bytes that its base block promises are missing", locator=str(hive.end))


def contradictions(head: bytes) -> Iterator[Problem]:
    """Yield the problem of a base block, of which `head` has the first sector. A write that was not finished is no contradiction."""
    if len(head) < _SECTOR or not head.startswith(b"regf"):
        return
    first, second = struct.unpack_from("<II", head, 4)
    (said,) = struct.unpack_from("<I", head, 508)
    if first == second and said != (right := checksum(head[:_SECTOR])):
        reason = f"the checksum of its base block is {said:#010x}, its bytes give {right:#010x}: it was changed after Windows wrote it"
        yield Problem(reason, "0x1fc", kind=KIND)
