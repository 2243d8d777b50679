"""Plain input: a directory laid out like a host, or one file, walked in a stable order without following links."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from commodore.artefact import Artefact

WINDOWS_SIGNS = ("windows", "winnt", "program files", "programdata", "documents and settings", "$mft", "$extend", "$recycle.bin")
LINUX_SIGNS = ("etc", "var", "usr", "home", "root", "opt", "srv", "lib", "bin", "boot")
WINDOWS_FILES = (".evtx", ".evt", ".pf", ".lnk", ".dat", ".exe", ".dll", ".reg", ".job")


@dataclass(slots=True)
class PlainFile:
    """One file below a plain directory: `below` is its native path below the volume's root with `/`, `source` the full native path."""

    ordinal: int
    path: Path
    below: str
    source: str
    size: int
    facts: dict[str, Any] = field(default_factory=dict)
    verdict: str = "taken"


def walk(root: Path) -> tuple[str, list[PlainFile]]:
    """All files of a plain directory, sorted by path, and the operating system that its layout shows (windows, linux or '')."""
    found = sorted(_entries(root), key=lambda pair: pair[0].encode("utf-8", "surrogateescape"))
    system = layout(name for name, _ in found)
    return system, [_file(i, below, entry, system) for i, (below, entry) in enumerate(found)]


def single(path: Path, system: str) -> PlainFile:
    """One file as the only member of its collection, lying at the root of its volume."""
    return _file(0, path.name, path, system)


def _entries(root: Path) -> Iterator[tuple[str, Path]]:
    pending = [root]
    while pending:
        folder = pending.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            yield _below(root, folder), folder
            continue
        for entry in entries:
            path = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                pending.append(path)
            else:
                yield _below(root, path), path


def _below(root: Path, path: Path) -> str:
    """Native path below the root: `%3A` and the like in names stand for what the analyst's file system cannot hold."""
    return unquote(path.relative_to(root).as_posix(), errors="surrogateescape")


def native(below: str, system: str) -> str:
    """The full native path of what lies at `below`."""
    return "C:\\" + below.replace("/", "\\") if system == "windows" else "/" + below


def _file(ordinal: int, below: str, path: Path, system: str) -> PlainFile:
    source = native(below, system)
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
    if stat.S_ISLNK(status.st_mode):
        return PlainFile(ordinal, path, below, source, 0, facts | {"link": str(path.readlink()), "type": "link"}, "link")
    if not stat.S_ISREG(status.st_mode):
        reason = "directory cannot be read" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        return PlainFile(ordinal, path, below, source, 0, facts | {"error": reason}, "denied" if stat.S_ISDIR(status.st_mode) else "error")
    return PlainFile(ordinal, path, below, source, status.st_size, facts)


def _time(ns: int) -> str:
    seconds, rest = divmod(ns, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:09d}Z"


def layout(paths: Iterable[str]) -> str:
    """`windows`, `linux` or '' from the relative paths of a tree: by its top folders, else by the kinds of files in it."""
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
    if any(sign in tops for sign in WINDOWS_SIGNS):
        return "windows"
    if any(sign in tops for sign in LINUX_SIGNS):
        return "linux"
    if windows_files or "users" in tops:
        return "windows"
    return "linux" if files else ""


def host_like(root: Path) -> bool:
    """Whether the directory's top folders are those of a host."""
    try:
        names = {entry.name.lower() for entry in os.scandir(root)}
    except OSError:
        return False
    return not names.isdisjoint((*WINDOWS_SIGNS, *LINUX_SIGNS, "users", "live"))


def collection_id(files: list[PlainFile]) -> str:
    """Deterministic id of a plain collection: BLAKE2b-128 over sorted relative paths, sizes and the first 4 KiB of each file."""
    whole = hashlib.blake2b(digest_size=16)
    for file in files:
        whole.update(f"{file.below}\0{file.size}\0{file.verdict}\0".encode("utf-8", "surrogateescape"))
        if file.verdict == "taken":
            try:
                with file.path.open("rb") as stream:
                    whole.update(hashlib.blake2b(stream.read(4096), digest_size=16).digest())
            except OSError as e:
                file.verdict, file.facts["error"] = "denied", e.strerror
    return whole.hexdigest()


def companions(file: PlainFile, artefact: Artefact, beside: Mapping[str, Mapping[str, PlainFile]]) -> dict[str, PlainFile]:
    """Role → companion of a group. `beside` maps a folder to its files by name, both in lower case."""
    if artefact.group is None:
        return {}
    folder, _, name = file.below.lower().rpartition("/")
    there = beside.get(folder, {})
    result = {}
    for role, pattern in artefact.group.companions.items():
        wanted = pattern.lower().replace("{name}", name)
        if (other := there.get(wanted)) is not None:
            found = [other]
        elif any(c in pattern for c in "*?["):
            wanted = pattern.lower().replace("{name}", "".join(f"[{c}]" if c in "*?[" else c for c in name))
            found = [there[n] for n in fnmatch.filter(there, wanted)]
        else:
            continue
        if found and found[0] is not file:
            result[role] = found[0]
    return result


def by_folder(files: Iterable[PlainFile]) -> dict[str, dict[str, PlainFile]]:
    """Files that can be read, by folder and name, both in lower case."""
    result: dict[str, dict[str, PlainFile]] = {}
    for file in files:
        if file.verdict == "taken":
            folder, _, name = file.below.lower().rpartition("/")
            result.setdefault(folder, {})[name] = file
    return result
