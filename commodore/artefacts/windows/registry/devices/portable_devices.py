r"""Portable devices: phones, cameras and volumes that Windows listed with a name of their own."""

from __future__ import annotations

from typing import Any

from commodore.registry import At, each_key, registry_artefact
from scout.formats.regf import Key


def _portable(at: At, key: Key) -> dict[str, Any]:  # noqa: ARG001
    name = key.text("FriendlyName") or key.text("DeviceDesc")
    return {"device.id": key.name.replace("#", "\\"), "device.model.name": name.rpartition(";")[2] or None}


ARTEFACT, parse, expected = registry_artefact(
    name="portable_devices",
    title="Portable devices",
    about="Phones, cameras, sticks and cards that were connected, with the name or drive letter that Windows showed for them.",
    proves_not="When the device was connected last, or that files were copied.",
    keys=(r"Software\Microsoft\Windows Portable Devices\Devices\*", r"System\CurrentControlSet\Enum\SWD\WPDBUSENUM\*"),
    read=each_key(_portable),
    fields=("device.id", "device.model.name"),
    times={"@timestamp": "last write of the device's key: as a rule the first connection, or the last one with another drive letter"},
    category=("host",),
    action="device-observed",
    attack=("T1052.001",),
    message="The portable device {device.id!q}[ was shown as {device.model.name!q}| was connected].",
    sources=("Windows Portable Devices, Microsoft Learn", "USB Storage Device Forensics, H. Carvey"),
)
