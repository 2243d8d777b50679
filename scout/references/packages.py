"""Which of some files are unmodified files of a package, by the package databases of the examined host."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from scout.discovery import modules
from scout.formats import packages
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


class Unmodified(NamedTuple):
    """A file that is as its package has it."""

    package: str
    sha256: str
    size: int


def unmodified(
    source: EvidenceSource, timed: TimedCalls, files: Mapping[Parts, int], step: Callable[[Parts], None]
) -> dict[Parts, Unmodified]:
    """Return those of `files` (path → size) whose content has the digest that a package database of the host lists.

    `step` is called before each file that is read, and may raise to end it.
    """
    known = _listed(source, timed, {one_path("/" + "/".join(parts)) for parts in files}, step)
    out: dict[Parts, Unmodified] = {}
    left = MAX_ALL
    for parts, size in files.items():
        of_file = known.get(one_path("/" + "/".join(parts)), [])
        if not of_file or size > MAX_HASHED or size > left:
            continue
        step(parts)
        left -= size
        try:
            digests = _digests(source, timed, parts, {"sha256", *(one.algorithm for one in of_file)})
        except OSError:
            continue  # it is taken, and taking it reports the error
        for one in of_file:
            if digests.get(one.algorithm) == one.digest:
                out[parts] = Unmodified(one.package, digests["sha256"], size)
                break
    return out


def _listed(
    source: EvidenceSource, timed: TimedCalls, wanted: Collection[str], step: Callable[[Parts], None]
) -> dict[str, list[PackageFile]]:
    from scout.collecting.walk import walk

    out: dict[str, list[PackageFile]] = {}
    if not wanted:
        return out
    for _, module in modules(packages):
        tree = PatternTree(fold=False)
        for pattern in module.FILES:
            tree.add(pattern, module)
        for found in walk(source, tree, timed):
            if found.verdict or found.size > MAX_DATABASE:
                continue
            step(found.parts)
            try:
                content = timed.call(contents, source, found.parts, MAX_DATABASE)[0]
            except OSError:
                continue
            for one in module.listed("/".join(found.parts), content, wanted):
                out.setdefault(one.path, []).append(one)
    return out


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
