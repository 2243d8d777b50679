"""ArchiveReader: read an archive member by member, in one pass. Nothing is written; all text in the archive is untrusted.

The reader returns every complete member before a cut, and the beginning of the member that is cut: `member.cut` is true once it was read.
A member that is no plain file below the known folders has the kind `refused`, a reason, and no content. What an archive claims (members,
bytes of custody, size of a group) is bounded by its compressed size.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from scout.archive import facts, names, tar
from scout.archive.custody import GroupPlace
from scout.archive.inlet import DecryptedInput
from scout.archive.stream import MemberStream
from scout.console import Complaint

MAX_PAX = 1 << 20
MAX_NAME = 128 << 10
"""bytes of a member's name: a Windows path has at most 32,767 characters"""
MAX_MAP = 1 << 16
MAX_MEMBERS = 4_000_000
FREE_MEMBERS = 100_000
"""members that any archive may have; beyond them each must have `MEMBER_BYTES` of the compressed archive"""
MEMBER_BYTES = 24
"""compressed bytes: the hash, times and inode of a collected file alone take more"""
MAX_GROUP_TEXT = 200
"""characters of an `ESCADRE.group` value"""
FREE_CUSTODY = 64 << 20
"""bytes of custody that any archive may have; beyond them at most `CUSTODY_RATIO` times its compressed bytes"""
CUSTODY_RATIO = 200
UNDECLARED = 1 << 31
"""a member whose ordinal is missing or out of order gets this number plus its place"""
_PIECE = 1 << 20
_LIVE = re.compile(r"live/[^/]+\.jsonl")
_CUSTODY = re.compile(r"custody/[0-9]{6,}\.jsonl")
_TIME = re.compile(r"(-?)([0-9]{1,18})(?:\.([0-9]{1,20}))?")
_REFUSED = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"5": "a directory",
    b"6": "a pipe",
    b"g": "a global PAX header",
    b"S": "a sparse file in an old format",
}
_TIMES = {"mtime": "mtime", "atime": "atime", "ctime": "ctime", "LIBARCHIVE.creationtime": "btime"}


@dataclass(slots=True, kw_only=True)
class ArchiveMember:
    """One member. `size` in bytes as read; `facts` as far as the tar header knows them (custody comes later and knows more)."""

    ordinal: int
    name: str
    kind: str
    """collection, live, files, custody, end, refused"""
    source: str
    """native path on the host; the name itself for what is no file of the host"""
    volume: str = ""
    size: int = 0
    group: GroupPlace | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    stream: MemberStream
    reason: str = ""
    """why it was refused"""

    @property
    def cut(self) -> bool:
        """Return whether reading reached the archive's cut before the member's end."""
        return self.stream.cut

    @property
    def extents(self) -> tuple[tuple[int, int], ...] | None:
        """(offset, length) of the data of a sparse member; None for any other."""
        return self.stream.extents


