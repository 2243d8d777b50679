"""The entry of an archive, and the bounds on all of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

PASSWORD = b"infected"
"""the word with which analysts close archives of samples; no other one is tried"""
ENTRIES = 5_000
"""entries of one archive with all archives in it"""
LONGEST_NAME = 4096
"""characters of the name of an entry, with those of the archives in which it is"""
DEEPEST = 8
"""archives within each other; `a.tar.gz` are two"""
TOTAL = 256 << 20
"""bytes that are unpacked of one archive with all archives in it"""
LARGEST = 32 << 20
"""bytes of one entry that are unpacked"""
OF_HOST = re.compile(
    r"(?i)(?:\A|[\\/])(?:windows[\\/]system32[\\/](?:config|winevt)[\\/]|\$mft\Z|etc/(?:passwd|hostname|os-release)\Z"
    r"|var/log/(?:wtmp|auth\.log|secure)\Z)"
)
"""What a collection of a host has, and few other archives"""
RATIO, FLOOR = 400, 8 << 20
"""unpacked bytes for each byte of the archive, and bytes that any archive may give"""


@dataclass(slots=True)
class Entry:
    """One entry. `size` and `packed` are those that the archive states, -1 where it states none.

    name        as it is in the archive, with `/`; of an entry in an inner archive: `inner.zip/name`
    modified    RFC 3339, '' where the archive has none; local time of the packing host where `local` is true
    kind        file, dir or symlink
    content     all bytes, or None where they were not unpacked; `state` says why
    """

    name: str
    size: int = -1
    packed: int = -1
    modified: str = ""
    local: bool = False
    kind: str = "file"
    content: bytes | None = None
    state: str = "read"
    link: str = ""
    format: str = ""
    depth: int = 1


@dataclass(slots=True)
class Budget:
    """What may still be unpacked of one archive with everything in it. `bounds`: what was cut, in words, each once."""

    length: int = 0
    """bytes of the archive itself"""
    entries: int = ENTRIES
    total: int = TOTAL
    bounds: dict[str, None] = field(default_factory=dict)
    spent: int = 0

    def entry(self) -> bool:
        """Count an entry; False where no further one is listed."""
        if self.entries <= 0:
            self.bounds[f"more than {ENTRIES:,} entries: the rest is not listed"] = None
            return False
        self.entries -= 1
        return True

    def name(self, name: str) -> str:
        """Return the name of an entry, cut where it is longer than a name may be."""
        if len(name) <= LONGEST_NAME:
            return name
        self.bounds[f"names longer than {LONGEST_NAME:,} characters were cut"] = None
        return name[:LONGEST_NAME]

    def left(self) -> int:
        """Return how many bytes of the next entry may be unpacked."""
        return max(0, min(LARGEST, self.total - self.spent, max(FLOOR, RATIO * self.length) - self.spent))

    def take(self, content: bytes | bytearray) -> None:
        """Count unpacked bytes."""
        self.spent += len(content)

    def cut(self, name: str, most: int) -> str:
        """Note that an entry was not unpacked, and return the words for its state."""
        why = f"not unpacked: more than {most:,} bytes" if most == LARGEST else "not unpacked: the bound of the archive is reached"
        self.bounds[f"some entries were not unpacked, {name!r} first" if not self._cut() else self._cut()] = None
        return why

    def _cut(self) -> str:
        return next((bound for bound in self.bounds if bound.startswith("some entries were")), "")


def unpacked(entry: Entry, budget: Budget, opened: Callable[[], BinaryIO]) -> None:
    """Put the content of an entry into it, as far as the budget allows. `opened` raises ValueError, OSError or EOFError for bad data."""
    most = budget.left()
    if entry.size > most:
        entry.state = budget.cut(entry.name, most)
        return
    with opened() as stream:
        content = stream.read(most + 1)
    budget.take(content)
    if len(content) > most:
        entry.state = budget.cut(entry.name, most)
        return
    entry.content = content
