"""What the base block of a hive says about itself, and that does not fit.

Windows sets the first sequence number, writes, and sets the second; the checksum covers both. So a checksum that does not fit, of a hive
whose write was finished, was not computed by Windows. Source: M. Suhanov, Windows registry file format specification, "Base block".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from commodore.record import Problem
from scout.formats.regf.log import checksum

_SECTOR = 512
KIND = "hive-checksum"


def contradictions(head: bytes) -> Iterator[Problem]:
    """Yield the problem of a base block, of which `head` has the first sector. A write that was not finished is no contradiction."""
    if len(head) < _SECTOR or not head.startswith(b"regf"):
        return
    first, second = struct.unpack_from("<II", head, 4)
    (said,) = struct.unpack_from("<I", head, 508)
    if first == second and said != (right := checksum(head[:_SECTOR])):
        reason = f"the checksum of its base block is {said:#010x}, its bytes give {right:#010x}: it was changed after Windows wrote it"
        yield Problem(reason, "0x1fc", kind=KIND)
