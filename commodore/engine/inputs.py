"""Collections of evidence: archives, and files of a directory. Their members stream by in a stable order."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import orjson

from commodore import catalogue
from commodore.engine import plain
from commodore.engine.packed import UnpackedFolder
from scout.archive import ArchiveMember, ArchiveReader, GroupPlace
from scout.archive.custody import MAX_PART, NOTHING, dump, lines_of, sound

SYSTEMS = ("windows", "linux", "macos")
MAX_OFFSET = 1e9
"""seconds; a larger clock offset is not believed"""
LONGEST_NAME = 255
"""characters of a host name (RFC 1035, section 2.3.4)"""
NO_ROOT = "no root of a host was found: paths are those in the directory that was given"
HOLES = 64 << 30
"""bytes of holes in one sparse member that are read as zeros; a member with more is listed, not read"""


@dataclass(slots=True)
class Member:
    """One member as it streams by. `read(n)` gives its bytes, b'' at the end; `below` is its path below the volume's root, with `/`."""

    ordinal: int
    kind: str
    """live, files, or refused"""
    below: str
    source: str
    size: int
    facts: dict[str, Any]
    read: Callable[[int], bytes]
    group: GroupPlace | None = None
    """its place in a group of members that are read together"""
    path: Path | None = None
    """plain files: where they can be opened again"""
    verdict: str = "taken"


class EvidenceCollection(Protocol):
    """The evidence of one host, collected at one time."""

    id: str
    label: str
    """name to show before the host's name is known"""
    origin: Path
    total: int
    """bytes to be read, for the progress display"""

    def header(self) -> dict[str, Any]:
        """`collection.json`; empty for plain input."""

    def system(self) -> str:
        """windows, linux, macos or ''."""

    def members(self) -> Iterator[Member]:
        """Yield all members, from the beginning. Each must be read before the next one is requested."""

    def position(self) -> int:
        """Return how many of the `total` bytes have been read."""

    def custody(self) -> Iterable[dict[str, Any]]:
        """Return, after the last member, one custody object per wanted item, without `head` and `tail`."""

    def ending(self) -> tuple[str, str]:
        """Return, after the last member, `complete`, `interrupted` or `inconsistent`, and the reason."""

    def proof(self) -> tuple[str, list[str]]:
        """Return, after the last member, what a receipt is compared with: SHA-256 and chain heads of the archive.

        An interrupted writer may not know that one more seal reached the file, so such an archive has two heads. Plain input: '' and none.
        """


@dataclass
class PlainCollection:
    """The files of one host in a directory, or one file.

    unpacked   the temporary folder that it is in, where it was given packed
    computer   who wrote its event logs, where that is known from these alone
    """

    origin: Path
    files: list[plain.PlainFile]
    os: str
    id: str
    label: str
    total: int = 0
    computer: str = ""
    unpacked: UnpackedFolder | None = None
    _read: int = field(default=0, repr=False)

    def header(self) -> dict[str, Any]:
        about: dict[str, Any] = {"name": self.computer} if self.computer else {}
        if not plain.rights_kept(self.files):
            about["rights_kept"] = False
        return {"host": about} if about else {}

    def system(self) -> str:
        return self.os

    def members(self) -> Iterator[Member]:
        self._read = 0
        groups = _groups(self.files)
        for file in _ordered(self.files, groups):
            if file.verdict != "taken":
                yield Member(
                    file.ordinal, "refused", file.below, file.source, file.size, file.facts, lambda _: b"", None, None, file.verdict
                )
                continue
            try:
                stream = file.path.open("rb")
            except OSError as e:
                file.verdict, file.facts["error"] = "denied", e.strerror
                yield Member(file.ordinal, "refused", file.below, file.source, file.size, file.facts, lambda _: b"", None, None, "denied")
                continue
            with stream:
                kind = "live" if file.below.startswith("live/") else "files"
                yield Member(
                    file.ordinal,
                    kind,
                    file.below,
                    file.source,
                    file.size,
                    file.facts,
                    self._counted(stream),
                    groups.get(file.ordinal),
                    file.path,
                )

    def _counted(self, stream: BinaryIO) -> Callable[[int], bytes]:
        def read(n: int) -> bytes:
            chunk = stream.read(n)
            self._read += len(chunk)
            return chunk

        return read

    def position(self) -> int:
        return self._read

    def custody(self) -> list[dict[str, Any]]:
        return [{"member": f.ordinal, "source": f.source, "verdict": f.verdict, "size": f.size, **f.facts} for f in self.files]

    def ending(self) -> tuple[str, str]:
        notes = [] if any(file.placed for file in self.files) else [NO_ROOT]
        if self.unpacked is not None:
            notes += self.unpacked.notes
        return "interrupted" if self.unpacked is not None and self.unpacked.cut else "complete", "; ".join(notes)

    def proof(self) -> tuple[str, list[str]]:
        return "", []


