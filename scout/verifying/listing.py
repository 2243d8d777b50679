"""List the wanted items of an archive."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from scout.archive.custody import MAX_PART, read_part
from scout.archive.reader import ArchiveMember, ArchiveReader
from scout.verifying.result import MAX_PROBLEMS

MAX_WAITING = 1 << 17
"""members that wait for their custody line; SCOUT seals after 4,000"""
MAX_NAMES = 64 << 20
"""characters of their names"""
T = TypeVar("T")


_ALWAYS = ("member", "name", "source", "size", "sha256", "verdict")
_WHERE_KNOWN = ("target", "why", "referrer", "link", "error")
"""keys of a custody line that a row has, always and where they are known"""


class WaitingMembers(Generic[T]):
    """Members by name that have no custody line yet; bounded in number and in characters, the oldest go first."""

    def __init__(self) -> None:
        self._members: dict[str, T] = {}
        self._characters = 0

    def add(self, name: str, value: T) -> Iterator[tuple[str, T]]:
        """Add one; yield those for which there is no more room."""
        self.pop(name)
        self._members[name] = value
        self._characters += len(name)
        while len(self._members) > MAX_WAITING or self._characters > MAX_NAMES:
            oldest = next(iter(self._members))
            yield oldest, self._members[oldest]
            self.pop(oldest)

    def pop(self, name: str) -> T | None:
        """Remove one and return it; None where it does not wait."""
        value = self._members.pop(name, None)
        if value is not None:
            self._characters -= len(name)
        return value

    def rest(self) -> list[tuple[str, T]]:
        """Return all that wait, oldest first."""
        return list(self._members.items())


class ArchiveListing:
    """Iterate it once: {member, name, source, size, sha256, verdict} of every wanted item from custody, then of members without a line.

    Such a member has the verdict `unsealed` (complete, after the last seal), `cut`, or `refused`. After the last, `state` and `reason` are
    the reader's, and `problems` names what custody has that cannot be read.
    """

    def __init__(self, archive: str | Path, identities: Sequence[Any]) -> None:
        self._reader = ArchiveReader(archive, identities)
        self.state = self.reason = ""
        self.problems: list[str] = []

    def __iter__(self) -> Iterator[dict[str, Any]]:
        waiting: WaitingMembers[dict[str, Any]] = WaitingMembers()
        with self._reader as reader:
            for member in reader:
                if member.kind == "custody":
                    yield from self._part(member.name, content_of(member), waiting)
                    continue
                if member.kind == "refused":
                    yield _row(member, None, "refused")
                elif member.kind != "end":
                    digest = digest_of(member)
                    row = _row(member, digest if member.extents is None else None, "cut" if member.cut else "unsealed")
                    for _, oldest in waiting.add(member.name, row):
                        yield oldest
            self.state, self.reason = reader.state, reader.reason
        for _, row in waiting.rest():
            yield row

    def _part(self, name: str, content: bytes, waiting: WaitingMembers[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        def problem(text: str) -> None:
            if len(self.problems) < MAX_PROBLEMS:
                self.problems.append(f"{name}: {text}")

        for line in read_part(content, problem)[1]:
            if line.get("member") is not None:
                waiting.pop(str(line.get("name")))
            row = {key: line.get(key) for key in _ALWAYS}
            yield row | {key: line[key] for key in _WHERE_KNOWN if line.get(key) is not None}


def list_members(archive: str | Path, identities: Sequence[Any]) -> ArchiveListing:
    """Return what is in an archive. Complaint where nothing can be read."""
    return ArchiveListing(archive, identities)


def shown_place(row: Mapping[str, Any]) -> str:
    r"""Return the native path of a row for a person, with its volume where that is no plain drive: `C@vss1 C:\\syslog`."""
    source, name = str(row["source"] or row["name"]), str(row["name"])
    volume = name.split("/")[1] if name.startswith("files/") and name.count("/") > 1 else ""
    return f"{volume} {source}" if "@" in volume else source


def digest_of(member: ArchiveMember) -> str:
    """Return the sha256 of what the archive holds of a member: of a sparse one, its data."""
    digest = hashlib.sha256()
    for _, piece in member.stream.data():
        digest.update(piece)
    return digest.hexdigest()


def content_of(member: ArchiveMember) -> bytes:
    """Return the content of a member of the archive's own: a custody part, end.json."""
    return member.stream.read(min(member.size, MAX_PART))


def _row(member: ArchiveMember, digest: str | None, verdict: str) -> dict[str, Any]:
    return {
        "member": member.ordinal,
        "name": member.name,
        "source": member.source,
        "size": member.size,
        "sha256": digest,
        "verdict": verdict,
    }