class ArchiveReader:
    """Iterate it once. After the last member `state` is complete or interrupted, and `reason` says why.

    `identities`: what `scout.keys.load_identities` gives. `digest=True` hashes the archive file for `archive_sha256()`. Raises Complaint
    at once where nothing can be read: no such file, not an archive, wrong key.
    """

    def __init__(self, source: str | Path | BinaryIO, identities: Sequence[Any], *, digest: bool = False) -> None:
        self._own = isinstance(source, str | Path)
        self.label = str(source) if isinstance(source, str | Path) else str(getattr(source, "name", "the archive"))
        raw = _open(source) if isinstance(source, str | Path) else source
        self._raw = raw
        try:
            self._inlet = DecryptedInput(raw, identities, self.label, digest=digest)
        except Complaint:
            if self._own:
                raw.close()
            raise
        self.state = ""
        self.reason = ""
        self._place = 0
        self._last = -1
        self._seen: set[int] = set()
        self._custody = 0
        self._present: tuple[str, int] = ("", 0)
        self._ended_groups: set[str] = set()
        self._ended_by_end = False
        self._current: MemberStream | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the decrypting thread; close the file where a path was given."""
        self._inlet.close()
        if self._own:
            self._raw.close()

    def archive_sha256(self) -> str:
        """Return the hash of the complete file, after the last member."""
        return self._inlet.sha256()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ArchiveMember:
        if self._current is not None:
            self._current.skip()
            self._current = None
        try:
            member = self._member() if not self.state else None
        except (ValueError, OverflowError, RecursionError) as e:  # text of the archive that no check above expected: it ends here, cleanly
            self._finish(f"a header cannot be read ({type(e).__name__}: {str(e)[:100]})")
            member = None
        if member is None:
            raise StopIteration
        self._current = member.stream
        return member

    # inside

    def _finish(self, reason: str) -> None:
        said = [text for text in (self._inlet.reason or reason, "" if self._ended_by_end else "there is no end.json") if text]
        self.state, self.reason = ("interrupted", "; ".join(said)) if said else ("complete", "")

    def _member(self) -> ArchiveMember | None:
        records: dict[str, str] = {}
        long_name: bytes | None = None
        doubt = ""
        while True:
            raw = self._inlet.read(tar.BLOCK)
            if len(raw) < tar.BLOCK:
                self._finish("it has no end" if not raw else "it ends within a header")
                return None
            if not any(raw):
                self._end()
                return None
            try:
                header = tar.parse(raw)
            except ValueError as e:
                self._finish(str(e))
                return None
            if header.type in b"xL" and 0 <= header.size <= MAX_PAX:
                content = self._inlet.read(header.size + tar.padding(header.size))[: header.size]
                try:
                    if header.type == b"x":
                        records = tar.records(content)
                    else:
                        long_name = content.rstrip(b"\0")
                except ValueError as e:
                    doubt = str(e)
                continue
            if header.type in b"xLK" and 0 <= header.size <= tar.MAX_SIZE:
                doubt = f"its extended header has {header.size:,} bytes" if header.type != b"K" else doubt
                MemberStream(self._inlet, header.size + tar.padding(header.size), 0, None).skip()
                continue
            return self._judge(header, records, long_name, doubt)

    def _end(self) -> None:
        """Read on behind the first block of zeros: nothing but zeros may follow, and age must see its own end."""
        reason = ""
        while piece := self._inlet.read(_PIECE):
            if any(piece):
                reason = "something stands behind its end"
        self._finish(reason)

    def _judge(self, header: tar.Header, records: dict[str, str], long_name: bytes | None, doubt: str) -> ArchiveMember | None:
        self._place += 1
        if self._place > MAX_MEMBERS:
            self._finish(f"it has more than {MAX_MEMBERS:,} members")
            return None
        if self._place > FREE_MEMBERS + self._inlet.packed // MEMBER_BYTES:
            self._finish(f"it claims {self._place:,} members in {self._inlet.packed:,} compressed bytes: more than files can fill")
            return None
        size = _size(records, header)
        raw_name = (records.get("GNU.sparse.name") or records.get("path") or "").encode() or long_name or header.name
        name = raw_name[:MAX_NAME].decode("utf-8", "backslashreplace")
        ordinal = self._ordinal(records)
        if not 0 <= size <= tar.MAX_SIZE:
            self._finish(f"member {name!r} claims an impossible size")
            return ArchiveMember(
                ordinal=ordinal,
                name=name,
                kind="refused",
                source=name,
                stream=MemberStream(self._inlet, 0, 0, None),
                reason="impossible size",
            )
        stored = size + tar.padding(size)
        extents = None
        doubt = doubt or _type(header.type) or _bad(raw_name)
        if "GNU.sparse.major" in records and not doubt:
            try:
                extents, size, stored = self._map(records, size)
            except ValueError as e:
                doubt, stored = str(e), max(stored - self._mapped, 0)
        elif any(key.startswith("GNU.sparse.") for key in records):
            doubt = doubt or "a sparse file in an old format"
        kind, volume, source = "refused", "", name
        if not doubt:
            try:
                kind, volume, source = self._place_of(name)
            except ValueError as e:
                doubt = str(e)
        if kind == "custody":
            self._custody += size
            if self._custody > FREE_CUSTODY + CUSTODY_RATIO * self._inlet.packed:
                kind, doubt = "refused", f"custody claims {self._custody:,} bytes, too many for {self._inlet.packed:,} compressed bytes"
        if kind == "end":
            self._ended_by_end = True
        refused, file = kind == "refused", kind == "files"
        return ArchiveMember(
            ordinal=ordinal,
            name=name,
            kind=kind,
            source=records.get("ESCADRE.source", source) if file else source,
            volume=volume,
            size=size,
            group=self._group(records.get("ESCADRE.group", "")) if file else None,
            facts=_facts(header, records) if file else {},
            stream=MemberStream(self._inlet, stored, 0, None) if refused else MemberStream(self._inlet, stored, size, extents),
            reason=doubt,
        )

    def _ordinal(self, records: dict[str, str]) -> int:
        text = records.get("ESCADRE.member", "")
        declared = int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else -1
        if declared <= self._last:
            return UNDECLARED + self._place - 1
        self._last = declared
        return declared

    def _place_of(self, name: str) -> tuple[str, str, str]:
        """Return (kind, volume, native path). Raises ValueError with the reason where the name is refused."""
        if self._ended_by_end:
            raise ValueError("it stands behind end.json")
        parts = name.split("/")
        if name.startswith("/"):
            raise ValueError("its name is absolute")
        if ".." in parts:
            raise ValueError("its name leads out of the archive")
        kind, volume, source = "", "", name
        if name in ("collection.json", "end.json"):
            kind = name.partition(".")[0]
        elif _LIVE.fullmatch(name):
            kind = "live"
        elif _CUSTODY.fullmatch(name):
            kind = "custody"
        elif parts[0] == "files" and len(parts) > 2:
            if "" in parts or "." in parts or "\\" in name or "\0" in name:
                raise ValueError("its name is not one that SCOUT writes")
            kind = "files"
            volume, source = names.decode(name)
        else:
            raise ValueError("its name is outside the known folders")
        key = int.from_bytes(hashlib.blake2b(f"{volume}\0{source}".encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
        if key in self._seen:
            raise ValueError("it is the second of its name")
        self._seen.add(key)
        return kind, volume, source

    def _group(self, text: str) -> GroupPlace | None:
        """Return the place in a group; None where the group ended before, or has as many members as it claims: readers hold a group at
        once.
        """
        group = GroupPlace.parse(text[:MAX_GROUP_TEXT])
        name, count = self._present
        if name and (group is None or group.id != name):
            self._ended_groups.add(name)
            self._present = ("", 0)
            count = 0
        if group is None or group.id in self._ended_groups or count >= group.total:
            return None
        self._present = (group.id, count + 1)
        return group

    _mapped = 0

    def _map(self, records: dict[str, str], size: int) -> tuple[tuple[tuple[int, int], ...], int, int]:
        """Read the map of a sparse member (GNU 1.0); return extents, size of the file, bytes stored behind the map."""
        self._mapped = 0
        real = records.get("GNU.sparse.realsize", "")
        if records.get("GNU.sparse.major") != "1" or records.get("GNU.sparse.minor") != "0" or not _count(real):
            raise ValueError("a sparse file in an unknown format")
        numbers: list[int] = []
        rest = b""
        wanted = 1
        while len(numbers) < wanted:
            block = self._inlet.read(tar.BLOCK) if self._mapped < size else b""
            self._mapped += len(block)
            if len(block) < tar.BLOCK:
                raise ValueError("the map of a sparse file does not end")
            *lines, rest = (rest + block).split(b"\n")
            for line in lines[: wanted - len(numbers) if numbers else None]:
                if len(numbers) == wanted:
                    break
                if not (line.isdigit() and len(line) <= 20):
                    raise ValueError("the map of a sparse file is no list of numbers")
                numbers.append(int(line))
                if len(numbers) == 1:
                    wanted = 1 + 2 * numbers[0]
                    if numbers[0] > MAX_MAP:
                        raise ValueError("the map of a sparse file has too many lines")
        extents = tuple(zip(numbers[1::2], numbers[2::2], strict=True))
        at = 0
        for offset, length in extents:
            if offset < at:
                raise ValueError("the map of a sparse file is not in order")
            at = offset + length
        if at > int(real) or int(real) > tar.MAX_SIZE or sum(length for _, length in extents) != size - self._mapped:
            raise ValueError("the map of a sparse file does not fit its sizes")
        return tuple(pair for pair in extents if pair[1]), int(real), size - self._mapped + tar.padding(size)


def _open(path: str | Path) -> BinaryIO:
    try:
        return open(path, "rb", buffering=0)
    except OSError as e:
        raise Complaint(f"{path} cannot be read: {e.strerror}.", "Give the path of an archive that scout collect wrote.") from None


def _type(kind: bytes) -> str:
    return "" if kind in (b"0", b"\0", b"7") else _REFUSED.get(kind, f"a member of type {kind!r}")


def _bad(name: bytes) -> str:
    """Return why bytes are no member name; '' where they are one."""
    if len(name) > MAX_NAME:
        return f"its name has more than {MAX_NAME:,} bytes"
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return "its name is no UTF-8"
    return ""


def _size(records: dict[str, str], header: tar.Header) -> int:
    """Return the size that the headers state; -1 where it is no number."""
    text = records.get("size")
    if text is None:
        return header.size
    return int(text) if _count(text) else -1


def _count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 20


def _facts(header: tar.Header, records: dict[str, str]) -> dict[str, Any]:
    """Return the facts that headers state about a file, with the keys of custody lines."""
    found: dict[str, Any] = {
        "mtime": facts.rfc3339(header.mtime * 1_000_000_000) if header.mtime >= 0 else None,
        "mode": f"{header.mode & 0o7777:04o}",
    }
    for key, number in (("uid", header.uid), ("gid", header.gid)):
        text = records.get(key, "")
        found[key] = int(text) if _count(text) else number
    for key, record, name in (("owner", "uname", header.owner), ("group_name", "gname", header.group)):
        found[key] = records.get(record) or name.decode("utf-8", "replace") or None
    for key, fact in _TIMES.items():
        match = _TIME.fullmatch(records.get(key, ""))
        if match:
            total = int(match[2]) * 1_000_000_000 + int((match[3] or "")[:9].ljust(9, "0"))
            found[fact] = facts.rfc3339(-total if match[1] else total)
    for key in records.get("ESCADRE.unknown", "").split():
        found.pop(key, None)
    found["included_by"] = facts.included(records.get("ESCADRE.included", ""))
    return {key: value for key, value in found.items() if value is not None}