def _groups(files: list[plain.PlainFile]) -> dict[int, GroupPlace]:
    """Return ordinal → group for the files that artefacts read together."""
    beside = plain.by_folder(files)
    grouping = {tuple(group.companions.items()): group for k in catalogue.artefacts().values() if (group := k.artefact.group) is not None}
    result: dict[int, GroupPlace] = {}
    for file in files:
        if file.verdict != "taken" or file.ordinal in result:
            continue
        found: dict[str, plain.PlainFile] = {}
        for group in grouping.values():
            found |= {r: c for r, c in plain.companions(file, group, beside).items() if c.ordinal not in result}
        if found:
            name = str(file.ordinal)
            result[file.ordinal] = GroupPlace(name, "main", 1, len(found) + 1)
            result |= {c.ordinal: GroupPlace(name, role, i, len(found) + 1) for i, (role, c) in enumerate(sorted(found.items()), 2)}
    return result


def _ordered(files: list[plain.PlainFile], groups: dict[int, GroupPlace]) -> list[plain.PlainFile]:
    """Return the files by ordinal, but each group in one piece, its main file first."""
    return sorted(files, key=lambda f: (int(groups[f.ordinal].id), groups[f.ordinal].number) if f.ordinal in groups else (f.ordinal, 0))


class _Counting(io.RawIOBase):
    """The raw archive as it is read, with the position and, after the last byte, its SHA-256."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = path.open("rb")
        self.position, self.hash, self.stopped = 0, hashlib.sha256(), False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.stopped:
            raise OSError(errno.ECANCELED, "not read further")
        n = self._file.readinto(buffer)
        self.position += n
        self.hash.update(memoryview(buffer)[:n])
        return n

    def close(self) -> None:
        self._file.close()
        super().close()


@dataclass
class ArchiveCollection:
    """An archive that SCOUT wrote."""

    origin: Path
    identities: Sequence[Any]
    total: int
    label: str
    id: str = ""
    _proof: tuple[str, list[str]] = ("", [])
    _header: dict[str, Any] = field(default_factory=dict)
    _custody: list[bytes] = field(default_factory=list)
    """compressed parts: a host has a hundred thousand wanted items"""
    _ending: tuple[str, str] = ("interrupted", "not read to the end")
    _stream: _Counting | None = None

    def open(self) -> ArchiveCollection:
        """Read `collection.json`. Complains where the file is no archive or the key does not fit."""
        with self._reading() as reader:
            for member in reader:
                if member.kind == "collection":
                    self._header = _header(_json(member.stream.read(1 << 24)))
                break
        self.id = safe_id(str(self._header.get("collection") or ""), self.origin)
        self.label = str(self._header["host"].get("name") or self.label) if self._header else self.label
        return self

    @contextmanager
    def _reading(self) -> Iterator[ArchiveReader]:
        """Open the archive. On early exit, stop the source and drain the reader so that the decrypting thread ends."""
        raw = self._stream = _Counting(self.origin)
        with raw, ArchiveReader(io.BufferedReader(raw, 1 << 20), self.identities) as reader:
            try:
                yield reader
            finally:
                raw.stopped = True
                for _ in reader:
                    pass

    def header(self) -> dict[str, Any]:
        return self._header

    def system(self) -> str:
        name = str(self._header["host"].get("os")).lower() if self._header else ""
        return name if name in SYSTEMS else ""

    def members(self) -> Iterator[Member]:
        self._custody = []
        head, before, broken = NOTHING, NOTHING, ""
        with self._reading() as reader:
            for member in reader:
                if member.kind in ("custody", "end"):
                    content = member.stream.read(min(member.size, MAX_PART))
                    broken = broken or _off_chain(member.name, content, head)
                if member.kind == "custody":
                    before, head = head, hashlib.sha256(content).hexdigest()
                    self._custody.append(_packed(content))
                elif member.kind in ("live", "files", "refused"):
                    yield self._member(member)
            whole = reader.state == "complete"
            self._ending = ("inconsistent", broken) if whole and broken else (reader.state, reader.reason or "")
            self._proof = self._hashed(), [head] if whole else [before, head]

    def _hashed(self) -> str:
        """Return the SHA-256 of the complete file, including bytes behind the end of the archive."""
        assert self._stream is not None
        while self._stream.read(1 << 20):
            pass
        return self._stream.hash.hexdigest()

    def _member(self, member: ArchiveMember) -> Member:
        source = member.source or member.name
        below = member.name if member.kind == "live" else below_root(source)
        facts = dict(member.facts)
        verdict = "taken"
        if member.kind == "refused":
            verdict, facts["reason"] = "refused", member.reason
        elif member.extents is not None and member.size - sum(length for _, length in member.extents) > HOLES:
            verdict, facts["reason"] = "over limit", f"its holes have more than {HOLES >> 30} GiB"
        kind = member.kind if verdict == "taken" else "refused"
        return Member(member.ordinal, kind, below, source, member.size, facts, member.stream.read, member.group, None, verdict)

    def position(self) -> int:
        return self._stream.position if self._stream is not None else 0

    def custody(self) -> Iterator[dict[str, Any]]:
        for part in self._custody:
            yield from filter(None, map(_json, zlib.decompress(part).split(b"\n")))

    def ending(self) -> tuple[str, str]:
        return self._ending

    def proof(self) -> tuple[str, list[str]]:
        return self._proof


def _json(text: bytes) -> dict[str, Any]:
    """Return a JSON object, {} for anything else. The second reader, which takes five times as long, takes lone surrogates as well."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return {}
    return found if isinstance(found, dict) else {}


