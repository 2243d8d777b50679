r"""MountedDevices: volumes and drive letters, and the disk or device behind each."""

from __future__ import annotations

import re
from struct import unpack_from
from typing import Any

from commodore.registry import At, Made, Problem, each_value, registry_artefact
from scout.formats.regf import Value
from scout.formats.regf.data import text
from scout.formats.shell.folders import guid

_INTERFACE = re.compile(r"#\{[0-9A-Fa-f-]{36}\}$")
"""class of the interface behind the id of a device: the Enum tree has the id without it"""


def _volume(at: At, value: Value) -> Made:  # noqa: ARG001
    raw = value.raw
    made: dict[str, Any] = {"escadre.volume.mount_point": value.name.removeprefix("\\DosDevices\\")}
    if raw[:8] == b"DMIO:ID:" and len(raw) == 24:
        made["escadre.volume.partition"] = guid(raw[8:]).lower()
    elif len(raw) == 12:
        signature, offset = unpack_from("<IQ", raw)
        made |= {"escadre.volume.disk_signature": f"{signature:08x}", "escadre.volume.offset": offset}
    elif raw[:2] in (b"_\0", b"\\\0"):
        name = _INTERFACE.sub("", text(raw))
        made["device.id"] = name.removeprefix("_??_").removeprefix("\\??\\").replace("#", "\\")
    else:
        return [Problem(f"mounted device of an unknown form: {len(raw)} bytes that begin with {raw[:8].hex()}", value.name, lost=1)]
    return made


ARTEFACT, parse, expected = registry_artefact(
    name="mounted_devices",
    title="Mounted devices",
    about="Volumes and drive letters that the host gave: by disk signature and offset (MBR), by partition id (GPT), or by the name of "
    "a removable device. Connects a drive letter with a device and, through the volume's id, with a user (MountPoints2).",
    proves_not="When a letter was given: all values share the time of the key. A letter is given again to the next device.",
    keys=(r"System\MountedDevices",),
    read=each_value(_volume, names=("\\DosDevices\\*", "\\[?][?]\\*", "#{*")),
    fields=(
        "escadre.volume.mount_point",
        "escadre.volume.partition",
        "escadre.volume.disk_signature",
        "escadre.volume.offset",
        "device.id",
    ),
    category=("host",),
    action="device-observed",
    message="{escadre.volume.mount_point!q} was [the device {device.id!q}|partition {escadre.volume.partition}|a volume on the disk "
    "{escadre.volume.disk_signature} at {escadre.volume.offset!n}].",
    sources=("Supporting mount manager requests in a storage class driver, Microsoft Learn", "MountedDevices key, libyal winreg-kb"),
    version=2,
)
