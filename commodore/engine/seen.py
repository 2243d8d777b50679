"""The members of one collection as they streamed by, and the ledger lines of those that nothing reads: an archive may have millions."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from commodore.case import ledger
from commodore.engine.inputs import Member
from commodore.engine.stream import ContentSum
from commodore.lookup import PackedLookup, PackedRows


class SeenMember(NamedTuple):
    """One member that streamed by."""

    ordinal: int
    source: str
    verdict: str
    size: int
    facts: dict[str, Any]


class SeenMembers:
    """All members of one collection, by ordinal. `unreadable`: those without content, refused or denied."""

    def __init__(self) -> None:
        self._members, self._sums, self._unread = PackedLookup(), PackedLookup(), PackedRows()
        self.unreadable = 0

    def __len__(self) -> int:
        return len(self._members.rows)

    def __iter__(self) -> Iterator[SeenMember]:
        return (SeenMember(*row) for row in self._members.rows)

    def __contains__(self, ordinal: int) -> bool:
        return bool(self._members.get(str(ordinal)))

    def note(self, member: Member) -> None:
        """Take a member."""
        self.unreadable += member.verdict not in ("taken", "link")
        row = SeenMember(member.ordinal, member.source, member.verdict, member.size, dict(member.facts))
        self._members.add(str(member.ordinal), tuple(row))

    def summed(self, ordinal: int, read: ContentSum) -> None:
        """Take what was computed of the content of a member."""
        self._sums.add(str(ordinal), tuple(read))

    def sum(self, ordinal: int) -> ContentSum | None:
        """Return the sums of the content that was read of a member."""
        found = self._sums.get(str(ordinal))
        return ContentSum(*found[-1]) if found else None

    def unread(self, ordinal: int, path: str, reason: str, artefact: str | None = None, kind: str = "") -> None:
        """Take the ledger line of a member that nothing reads."""
        self._unread.append((ordinal, path, reason, artefact, kind))

    def lines(self, collection: str, without: Collection[int], paths: Collection[str]) -> Iterator[dict[str, Any]]:
        """Yield the ledger lines, without those of some members and paths."""
        for ordinal, path, reason, artefact, kind in self._unread:
            if ordinal not in without and path not in paths:
                yield ledger.unread({"collection": collection, "member": ordinal, "path": path}, reason, artefact, kind)