def _off_chain(name: str, content: bytes, head: str) -> str:
    """Return an error for a custody part, or `end.json`, that does not carry the hash of the part before it; '' if it does."""
    said = _json(content.partition(b"\n")[0]).get("chain_head" if name == "end.json" else "previous")
    return "" if said in (None, head) else f"{name} does not carry the hash of the custody part before it: somebody changed the archive"


def _packed(part: bytes) -> bytes:
    """Return the sound lines of a custody part, compressed. `head` and `tail` of files that were not taken are left out."""
    lines = []
    for row in map(sound, map(_json, lines_of(part, lambda _: None))):
        if row.get("verdict"):
            row.pop("head", None)
            row.pop("tail", None)
            lines.append(dump(row))
    return zlib.compress(b"\n".join(lines), 1)


def _header(said: dict[str, Any]) -> dict[str, Any]:
    """Return collection.json with a `host` that is an object, and a `clock_offset` that is a number of seconds or None."""
    host, offset = said.get("host"), said.get("clock_offset")
    known = isinstance(offset, int | float) and not isinstance(offset, bool) and abs(offset) < MAX_OFFSET
    known_host = dict(host) if isinstance(host, dict) else {}
    if isinstance(known_host.get("name"), str):
        known_host["name"] = known_host["name"][:LONGEST_NAME]
    return {**said, "host": known_host, "clock_offset": offset if known else None}


def safe_id(text: str, origin: Path) -> str:
    """Return a collection id that is safe as a file name, on Windows too. The id in an archive is hostile input."""
    if re.fullmatch(r"(?ai)(?!(?:con|prn|aux|nul|com[0-9]|lpt[0-9])\Z)[0-9a-z][0-9a-z-]{0,63}", text):
        return text.lower()
    return hashlib.blake2b((text or origin.name).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def below_root(source: str) -> str:
    r"""Return `C:\Windows\System32` and `/etc/passwd` as a path below the volume's root, with `/`."""
    if re.match(r"[A-Za-z]:\\", source):
        return source[3:].replace("\\", "/")
    return source.replace("\\", "/").lstrip("/") if source.startswith("\\\\") else source.lstrip("/")
