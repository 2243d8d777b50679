"""Options of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MAX_FILE = 64 << 20
"""bytes up to which a file's content is compared with YARA rules: it is held in memory"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepOptions:
    """What to look for, and where. `paths`: native paths of the host, none: everything."""

    rules: Sequence[Path] = ()
    indicators: Sequence[Path] = ()
    paths: Sequence[str] = ()
    exclude: Sequence[str] = ()
    """patterns of native paths that are left out: `/var/lib/docker/**`"""
    max_file: int = MAX_FILE
    seconds: float = 0.0
    """time for all of it; 0: no limit"""
    memory: bool = True
    """the memory of processes too, on the live host"""
    take: bool = False
    """take the files that match along"""
