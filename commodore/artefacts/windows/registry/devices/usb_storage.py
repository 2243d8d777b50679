r"""USBSTOR: disks and sticks that were connected by USB, with first and last connection."""

from __future__ import annotations

import re
from typing import Any

from commodore.registry import At, each_key, registry_artefact
from commodore.registry.devices import DEVICE_FIELDS, DEVICE_SOURCES, DEVICE_TIMES, device, serial_number
from scout.formats.regf import Key

_KIND = re.compile(r"(?i)(?P<kind>[^&]+)&Ven_(?P<vendor>[^&]*)&Prod_(?P<product>[^&]*)(?:&Rev_(?P<revision>[^&]*))?")


def _disk(at: At, key: Key) -> dict[str, Any]:
    made = device(at, key) | {"device.serial_number": serial_number(key.name)}
    if found := _KIND.fullmatch(at.parts[4]):
        made["device.manufacturer"] = found["vendor"].replace("_", " ").strip() or made.get("device.manufacturer")
        made.setdefault("device.model.name", found["product"].replace("_", " ").strip() or None)
    return made


ARTEFACT, parse, expected = registry_artefact(
    name="usb_storage",
    title="USB storage devices",
    about="Disks, sticks and card readers that were connected by USB: maker, product, serial number, first and last connection, last "
    "removal. The key stays when the device is gone.",
    proves_not="That files were copied, or by whom. Devices without a serial number of their own have one that Windows made up; it "
    "differs by port and host. Large updates of Windows reset the installation times.",
    keys=(r"System\CurrentControlSet\Enum\USBSTOR\*\*",),
    read=each_key(_disk),
    fields=DEVICE_FIELDS,
    times=DEVICE_TIMES,
    category=("host",),
    action="device-observed",
    attack=("T1052.001", "T1091"),
    message="The USB storage device [{device.model.name!q}|{device.id!q}][ (serial number {device.serial_number})] was connected"
    "[, first at {escadre.device.first_installed}][, last at {escadre.device.arrived}].",
    sources=DEVICE_SOURCES,
)
