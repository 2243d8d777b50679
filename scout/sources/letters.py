r"""Give the volumes of disks the drive letters that their Windows gave them.

MountedDevices of the SYSTEM hive maps `\DosDevices\C:` to a disk signature with the offset of the partition (MBR), or to the GUID of the
partition (GPT). Where the hive is not there, or does not name the system's own volume: the volume with Windows is C, the others follow in
the order of disks and partitions. A volume that the hive does not name had no letter: it gets one from Z downwards.

Source: Microsoft, "Supporting Mount Manager Requests in a Storage Class Driver"; the layout of values as other readers of MountedDevices
describe it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scout.formats.regf import Hive

_PREFIX = "\\dosdevices\\"
_VOLUME = "\\??\\volume"
_GPT = b"DMIO:ID:"


def mounted_devices(hive: Hive) -> dict[bytes, str]:
    """Return partition id (see `DiskPartition.id`) → drive letter."""
    key = hive.find("MountedDevices")
    out: dict[bytes, str] = {}
    for value in key.values() if key is not None else ():
        name, data = value.name.lower(), value.raw
        letter = name.removeprefix(_PREFIX)
        if name.startswith(_PREFIX) and len(letter) == 2 and letter[0].isascii() and letter[0].isalpha() and letter[1] == ":":
            out[data.removeprefix(_GPT)] = letter[0].upper()
    return out


def volume_ids(hive: Hive) -> dict[str, bytes]:
    """Return GUID of a volume, `{…}` in lower case → partition id (see `DiskPartition.id`)."""
    key = hive.find("MountedDevices")
    values = [(value.name.lower(), value.raw) for value in key.values()] if key is not None else []
    return {name.removeprefix(_VOLUME): data.removeprefix(_GPT) for name, data in values if name.startswith(f"{_VOLUME}{{")}


def assign(ids: Sequence[bytes], system: int | None, known: dict[bytes, str]) -> list[str]:
    """Return a letter for each volume. `ids` in the order of disks; `system`: which of them has Windows, None for none of them."""
    out = [known.get(one, "") if one else "" for one in ids]
    out = [letter if letter not in out[:at] else "" for at, letter in enumerate(out)]
    from_hive = system is not None and bool(out[system])
    if not from_hive:
        out = [""] * len(ids)
        if system is not None:
            out[system] = "C"
    free = [chr(code) for code in (range(ord("Z"), ord("C"), -1) if from_hive else range(ord("C"), ord("Z") + 1))]
    free = [letter for letter in free if letter not in out]
    return [letter or (free.pop(0) if free else "Z") for letter in out]
