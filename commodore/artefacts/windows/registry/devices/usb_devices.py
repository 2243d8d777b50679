r"""USB: every device that was connected by USB, with vendor and product number."""

from __future__ import annotations

from typing import Any

from commodore.registry import At, each_key, registry_artefact
from commodore.registry.devices import DEVICE_FIELDS, DEVICE_SOURCES, DEVICE_TIMES, device, serial_number
from scout.formats.regf import Key


def _usb(at: At, key: Key) -> dict[str, Any]:
    made = device(at, key) | {"device.serial_number": serial_number(key.name)}
    if "device.model.name" not in made:
        made["device.model.name"] = key.text("DeviceDesc").rpartition(";")[2] or None
    return made


ARTEFACT, parse, expected = registry_artefact(
    name="usb_devices",
    title="USB devices",
    about="Every device that was connected by USB, also keyboards, phones and network adapters: vendor and product number, serial "
    "number, times. Devices that pretend to be a keyboard show here.",
    proves_not="What the device really is: vendor and product number are what it says. Large updates of Windows reset the installation "
    "times.",
    keys=(r"System\CurrentControlSet\Enum\USB\*\*",),
    read=each_key(_usb),
    fields=DEVICE_FIELDS,
    times=DEVICE_TIMES,
    category=("host",),
    action="device-observed",
    attack=("T1200",),
    message="The USB device {device.id!q}[ ({device.model.name!q})] was connected[, first at {escadre.device.first_installed}]"
    "[, last at {escadre.device.arrived}].",
    sources=DEVICE_SOURCES,
)
