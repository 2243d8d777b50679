"""Collections that another collector packed (Velociraptor, KAPE, CyLR, UAC): ZIP and tar, unpacked into a private folder of the case.

The folder is removed with the last collection that reads it; what a killed run left is removed by the next one. Names never lead out of
it, and no link is made in it: `links` has them. Modes, owners and times are those that the archive states: `facts` has them by path.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import re
import shutil
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import psutil
import zstandard

from commodore.case import private
from commodore.readers.archives import OF_HOST
from scout.console import Complaint, plural

MOST, LOOKED_AT = 4_000_000, 20_000
"""entries of one archive that are unpacked, and those among which evidence of a host is looked for"""
RATIO, FLOOR = 400, 1 << 30
"""unpacked bytes for each byte of the archive, and bytes that any archive may give"""
_ENDINGS = re.compile(r"(?i)\.(?:zip|tar|tgz|tbz2?|txz|tar\.\w{1,4})\Z")
_FILE_ENDING = re.compile(r"(?i)\.(?:gz|bz2|xz|zst)\Z")
_ENCRYPTED = 0x1
_TIMES = 0x5455
"""id of the extra field with the time of a file in UTC: Info-ZIP, extended timestamp"""
_BROKEN = (
    *(tarfile.TarError, zipfile.BadZipFile, zstandard.ZstdError, lzma.LZMAError, zlib.error, struct.error),
    *(ArithmeticError, AttributeError, EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError),
)
"""what the libraries of the formats raise for bad data"""


class PackedEntry(NamedTuple):
    """One entry. `kind`: file, link or hard link; `stream` opens its content."""

    name: str
    kind: str
    size: int
    facts: dict[str, Any]
    target: str
    stream: partial[BinaryIO] | None


@dataclass
class UnpackedFolder:
    """What was unpacked: the folder, facts of files by path in it, and what was not unpacked, in words; `cut`: the end is missing."""

    folder: Path
    holder: tempfile.TemporaryDirectory[str]
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    links: dict[Path, str] = field(default_factory=dict)
    """path that a symbolic link would have → where it leads to"""
    notes: list[str] = field(default_factory=list)
    cut: bool = False


def is_packed(path: Path) -> bool:
    """Return whether a file is a ZIP or tar with evidence of a host that can be unpacked without a password."""
    try:
        for number, entry in enumerate(_entries(path)):
            if entry.stream is not None and OF_HOST.search(entry.name):
                return True
            if number > LOOKED_AT:
                break
    except _BROKEN:
        return False
    return False


def unpacked(path: Path, into: Path) -> UnpackedFolder:
    """Unpack an archive below `into`. What is broken or refused is in `notes`. Raises Complaint where the disk is full."""
    made = _begun(into, _ENDINGS.sub("", path.name) or "collection")
    links: list[PackedEntry] = []
    left = max(FLOOR, RATIO * path.stat().st_size)
    refused = 0
    try:
        for number, entry in enumerate(_entries(path)):
            if number >= MOST or left <= 0:
                made.notes.append(
                    f"more than {MOST:,} entries, or more bytes than {RATIO} for each of the archive: the rest was not unpacked"
                )
                break
            name = _safe(entry.name)
            if not name or (entry.stream is None and not entry.target):
                refused += 1
            elif entry.stream is None:
                links.append(entry._replace(name=name))
            elif (size := _written(made.folder / name, entry.stream, left)) < 0:
                refused += 1
            else:
                left -= size
                made.facts[name] = entry.facts
    except _BROKEN as e:
        made.notes.append(f"the archive cannot be read further: {type(e).__name__}: {e}"[:200])
        made.cut = True
    refused += sum(not _linked(made, link) for link in links)
    if refused:
        verb = "was" if refused == 1 else "were"
        why = "encrypted, broken, of a name that is there already, or outside of the folder"
        made.notes.append(f"{plural(refused, 'entry', 'entries')} {verb} not unpacked: {why}")
    return made


def single(path: Path, into: Path) -> UnpackedFolder | None:
    """Unpack a compressed file that is no tar (`Security.evtx.gz`) below `into`; None where it is not compressed or broken."""
    stream = _decompressed(path)
    if stream is None:
        return None
    made = _begun(into, "file")
    name = _FILE_ENDING.sub("", path.name) or "file"
    if _written(made.folder / name, stream, max(FLOOR, RATIO * path.stat().st_size)) < 0:
        return None
    made.facts[name] = {"mtime": _moment(path.stat().st_mtime)}
    return made


def _begun(into: Path, name: str) -> UnpackedFolder:
    """Return a new folder below `into`. Folders of processes that have ended are removed. Raises Complaint."""
    try:
        for old in private.folder(into).iterdir():
            if not _runs(old.name.partition("-")[0]):
                shutil.rmtree(old, ignore_errors=True)
        holder = tempfile.TemporaryDirectory(prefix=f"{os.getpid()}-", dir=into)
        return UnpackedFolder(private.folder(Path(holder.name, name)), holder)
    except OSError as e:
        raise Complaint(f"{into} cannot be written: {e.strerror}.", "Give another directory with -o.") from None


def _runs(process: str) -> bool:
    """Return whether a process runs. One that was killed and that nobody has waited for yet does not."""
    try:
        return psutil.Process(int(process)).status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, ValueError, OverflowError):
        return False


def _written(path: Path, opened: partial[BinaryIO], most: int) -> int:
    """Write a file and return its size; -1 where it is broken, too large, or there already. Raises Complaint where the disk is full."""
    size = 0
    try:
        private.folder(path.parent)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except (OSError, ValueError):
        return -1
    with os.fdopen(descriptor, "wb") as out:
        try:
            with opened() as stream:
                while chunk := stream.read(1 << 20):
                    size += len(chunk)
                    if size > most:
                        break
                    _put(out, chunk)
        except _BROKEN:
            size = most + 1
    if size <= most:
        return size
    path.unlink()
    return -1


def _put(out: BinaryIO, chunk: bytes) -> None:
    try:
        out.write(chunk)
    except OSError as e:
        raise Complaint(
            f"the collection cannot be unpacked into the case: {e.strerror}.",
            "Make room on the disk of the case, or unpack it yourself and give the folder.",
        ) from None


def _linked(made: UnpackedFolder, link: PackedEntry) -> bool:
    """Note a symbolic link, or make a further name of a file. Returns False where the name is there already, or leads to nothing."""
    path = made.folder / link.name
    if path in made.links or os.path.lexists(path):
        return False
    if link.kind == "link":
        made.links[path] = link.target
        made.facts[link.name] = link.facts
        return True
    target = _safe(link.target)
    if target not in made.facts or made.folder / target in made.links:
        return False
    try:
        private.folder(path.parent)
        os.link(made.folder / target, path, follow_symlinks=False)
    except (OSError, ValueError):
        return False
    made.facts[link.name] = made.facts[target]
    return True


def _safe(name: str) -> str:
    """Return the name of an entry as a path below the folder; '' for one that leads out of it."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return "" if ".." in parts or "\0" in name else "/".join(parts)


