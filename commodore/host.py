"""The facts of one host: the frozen result of the facts pass, which every parser gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Host:
    """Facts of one host. Unknown is '' (or an empty mapping), never a guess; guessed values are named in `inferred`."""

    collection: str
    name: str = ""
    os: str = ""
    """windows, linux, macos or ''"""
    os_version: str = ""
    os_family: tuple[str, ...] = ()
    """of Linux: the system and those that it is made from, as `ubuntu`, `debian` (os-release(5), ID and ID_LIKE)"""
    timezone: str = ""
    """IANA name, or a fixed offset such as `+01:00`; '' where unknown"""
    clock_offset: float | None = None
    """seconds that the host's clock was behind the reference, where SCOUT was given one"""
    collected: str = ""
    """RFC 3339 UTC time of the collection; '' for plain input"""
    system_root: str = ""
    """`C:\\Windows`"""
    control_set: int = 0
    """number of the current control set; 0 where unknown"""
    users: Mapping[str, str] = field(default_factory=dict)
    """SID or uid (as text) → account name"""
    profiles: Mapping[str, str] = field(default_factory=dict)
    """SID or account name → profile or home directory, native path"""
    conflicts: tuple[str, ...] = ()
    """facts on which the evidence disagrees, one sentence each with the one that is used; they are in the ledger"""
    rights_kept: bool = True
    """modes and owners of the files are those of the host; False for a copy that did not keep them"""
    inferred: frozenset[str] = frozenset()
    """names of the attributes above that were guessed (`name` from a directory, `timezone` by default)"""
