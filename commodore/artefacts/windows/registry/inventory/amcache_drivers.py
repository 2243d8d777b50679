r"""Amcache: drivers, with their SHA-1 and whether they were signed."""

from __future__ import annotations

from typing import Any

from commodore.readers.hives.amcache import FILES, SOURCES, TIMES, sha1
from commodore.registry import At, each_key, registry_artefact, restated
from scout.formats.regf import Key

_VALUES = {
    "DriverName": "file.name",
    "DriverId": "file.hash.sha1",
    "DriverCompany": "file.pe.company",
    "DriverVersion": "file.pe.file_version",
    "Product": "file.pe.product",
    "Service": "service.name",
    "DriverTimeStamp": "escadre.amcache.linked",
    "DriverLastWriteTime": "file.mtime",
    "ImageSize": "file.size",
    "DriverSigned": "file.code_signature.exists",
}
_read = restated(_VALUES, also=("Inf", "DriverInBox", "DriverIsKernelMode", "DriverPackageStrongName"), needs=("DriverName", "DriverId"))


def _driver(at: At, key: Key) -> dict[str, Any] | None:
    made = _read(at, key)
    if made is None:
        return None
    fields: dict[str, Any] = dict(made)
    path = key.name.replace("/", "\\")
    return fields | sha1(str(fields.pop("file.hash.sha1", key.name))) | ({"file.path": path} if "\\" in path else {})


ARTEFACT, parse, expected = registry_artefact(
    name="amcache_drivers",
    title="Amcache: drivers",
    about="Drivers that were on the host when the inventory was taken: path, SHA-1, publisher, whether Windows counted them as signed. "
    "Finds drivers that an intruder brought to switch protection off.",
    proves_not="That the driver was loaded, or that its signature is good: the mark is what the inventory saw then.",
    keys=(r"Root\InventoryDriverBinary\*",),
    files=FILES,
    targets=("WR06",),
    read=each_key(_driver),
    fields=(*_VALUES.values(), "file.path", "related.hash", "escadre.settings"),
    times=TIMES
    | {
        "file.mtime": "last change of the driver's file when the entry was made",
        "escadre.amcache.linked": "link time in the header of the driver, which its maker can set at will",
    },
    category=("driver", "file"),
    action="program-presence-observed",
    attack=("T1068",),
    message="The inventory has the driver [{file.path!q}|{file.name!q}|of {registry.path!q}][, SHA-1 {file.hash.sha1}][, of "
    "{file.pe.company!q}].",
    sources=SOURCES,
)
