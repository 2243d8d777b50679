"""Find the roots of file systems in an input directory: the directory itself, or folders below it.

Collectors put it below: `C/Windows/…`, `PC01/C/Windows/…`, `uploads/auto/C%3A/Windows/…`,
`clients/PC01/collections/F.1/uploads/auto/C%3A/Windows/…`. A folder that is named like a drive gives the
drive letter. Names are decoded only below a folder whose own name is encoded (`C%3A`), because only that collector encodes names.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

DEEPEST = 10
"""levels below the given directory at which a root is looked for"""
MOST = 20_000
"""directories that are looked at"""
TOPS = {
    "windows": ("windows", "winnt", "program files", "programdata", "documents and settings", "$mft", "$extend", "$recycle.bin"),
    "linux": ("etc", "var", "usr", "home", "root", "opt", "srv", "lib", "bin", "boot"),
    "": ("users", "live"),
}
"""top names of a host by operating system; those of '' are of any"""
_SURE = (
    ("windows/system32", "winnt/system32", "$mft", "$extend", "windows/prefetch"),
    ("etc/passwd", "etc/hostname", "etc/os-release", "etc/machine-id", "etc/shadow", "etc/fstab", "var/log/wtmp", "var/log/journal"),
    ("live/processes.jsonl",),
)
"""paths of which one must be there below a directory that nobody named as a host: `rules/windows` is a folder of rules, not a root"""
_DRIVE = re.compile(r"(?:(?:%5C|\\){2}(?:\.|%2E)(?:%5C|\\))?([A-Za-z])(?:%3A|:|_)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Volume:
    """The root of one volume: its folder, the drive letter ('' on Linux), and whether names below it are encoded."""

    folder: Path
    letter: str = ""
    encoded: bool = False


def host_like(folder: Path) -> bool:
    """Return whether the top names of a directory are those of a host."""
    names = {name.lower() for name, _ in _entries(folder)}
    return any(not names.isdisjoint(tops) for tops in TOPS.values())


def find(given: Path) -> list[list[Volume]]:
    """Return the hosts in a directory, each as its volumes; none where no root is found. Links are not followed."""
    if host_like(given):
        return [[_volume(given)]]
    hosts: dict[Path, list[Volume]] = {}
    pending = deque([(given, 0)])
    for _ in range(MOST):
        if not pending:
            break
        folder, depth = pending.popleft()
        if depth and _surely(folder):
            volume = _volume(folder)
            hosts.setdefault(folder.parent if volume.letter else folder, []).append(volume)
        elif depth < DEEPEST:
            pending.extend((folder / name, depth + 1) for name, is_folder in sorted(_entries(folder)) if is_folder)
    return [_with_drives(parent, volumes) for parent, volumes in sorted(hosts.items())]


def _with_drives(parent: Path, volumes: list[Volume]) -> list[Volume]:
    """Add the folders beside a drive that are named like drives too: data volumes have no system folders."""
    if not volumes[0].letter:
        return volumes
    known = {volume.folder for volume in volumes}
    beside = [parent / name for name, is_folder in sorted(_entries(parent)) if is_folder and _DRIVE.fullmatch(name)]
    return volumes + [_volume(folder) for folder in beside if folder not in known]


def _volume(folder: Path) -> Volume:
    drive = _DRIVE.fullmatch(folder.name)
    return Volume(folder, drive[1].upper(), "%" in folder.name) if drive else Volume(folder)


def _surely(folder: Path) -> bool:
    """Return whether a directory has what only the root of a host has."""
    tops = {name.lower(): name for name, _ in _entries(folder)}
    for path in (path for paths in _SURE for path in paths):
        top, _, below = path.partition("/")
        if top in tops and (not below or any(name.lower() == below.partition("/")[0] for name, _ in _entries(folder / tops[top]))):
            return True
    return False


def _entries(folder: Path) -> Iterator[tuple[str, bool]]:
    """Yield name and kind (true: a directory) of what is in a directory; nothing where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            yield from [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    except OSError:
        return


def decoded(name: str) -> str:
    """Return a path whose names are encoded with `%3A` and the like, as it was on the host. An encoded `/` stays as it is."""
    return "%2F".join(unquote(part, errors="surrogateescape") for part in re.split("%2[Ff]", name))
