"""Which of some files are unmodified files of a package, by the package databases of the examined host."""

from __future__ import annotations

import hashlib
import os
from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from scout.discovery import modules
from scout.formats import packages, sqlite_wal
from scout.formats.linux_paths import one_path
from scout.formats.packages import PackageFile
from scout.sources.source import EvidenceSource, Parts, contents
from scout.sources.timed_calls import TimedCalls
from scout.targets.patterns import PatternTree

MAX_DATABASE = 256 << 20
"""bytes of one file of a database that are read"""
MAX_HASHED = 256 << 20
"""bytes of a file that is hashed"""
MAX_ALL = 8 << 30
"""bytes of all files that are hashed"""
_PIECE = 1 << 20
Step = Callable[[Parts], None]


class Unmodified(NamedTuple):
    """A file that is as its package has it."""

    package: str
    sha256: str
    size: int


def unmodified(source: EvidenceSource, timed: TimedCalls, files: Mapping[Parts, int], step: Step) -> dict[Parts, Unmodified]:
    """Return those of `files` (path → size) whose content has the digest that a package database of the host lists.

    `step` is called before each file that is read, and may raise to end it.
    """
    out: dict[Parts, Unmodified] = {}
    for parts, size, listed, digests in _compared(source, timed, files, step, {"sha256"}):
        for one in listed:
            if digests.get(one.algorithm) == one.digest:
                out[parts] = Unmodified(one.package, digests["sha256"], size)
                break
    return out


def modified(source: EvidenceSource, timed: TimedCalls, files: Mapping[Parts, int], step: Step) -> dict[Parts, str]:
    """Return those of `files` whose content has none of the digests that the package databases list for it, each with its package."""
    compared = _compared(source, timed, files, step, set())
    return {
        parts: listed[0].package for parts, _, listed, found in compared if all(found.get(one.algorithm) != one.digest for one in listed)
    }


def _compared(
    source: EvidenceSource, timed: TimedCalls, files: Mapping[Parts, int], step: Step, more: set[str]
) -> Iterator[tuple[Parts, int, list[PackageFile], dict[str, str]]]:
    """Yield (path, size, what the databases list for it, its digests) of each file that a database lists, as far as the limits allow."""
    known = _listed(source, timed, {one_path("/" + "/".join(parts)) for parts in files}, step)
    left = MAX_ALL
    for parts, size in files.items():
        of_file = known.get(one_path("/" + "/".join(parts)), [])
        if not of_file or size > MAX_HASHED or size > left:
            continue
        step(parts)
        left -= size
        try:
            yield parts, size, of_file, _digests(source, timed, parts, more | {one.algorithm for one in of_file})
        except OSError:
            continue  # it is taken, and taking it reports the error


class PackageOwners:
    """Which package of the host owns a path. Kept in 12 bytes a path: 64 bits of a keyed hash, which no one on the host can aim at."""

    def __init__(self, source: EvidenceSource, timed: TimedCalls, step: Step) -> None:
        self._key = os.urandom(16)
        self._names: list[str] = []
        numbers: dict[str, int] = {}
        found: dict[int, int] = {}
        for module, path, content in _databases(source, timed, "LISTS", step):
            for file, package in module.owned(path, content):
                if package not in numbers:
                    numbers[package] = len(self._names)
                    self._names.append(package)
                found.setdefault(self._mark(file), numbers[package])
        self._marks = array("Q", sorted(found))
        self._packages = array("I", (found[mark] for mark in self._marks))

    @property
    def known(self) -> bool:
        """Return whether the host has a database that was read: without one, nothing is known of any file."""
        return bool(self._names)

    def of(self, path: str) -> str:
        """Return the package that owns an absolute path; '' where none does."""
        mark = self._mark(one_path(path))
        at = bisect_left(self._marks, mark)
        return self._names[self._packages[at]] if at < len(self._marks) and self._marks[at] == mark else ""

    def _mark(self, path: str) -> int:
        digest = hashlib.blake2b(path.encode("utf-8", "surrogateescape"), digest_size=8, key=self._key).digest()
        return int.from_bytes(digest, "little")


def _listed(source: EvidenceSource, timed: TimedCalls, wanted: Collection[str], step: Step) -> dict[str, list[PackageFile]]:
    out: dict[str, list[PackageFile]] = {}
    for module, path, content in _databases(source, timed, "FILES", step) if wanted else ():
        for one in module.listed(path, content, wanted):
            out.setdefault(one.path, []).append(one)
    return out


def _databases(source: EvidenceSource, timed: TimedCalls, patterns: str, step: Step) -> Iterator[tuple[Any, str, bytes]]:
    """Yield (module, path, content) of each file of the databases of the host that the module's `patterns` name."""
    from scout.collecting.walk import walk

    for _, module in modules(packages):
        tree = PatternTree(fold=False)
        for pattern in getattr(module, patterns):
            tree.add(pattern, module)
        for found in walk(source, tree, timed):
            if found.verdict or found.size > MAX_DATABASE:
                continue
            step(found.parts)
            try:
                content = timed.call(contents, source, found.parts, MAX_DATABASE)[0]
            except OSError:
                continue
            yield module, "/".join(found.parts), _merged(source, timed, module, found.parts, content)


def _merged(source: EvidenceSource, timed: TimedCalls, module: Any, parts: Parts, content: bytes) -> bytes:
    """Return a database with what its log commits, where its kind has one beside it."""
    if (name := getattr(module, "LOG", None)) is None:
        return content
    try:
        log = timed.call(contents, source, (*parts[:-1], name.format(name=parts[-1])), sqlite_wal.LARGEST)[0]
    except OSError:
        return content
    return bytes(module.merged(content, log))


def _digests(source: EvidenceSource, timed: TimedCalls, parts: Parts, algorithms: Iterable[str]) -> dict[str, str]:
    made = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    file = timed.call(source.open, parts)
    try:
        while piece := timed.call(file.read, _PIECE):
            for digest in made.values():
                digest.update(piece)
    finally:
        file.close()
    return {name: digest.hexdigest() for name, digest in made.items()}
