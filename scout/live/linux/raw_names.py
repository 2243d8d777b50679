"""Names that a folder has on the disk, and that the kernel does not list (`raw_names/1`): what a rootkit in the kernel hides.

The first object: folders (number that were compared), volumes (list of `mount device`), not_read (mounts that were not compared: list of
`mount file system: why`). Then one object for each name that differs: path; inode on the volume; named (it can be looked up).

Only ext2, ext3 and ext4 have a raw reader here; xfs, btrfs and others are in `not_read`. Folders of a mounted ext volume are in the
same cache of the kernel as its device, so what was just written is on both sides. Each difference is looked at twice.
Source: those of scout.formats.ext; proc(5), mountinfo.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from scout.blocks import FileBlocks
from scout.live.linux import _direct, procfs
from scout.live.linux.directory_views import folders
from scout.sources import mounts
from scout.sources.ext import ExtSource

SCHEMA = 1
_ESCAPE = re.compile(r"\\([0-7]{3})")


class _Mount(NamedTuple):
    place: str
    device: str
    number: str
    system: str
    top: str
    """folder of the volume that is mounted here: `/`, or a part of it (bind mount)"""


def collect() -> Iterator[dict[str, Any]]:
    """Yield the summary, and the names that only the disk has."""
    known, not_read, found, compared = {}, [], list[dict[str, Any]](), 0
    for mount in _mounts():
        if mount.system in ("ext2", "ext3", "ext4"):
            try:
                known[mount.place] = mount, _opened(mount)
                continue
            except OSError as e:
                why = e.strerror or str(e)
        else:
            why = "no raw reader"
        not_read.append(f"{mount.place} {mount.system}: {why}")
    try:
        for folder in folders() if known else ():
            place = max((one for one in known if folder == one or folder.startswith(one.rstrip("/") + "/")), key=len, default="")
            if not place or not _same_volume(folder, place):
                continue
            mount, source = known[place]
            inside = [part for part in (mount.top + folder[len(place.rstrip("/")) :]).split("/") if part]
            found += _different(folder, source, tuple(inside))
            compared += 1
    finally:
        for _, source in known.values():
            source.close()
    volumes = [f"{mount.place} {mount.device}" for mount, _ in known.values()]
    yield {"folders": compared, "volumes": volumes, "not_read": not_read}
    yield from found


def difference(row: dict[str, Any]) -> str:
    """Return the sentence for the summary, '' for a row that shows no difference."""
    return f"{row['path']} is on the disk, and the kernel does not list it" if "path" in row else ""


def _same_volume(folder: str, place: str) -> bool:
    try:
        return Path(folder).stat().st_dev == Path(place).stat().st_dev
    except OSError:
        return False


def _different(folder: str, source: ExtSource, parts: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    try:
        first = _hidden(folder, source, parts)
        for name in sorted(first & _hidden(folder, source, parts)) if first else ():
            path = f"{folder.rstrip('/')}/{procfs.text(os.fsencode(name))}"
            yield {"path": path, "inode": source.status((*parts, name)).st_ino, "named": os.path.lexists(f"{folder}/{name}")}
    except OSError:
        return  # the folder went away meanwhile, or cannot be listed: directory_views counts it


def _hidden(folder: str, source: ExtSource, parts: tuple[str, ...]) -> set[str]:
    """Return the names that the disk has, and the kernel before and after does not list."""
    before = {os.fsdecode(name) for name in _direct.names(folder)}
    source.forget()
    on_disk = {entry.name for entry in source.scan(parts, lambda _: True)}
    return on_disk - before - {os.fsdecode(name) for name in _direct.names(folder)} - {"lost+found"}


def _mounts() -> Iterator[_Mount]:
    """Yield the mounted local file systems that are on a device; the last mount at a place counts."""
    found = {}
    for line in procfs.lines("/proc/self/mountinfo"):
        fields, _, rest = line.partition(" - ")
        words, behind = fields.split(), rest.split()
        if len(words) < 5 or len(behind) < 2:
            continue
        place, system = _plain(words[4]), behind[0]
        if system in mounts.LOCAL and behind[1].startswith("/dev/"):
            found[place] = _Mount(place, _plain(behind[1]), words[2], system, _plain(words[3]).rstrip("/"))
        else:
            found.pop(place, None)
    yield from found.values()


def _opened(mount: _Mount) -> ExtSource:
    """Open the device by its number, whatever its name. Raises OSError."""
    name = procfs.link(f"/sys/dev/block/{mount.number}").rpartition("/")[2]
    device = Path("/dev", name) if name else Path(mount.device)
    if not device.exists():
        device = Path(mount.device)
    return ExtSource(FileBlocks(device), path=str(device))


def _plain(text: str) -> str:
    return _ESCAPE.sub(lambda one: chr(int(one[1], 8)), text)
