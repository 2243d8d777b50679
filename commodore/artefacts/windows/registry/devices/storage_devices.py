r"""Disks and other storage that is not by USB: SCSI, IDE, SATA, NVMe, SD cards, virtual disks."""

from __future__ import annotations

from commodore.registry import each_key, registry_artefact
from commodore.registry.devices import DEVICE_FIELDS, DEVICE_SOURCES, DEVICE_TIMES, device

ARTEFACT, parse, expected = registry_artefact(
    name="storage_devices",
    title="Disks and drives",
    about="Disks and drives that the host had: built-in ones, external ones by SATA or UASP, SD cards, and virtual disks such as "
    "mounted VHD and ISO files.",
    proves_not="That files were copied, or by whom.",
    keys=tuple(f"System\\CurrentControlSet\\Enum\\{bus}\\*\\*" for bus in ("SCSI", "IDE", "SD", "SDBUS", "NVME")),
    read=each_key(device),
    fields=DEVICE_FIELDS,
    times=DEVICE_TIMES,
    category=("host",),
    action="device-observed",
    message="The host had the drive {device.id!q}[ ({device.model.name!q})][, first at {escadre.device.first_installed}]"
    "[, last at {escadre.device.arrived}].",
    sources=DEVICE_SOURCES,
)
