"""Lines that several log files of a host have: `auth.log` and `messages` of one logger, a rotated log beside its compressed copy."""

from __future__ import annotations

from collections.abc import Hashable

MOST = 500_000
"""Different lines in memory; further ones count as they come."""


class LineCopies:
    """Counts each line as often as the file that has it most often. What a line is, the caller says."""

    def __init__(self) -> None:
        self._first: dict[int, tuple[int, int]] = {}
        self._others: dict[int, dict[int, int]] = {}

    def has(self, line: Hashable, member: int) -> bool:
        """Return whether another file has this line as often as its own file up to here. A line may be in one file several times."""
        key = hash(line)
        if key not in self._first:
            if len(self._first) < MOST:
                self._first[key] = member, 1
            return False
        first, number = self._first[key]
        files = self._others.get(key)
        if files is None and first == member:
            self._first[key] = member, number + 1
            return False
        files = self._others.setdefault(key, {first: number})
        files[member] = files.get(member, 0) + 1
        return any(count >= files[member] for other, count in files.items() if other != member)
