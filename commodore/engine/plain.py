"""Plain input: a directory with the files of a host, or one file, walked in a stable order without following links."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from commodore.artefact import Group
from commodore.engine.roots import TOPS, Volume, decoded
from scout.sources import driver_links

_SURROGATE = 0x2000_0000
"""bit of a reparse tag: what has it stands for another object ([MS-FSCC] 2.1.2.1)"""
WINDOWS_FILES = (".evtx", ".evt", ".pf", ".lnk", ".dat", ".exe", ".dll", ".reg", ".job")


_SAMPLE = 8192
NO_LINKS: Mapping[Path, str] = MappingProxyType({})
_JOURNAL = re.compile(r"(?i)(\$Extend/\$UsnJrnl)%3A\$J")
"""the change journal, as collectors write its name on file systems that have no streams"""
_ROTATED = re.compile(r"(var/log/.*?[^/])(?:\.\d{1,3}|-\d{8})(?:\.(?:gz|xz|bz2|zst))?", re.DOTALL)


@dataclass(slots=True)
class PlainFile:
    """One file of plain input.

    below    path below the root of its volume, with `/`; without a root, the path below the given directory
    source   full native path; without a root, the same as `below` was at first
    """

    ordinal: int
    path: Path
    below: str
    source: str
    size: int
    facts: dict[str, Any] = field(default_factory=dict)
    verdict: str = "taken"
    placed: bool = True
    """whether it is below a root, so that `source` is a path of the host"""


def walk(
    given: Path, volumes: Sequence[Volume] = (), without: Collection[Path] = (), links: Mapping[Path, str] = NO_LINKS
) -> tuple[str, list[PlainFile]]:
    """Return the operating system that the layout shows (windows, linux or '') and all files of a directory, sorted by path.

    volumes   roots in it
    without   folders that belong to another host
    links     path → target of symbolic links that an unpacked archive has and the disk has not
    """
    listed = (path for path in links if path.is_relative_to(given) and not any(path.is_relative_to(folder) for folder in without))
    found = sorted((*_entries(given, without), *listed), key=lambda path: path.as_posix().encode("utf-8", "surrogateescape"))
    places = [(path, *_place(given, volumes, path)) for path in found]
    system = layout(below for _, below, volume in places if volume or not volumes)
    files = [_file(i, below, path, system, volume, links.get(path)) for i, (path, below, volume) in enumerate(places)]
    _note_rotation(files)
    return system, files


def _note_rotation(files: Iterable[PlainFile]) -> None:
    """Give each log the fact `rotated`: the newest modification time of the logs that were rotated from it (`auth.log` of `auth.log.1`).

    They were written before it. A copy of a host has no change times that say so.
    """
    newest: dict[str, str] = {}
    for file in files:
        found = _ROTATED.fullmatch(file.below)
        if found and isinstance(when := file.facts.get("mtime"), str):
            newest[found[1]] = max(when, newest.get(found[1], ""))
    for file in files:
        if when := newest.get(file.below):
            file.facts["rotated"] = when


def single(path: Path) -> PlainFile:
    """Return one file as the only member of its collection. Its path on the host is not known."""
    return _file(0, path.name, path, "", None)


def _place(given: Path, volumes: Sequence[Volume], path: Path) -> tuple[str, Volume | None]:
    """Return the path below the root of its volume, and the volume; without one, the path below the given directory.

    Names are those on the disk, nothing is decoded: a log of Windows is called `…PrintService%4Admin.evtx`.
    """
    text = path.as_posix()
    for volume in volumes:
        if (below := _below(volume.folder, text)) is None:
            continue
        below = decoded(below) if volume.encoded else below
        if _JOURNAL.search(below) and not path.with_name("$UsnJrnl:$J").exists():
            below = _JOURNAL.sub(r"\1:$J", below)
        return below, volume
    below = _below(given, text)
    return text if below is None else below, None


def _below(folder: Path, path: str) -> str | None:
    """Return the path below a folder, or None where it is not below it. As text: a tree has a million of them."""
    prefix = folder.as_posix()
    if prefix == ".":
        return path
    prefix = prefix if prefix.endswith("/") else prefix + "/"
    return path[len(prefix) :] if path.startswith(prefix) else "." if path + "/" == prefix else None


def _entries(given: Path, without: Collection[Path]) -> Iterator[Path]:
    pending = [given]
    while pending:
        folder = pending.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            yield folder
            continue
        for entry in entries:
            path = Path(entry.path)
            if not entry.is_dir(follow_symlinks=False) or (os.name == "nt" and leads_elsewhere(entry.stat(follow_symlinks=False))):
                yield path
            elif path not in without:
                pending.append(path)


def leads_elsewhere(status: os.stat_result) -> bool:
    """Return whether this is a link or, on Windows, a junction, which counts as a folder there: it may lead out of what was given."""
    return stat.S_ISLNK(status.st_mode) or bool(getattr(status, "st_reparse_tag", 0) & _SURROGATE)


def native(below: str, system: str, letter: str = "") -> str:
    """Return the full native path of what is at `below`; the drive is C where no folder names it."""
    return f"{letter or 'C'}:\\" + below.replace("/", "\\") if system == "windows" else "/" + below


def _file(ordinal: int, below: str, path: Path, system: str, volume: Volume | None, link: str | None = None) -> PlainFile:
    source = native(below, system, volume.letter) if volume else below
    if link is None:
        made = _examined(ordinal, below, path, source)
    else:
        made = PlainFile(ordinal, path, below, source, 0, {"link": link, "type": "link"}, "link")
    made.placed = volume is not None
    return made


def _examined(ordinal: int, below: str, path: Path, source: str) -> PlainFile:
    try:
        status = path.lstat()
    except OSError as e:
        return PlainFile(ordinal, path, below, source, 0, {"error": e.strerror}, "error")
    facts: dict[str, Any] = {
        "mtime": _time(status.st_mtime_ns),
        "mode": f"{stat.S_IMODE(status.st_mode):04o}",
        "uid": status.st_uid,
        "gid": status.st_gid,
    }
    if leads_elsewhere(status):
        text = driver_links.of_reparse_point(str(path)) or str(path.readlink())
        return PlainFile(ordinal, path, below, source, 0, facts | {"link": text, "type": "link"}, "link")
    if not stat.S_ISREG(status.st_mode):
        reason = "directory cannot be read" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        return PlainFile(ordinal, path, below, source, 0, facts | {"error": reason}, "denied" if stat.S_ISDIR(status.st_mode) else "error")
    return PlainFile(ordinal, path, below, source, status.st_size, facts)


def rights_kept(files: Iterable[PlainFile]) -> bool:
    """Return whether a tree has the modes and owners of its host: some files may be executed, some not, and root alone may write some.

    A tree that was unpacked or copied has one mode for all its files, or the owner of the copy.
    """
    known = [
        (int(f.facts["mode"], 8), f.facts["uid"]) for f in files if f.placed and f.verdict == "taken" and {"mode", "uid"} <= f.facts.keys()
    ]
    may_run = {mode & 0o111 != 0 for mode, _ in known}
    return len(may_run) > 1 and any(uid == 0 and not mode & 0o022 for mode, uid in known)


def _time(ns: int) -> str:
    seconds, rest = divmod(ns, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:09d}Z"


def layout(paths: Iterable[str]) -> str:
    """Return `windows`, `linux` or '' for the paths of a tree: by its top folders, else by the kinds of files in it."""
    tops: set[str] = set()
    files = 0
    windows_files = False
    for path in paths:
        low = path.lower()
        if low.startswith("live/"):
            continue
        tops.add(low.split("/", 1)[0])
        files += 1
        windows_files = windows_files or low.endswith(WINDOWS_FILES)
    for system in ("windows", "linux"):
        if not tops.isdisjoint(TOPS[system]):
            return system
    if windows_files or "users" in tops:
        return "windows"
    return "linux" if files else ""


def collection_id(files: list[PlainFile]) -> str:
    """Return the id of a plain collection: BLAKE2b-128 over sorted relative paths, sizes, and the first and last 8 KiB of each file.

    That is all of a small file: hives of two hosts may have equal sizes and headers.
    """
    whole = hashlib.blake2b(digest_size=16)
    for file in files:
        whole.update(f"{file.below}\0{file.size}\0{file.verdict}\0".encode("utf-8", "surrogateescape"))
        if file.verdict == "taken":
            try:
                with file.path.open("rb") as stream:
                    parts = hashlib.blake2b(stream.read(_SAMPLE), digest_size=16)
                    if file.size > _SAMPLE:
                        stream.seek(max(_SAMPLE, file.size - _SAMPLE))
                        parts.update(stream.read(_SAMPLE))
                    whole.update(parts.digest())
            except OSError as e:
                file.verdict, file.facts["error"] = "denied", e.strerror
    return whole.hexdigest()


def companions(file: PlainFile, group: Group, beside: Mapping[str, Mapping[str, list[PlainFile]]]) -> dict[str, PlainFile]:
    """Role → companion of a group. `beside` maps a folder to its files by name in lower case.

    Of files whose names differ in case alone, the one that is written like the main file is its companion.
    """
    folder, _, name = file.below.rpartition("/")
    there = beside.get(folder, {})
    result: dict[str, PlainFile] = {}
    if group.main and group.main.lower() != name.lower():
        return result
    for role, pattern in group.companions.items():
        wanted = pattern.lower().replace("{name}", name.lower())
        found = there.get(wanted, [])
        if not found and any(c in pattern for c in "*?["):
            wanted = pattern.lower().replace("{name}", "".join(f"[{c}]" if c in "*?[" else c for c in name.lower()))
            found = [other for n in fnmatch.filter(there, wanted) for other in there[n]]
        found = [other for other in found if other is not file]
        if found:
            written = pattern.replace("{name}", name)
            result[role] = min(found, key=lambda other: (_unlike(other.below.rpartition("/")[2], written), other.below))
    return result


def _unlike(name: str, other: str) -> int:
    """Return in how many letters two names differ in case."""
    return sum(a != b for a, b in zip(name, other, strict=False))


def by_folder(files: Iterable[PlainFile]) -> dict[str, dict[str, list[PlainFile]]]:
    """Files that can be read, by folder and by name in lower case."""
    result: dict[str, dict[str, list[PlainFile]]] = {}
    for file in files:
        if file.verdict == "taken":
            folder, _, name = file.below.rpartition("/")
            result.setdefault(folder, {}).setdefault(name.lower(), []).append(file)
    return result