def _entries(path: Path) -> Iterator[PackedEntry]:
    with path.open("rb") as stream:
        head = stream.read(265)
    if head.startswith(b"PK\x03\x04"):
        yield from _of_zip(path)
    elif (opened := _decompressed(path)) is not None or head[257:262] == b"ustar":
        yield from _of_tar(opened or partial(cast(Any, open), path, "rb"))


def _decompressed(path: Path) -> partial[BinaryIO] | None:
    with path.open("rb") as stream:
        head = stream.read(6)
    for magic, opener in ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\0", lzma.open), (b"\x28\xb5\x2f\xfd", _zstd)):
        if head.startswith(magic):
            return cast("partial[BinaryIO]", partial(cast(Any, opener), path, "rb"))
    return None


def _zstd(path: Path, _: str) -> BinaryIO:
    """Open a file of one or more frames of zstd."""
    return cast(BinaryIO, zstandard.ZstdDecompressor().stream_reader(path.open("rb"), read_across_frames=True, closefd=True))


def _of_tar(opened: partial[BinaryIO]) -> Iterator[PackedEntry]:
    with opened() as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            facts = {"mode": f"{member.mode & 0o7777:04o}", "uid": member.uid, "gid": member.gid, "mtime": _moment(member.mtime)}
            if member.isreg():
                yield PackedEntry(member.name, "file", member.size, facts, "", partial(_extracted, archive, member))
            elif member.issym() or member.islnk():
                kind = "link" if member.issym() else "hard link"
                yield PackedEntry(member.name, kind, 0, facts, member.linkname, None)
            archive.members.clear()  # type: ignore[attr-defined]  # tarfile keeps every member; a long archive would fill the memory


def _extracted(archive: tarfile.TarFile, member: tarfile.TarInfo) -> BinaryIO:
    return cast(BinaryIO, archive.extractfile(member) or io.BytesIO())


def _of_zip(path: Path) -> Iterator[PackedEntry]:
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        turned = not any("/" in info.orig_filename for info in infos)  # written with the separators of Windows
        for info in infos:
            name = info.orig_filename.replace("\\", "/") if turned else info.orig_filename
            if name.endswith("/"):
                continue
            mode = info.external_attr >> 16 if info.create_system == 3 else 0
            facts: dict[str, Any] = {"mode": f"{mode & 0o7777:04o}"} if mode else {}
            if moment := _time(info.extra):
                facts["mtime"] = moment
            opened = partial(cast(Any, archive).open, info)
            if stat.S_ISLNK(mode) and info.file_size < 4096:
                with opened() as stream:
                    yield PackedEntry(name, "link", 0, facts, stream.read().decode("utf-8", "surrogateescape"), None)
            else:
                locked = bool(info.flag_bits & _ENCRYPTED)
                yield PackedEntry(name, "file", info.file_size, facts, "", None if locked else cast("partial[BinaryIO]", opened))


def _time(extra: bytes) -> str:
    """Return the time of a file from its extra fields, '' without one: the time of the entry itself is local time of an unknown zone."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        if kind == _TIMES and size >= 5 and extra[at + 4 : at + 5] and extra[at + 4] & 1:
            return _moment(int(struct.unpack_from("<i", extra, at + 5)[0])) if at + 9 <= len(extra) else ""
        at += 4 + size
    return ""


def _moment(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return ""


def candidates(files: Iterable[Path]) -> list[Path]:
    """Return those of the files that are packed collections."""
    return [path for path in files if _ENDINGS.search(path.name) and is_packed(path)]
