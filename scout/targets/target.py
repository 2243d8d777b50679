"""What a target is: its places, its rule, its limits. `loader` reads targets from files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SampleRule:
    """When a file in the places of its target is suspicious: any one of these conditions."""

    headers: tuple[str, ...] = ()
    """types by first bytes: elf, pe, script (`#!`), class, php, archive, dump (of memory), ticket (Kerberos), database (ESE), hive"""
    extensions: tuple[str, ...] = ()
    """lower case, with the dot"""
    double: bool = False
    """`invoice.pdf.exe`: a document's extension before a program's"""
    names: tuple[str, ...] = ()
    """globs for the name, lower case"""
    unowned: bool = False
    """only files that no package of the host owns"""
    changed: bool = False
    """only files of packages whose content is not the package's"""
    crowd: int = 0
    """only names, or extensions added to a document's, that are in at least so many folders"""
    each: int = 5
    """files that are taken of one crowd"""
    listed: bool = False
    """custody lists them with their hash; nothing of their content is taken"""
    total: int = 512_000_000
    """bytes that the target takes at most"""
    count: int = 5_000
    """files that it takes at most"""
    looked: int = 100_000
    """files that are opened for it at most"""


@dataclass(frozen=True, slots=True)
class ReferenceLimits:
    """Limits of a target that takes the files which others refer to."""

    total: int
    """bytes that it takes at most"""
    count: int
    """files that it takes at most"""


@dataclass(frozen=True, slots=True)
class ListingLimits:
    """Limits of a target that lists all files of a volume: names, and seconds."""

    count: int
    seconds: int


@dataclass(frozen=True, slots=True)
class PathTest:
    """What a path that a pattern matches must pass besides. Regular expressions of definitions of other collectors."""

    names: tuple[str, ...] = ()
    """one of them is found in the name of the file, without case"""
    paths: tuple[str, ...] = ()
    """one of them is the complete path below the root, with a `/` before it"""

    def compiled(self, fold: bool) -> list[tuple[bool, re.Pattern[str]]]:
        """Return (whether it is for the name alone, the expression)."""
        flags = re.DOTALL | (re.IGNORECASE if fold else 0)
        return [(True, re.compile(one, re.IGNORECASE)) for one in self.names] + [(False, re.compile(one, flags)) for one in self.paths]


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionTarget:
    """One definition. `paths` and `first` are patterns (see `patterns`). `first`: files that identify the host, read before all others."""

    id: str
    what: str
    why: str
    os: str
    paths: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    live: tuple[str, ...] = ()
    """live sources, modules of `scout.live`"""
    groups: Mapping[str, str] = field(default_factory=dict)
    """role → file name of a companion, where {name} is the main file's name; without it, the target is one file"""
    exclude: tuple[str, ...] = ()
    """patterns that are excluded"""
    only: PathTest | None = None
    """what a path must pass besides, in a definition of another collector"""
    secret: tuple[str, ...] = ()
    """patterns that are listed in custody and never read: password hashes, private keys"""
    follow: tuple[str, ...] = ()
    """patterns of links that a program of the host opens: the file to which such a link leads is taken too"""
    configured: tuple[str, ...] = ()
    """readers of the host's configuration (modules of `scout.collecting.configured`) that name further files"""
    stream: bool = False
    """`%3A` in a file name of a plain tree is the colon of an NTFS stream"""
    rule: SampleRule | None = None
    referenced: ReferenceLimits | None = None
    """it takes the files that files which start programs, and running processes, name"""
    images: ReferenceLimits | None = None
    """it takes the programs of running processes that have no file any more"""
    sectors: bool = False
    """it takes the sectors of the disks that no file system has"""
    snapshots: bool = False
    """what the targets of triage take is taken from the oldest snapshot of the root too, as far as it differs"""
    listing: ListingLimits | None = None
    """it lists all files of the host in `live/files.jsonl`"""
    priority: str
    order: int
    cap: int
    """bytes of data per file"""
    size: str
    """usual size on an ordinary host, in words"""
    access: str
    reads: tuple[str, ...] = ()
    """Artefacts that read it, from `readers.json`, which is generated from their declarations."""
    unread: str = ""
    """Why no artefact reads it; empty where one does."""
