r"""Amcache: devices that were connected."""

from __future__ import annotations

from typing import Any

from commodore.readers.hives.amcache import FILES, SOURCES, TIMES
from commodore.registry import At, each_key, registry_artefact, restated
from scout.formats.regf import Key

_VALUES = {"Model": "device.model.name", "ModelName": "device.model.name", "Manufacturer": "device.manufacturer", "Service": "service.name"}
_read = restated(
    _VALUES,
    also=(
        "Description",
        "FriendlyName",
        "Class",
        "ClassGuid",
        "Enumerator",
        "DriverName",
        "DriverVer*",
        "InstallState",
        "HWID",
        "ParentId",
        "Categories",
    ),
    needs=("Model", "ModelName", "Manufacturer"),
)


def _device(at: At, key: Key) -> dict[str, Any] | None:
    made = _read(at, key)
    return None if made is None else dict(made) | {"device.id": key.name.replace("/", "\\")}


ARTEFACT, parse, expected = registry_artefact(
    name="amcache_devices",
    title="Amcache: devices",
    about="Devices that Windows knew when the inventory was taken: model, manufacturer, class, driver.",
    proves_not="When the device was connected first or last.",
    keys=(r"Root\InventoryDevicePnp\*", r"Root\InventoryDeviceContainer\*"),
    files=FILES,
    targets=("WR06",),
    read=each_key(_device),
    fields=(*dict.fromkeys(_VALUES.values()), "device.id", "escadre.settings"),
    times=TIMES,
    category=("host",),
    action="device-observed",
    message="The inventory has the device {device.id!q}[, {device.model.name!q}][ of {device.manufacturer!q}].",
    sources=SOURCES,
)
