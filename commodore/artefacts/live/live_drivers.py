"""Code in the kernel of the live Windows, and mini-filters."""

from __future__ import annotations

from commodore.containers.listing import listing_artefact

ARTEFACT, parse, expected = listing_artefact(
    "drivers/1",
    renamed={
        "name": "file.name",
        "path": "file.path",
        "sha256": "file.hash.sha256",
        "file_size": "file.size",
        "base": "escadre.memory.address",
        "size": "escadre.memory.size",
        "listed_by": "escadre.listing.only",
    },
    shown=("filter", "instance", "altitude", "error"),
    name="live_drivers",
    title="Kernel modules and mini-filters",
    about="Drivers in the kernel while SCOUT ran, with the hash of the file at that path now, and the mini-filters that services "
    "declare. A driver without a file, or that only one of two lists has, is hidden.",
    targets=("WL12",),
    category=("driver",),
    action="driver-observed",
    attack=("T1014", "T1543.003"),
    message="The kernel has the driver {file.name!q}[ from {file.path!q}][; seen only by {escadre.listing.only}].",
    sources=("scout.live.windows.drivers: live/drivers.jsonl, schema drivers/1",),
)
