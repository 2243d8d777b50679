r"""Open disks and images as one examined host: volumes with their names, shadow copies, and what could not be read.

A Windows host has NTFS volumes with drive letters, and shadow copies as `C@vss1`, `C@vss2` …, the oldest first. A Linux host has its root,
with the volumes that its fstab mounts below it. Everything else is named with the reason why it is not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from scout.blocks import BlockReader
from scout.collecting import identity
from scout.console import WRONG_USE, Complaint, megabytes
from scout.sources import shadow
from scout.sources.disk import ExaminedDisk, open_disk
from scout.sources.ext import ExtSource
from scout.sources.filesystems import VolumeKind, identify
from scout.sources.fstab import MountedSource, mount
from scout.sources.letters import assign, mounted_devices
from scout.sources.ntfs import NtfsSource
from scout.sources.partitions import DiskPartition, guid, partitions, window
from scout.sources.source import EvidenceSource

METHOD = "image"
_OWN = {"ntfs": "windows", "ext": "linux"}
"""file system → the system that has it"""


class UnreadVolume(NamedTuple):
    """A volume, or a part of a disk, that is not read. `name`: `disk1p2`; `where`: for a person; `why`: a sentence."""

    name: str
    where: str
    why: str


@dataclass(slots=True)
class _Volume:
    """A volume that was found. `source` is None where it is not read."""

    name: str
    disk: ExaminedDisk
    partition: DiskPartition
    blocks: BlockReader
    kind: VolumeKind
    source: NtfsSource | ExtSource | None = None
    why: str = ""

    @property
    def where(self) -> str:
        """The volume for a person."""
        part = f", partition {self.partition.number}" if self.partition.number else ""
        return f"{self.disk.path.name}{part} ({self.kind.name}, {megabytes(self.partition.size)})"


@dataclass(slots=True)
class ImagedHost:
    """The volumes of one host. `sources`: that of the system first. `volumes`: rows for collection.json."""

    system: str
    sources: list[EvidenceSource]
    disks: list[ExaminedDisk]
    unread: list[UnreadVolume] = field(default_factory=list)
    volumes: list[dict[str, Any]] = field(default_factory=list)


def open_images(paths: Sequence[Path], system: str = "", *, shadows: bool = True) -> ImagedHost:
    """Open the disks of one host. `system`: windows or linux where they do not show it. Complaint where nothing can be read."""
    disks = [open_disk(path) for path in dict.fromkeys(paths)]
    unread: list[UnreadVolume] = []
    volumes = [volume for number, disk in enumerate(disks, 1) for volume in _volumes(number, disk, unread)]
    system, main = _system(volumes, system)
    sources = _windows(volumes, main, unread, shadows=shadows) if system == "windows" else _linux(volumes, main)
    for volume in volumes:
        if volume.source is None or not any(volume.source in _parts(source) for source in sources):
            why = volume.why or _left_out(volume, system)
            unread.append(UnreadVolume(volume.name, volume.where, why))
    return ImagedHost(system, sources, disks, unread, [_row(volume, sources) for volume in volumes])


def _left_out(volume: _Volume, system: str) -> str:
    """Return why a volume that can be read is not part of the host."""
    if system == "linux" and volume.kind.id == "ext":
        return "fstab does not name it by UUID, LABEL or PARTUUID: collect its image alone, or mount it and use --root"
    return f"not a volume of {'Windows' if system == 'windows' else 'Linux'}: collect it with --os {_OWN[volume.kind.id]}"


def _volumes(number: int, disk: ExaminedDisk, unread: list[UnreadVolume]) -> list[_Volume]:
    try:
        table = partitions(disk.blocks)
    except OSError as e:
        raise Complaint(f"--image {disk.path} cannot be read: {e.strerror or e}.", "Check that the image is whole.") from e
    name = f"disk{number}"
    unread.extend(UnreadVolume(name, disk.path.name, problem) for problem in table.problems)
    return [_volume(f"{name}p{one.number}" if one.number else name, disk, one) for one in table.partitions]


def _volume(name: str, disk: ExaminedDisk, partition: DiskPartition) -> _Volume:
    blocks = window(disk.blocks, partition)
    try:
        kind = identify(blocks)
        volume = _Volume(name, disk, partition, blocks, kind, why=kind.why)
        if kind.id == "ntfs":
            volume.source = NtfsSource(blocks, method=METHOD, path=str(disk.path))
        elif kind.id == "ext":
            volume.source = ExtSource(blocks, volume=name, method=METHOD, path=str(disk.path))
    except OSError as e:
        kind = VolumeKind("unknown", "damaged", "")
        return _Volume(name, disk, partition, blocks, kind, why=f"damaged beyond reading: {e.strerror or e}")
    return volume


def _system(volumes: Sequence[_Volume], wanted: str) -> tuple[str, _Volume | None]:
    """Return the system of the host, and the volume that has it: None where no volume has one. Complaint where it is not clear."""
    found: list[tuple[str, _Volume]] = []
    for volume in volumes:
        own = _OWN.get(volume.kind.id, "")
        try:
            if volume.source is not None and own in identity.systems_of(volume.source):
                found.append((own, volume))
        except OSError as e:
            volume.source, volume.why = None, f"damaged beyond reading: {e.strerror or e}"
    systems = {system for system, _ in found if not wanted or system == wanted}
    if len(systems) > 1:
        raise Complaint("The disks have a Windows and a Linux system.", "Say which to collect: --os windows or --os linux.", WRONG_USE)
    if systems:
        system = systems.pop()
        return system, next(volume for own, volume in found if own == system)
    kinds = [volume.kind.id for volume in volumes if volume.source is not None]
    if not kinds:
        what = "; ".join(f"{volume.where}: {volume.why}" for volume in volumes) or "no partition was found"
        raise Complaint(f"No volume of the disks can be read: {what}.", "Mount what can be mounted, read-only, and use --root.")
    return wanted or ("windows" if "ntfs" in kinds else "linux"), None


def _windows(volumes: Sequence[_Volume], main: _Volume | None, unread: list[UnreadVolume], *, shadows: bool) -> list[EvidenceSource]:
    mine = [volume for volume in volumes if isinstance(volume.source, NtfsSource)]
    known = {}
    if main is not None and main.source is not None:
        hive = identity.system_hive(main.source)
        known = mounted_devices(hive) if hive is not None else {}
    letters = assign([volume.partition.id for volume in mine], mine.index(main) if main in mine else None, known)
    used: set[str] = set()
    for volume, letter in zip(mine, letters, strict=True):
        source = volume.source
        assert isinstance(source, NtfsSource)
        source.letter, source.volume = letter, letter if letter not in used else f"{letter}@{volume.name}"
        source.partition = volume.partition.id
        used.add(letter)
    mine.sort(key=lambda volume: volume is not main)
    out: list[EvidenceSource] = [volume.source for volume in mine if volume.source is not None]
    for volume in mine if shadows else ():
        out.extend(_shadows(volume, unread))
    return out


def _shadows(volume: _Volume, unread: list[UnreadVolume]) -> list[EvidenceSource]:
    source, out = volume.source, list[EvidenceSource]()
    assert isinstance(source, NtfsSource)
    try:
        copies = shadow.shadow_copies(volume.blocks)
    except Complaint as c:
        unread.append(UnreadVolume(f"{volume.name}@vss", f"shadow copies of {volume.where}", f"{c.what} {c.do}"))
        return []
    except OSError as e:
        unread.append(UnreadVolume(f"{volume.name}@vss", f"shadow copies of {volume.where}", f"damaged: {e.strerror or e}"))
        return []
    for copy in copies:
        name = f"{source.volume}@vss{copy.number}" if "@" not in source.volume else f"{source.volume}.vss{copy.number}"
        where = f"{source.path}, shadow copy {copy.number} of {copy.created or 'an unknown time'}"
        try:
            out.append(NtfsSource(copy.blocks, letter=source.letter, name=name, method=METHOD, path=where, is_copy=True))
        except OSError as e:
            unread.append(UnreadVolume(f"{volume.name}@vss{copy.number}", where, f"damaged beyond reading: {e.strerror or e}"))
    return out


def _linux(volumes: Sequence[_Volume], main: _Volume | None) -> list[EvidenceSource]:
    mine = [volume for volume in volumes if isinstance(volume.source, ExtSource)]
    if main is None:
        return [volume.source for volume in mine if volume.source is not None]
    assert isinstance(main.source, ExtSource)
    main.source.volume = "root"
    others = [(volume.source, guid(volume.partition.id)) for volume in mine if isinstance(volume.source, ExtSource) and volume is not main]
    return [mount(main.source, others)]


def _parts(source: EvidenceSource) -> list[Any]:
    return source.parts if isinstance(source, MountedSource) else [source]


def _row(volume: _Volume, sources: Sequence[EvidenceSource]) -> dict[str, Any]:
    """Return what collection.json says of a volume."""
    row = {
        "volume": volume.source.volume if volume.source is not None else None,
        "place": volume.name,
        "image": str(volume.disk.path),
        "format": volume.disk.format,
        "start": volume.partition.start,
        "size": volume.partition.size,
        "file_system": volume.kind.name,
        "label": volume.partition.label,
        "not_read": volume.why,
    }
    copies = [source.path for source in sources if source.volume.startswith(f"{row['volume']}@vss")] if volume.source else []
    return {key: value for key, value in row.items() if value not in (None, "")} | ({"shadow_copies": copies} if copies else {})
