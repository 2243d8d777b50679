r"""Amcache: installed programs."""

from __future__ import annotations

from commodore.readers.hives.amcache import FILES, SOURCES, TIMES
from commodore.registry import each_key, registry_artefact, restated

_VALUES = {
    # old layout
    "0": "package.name",
    "1": "package.version",
    "2": "escadre.package.publisher",
    "a": "package.installed",
    "d": "escadre.package.paths",
    # new layout
    "Name": "package.name",
    "Version": "package.version",
    "Publisher": "escadre.package.publisher",
    "InstallDate": "package.installed",
    "RootDirPath": "package.path",
}

ARTEFACT, parse, expected = registry_artefact(
    name="amcache_programs",
    title="Amcache: installed programs",
    about="Programs that were installed when the inventory was taken, also without an entry in the list of installed programs: name, "
    "version, publisher, day of installation, folders, uninstall command.",
    proves_not="That the program is still installed, or that somebody ran it. The day of installation is what the installer wrote.",
    keys=(r"Root\Programs\*", r"Root\InventoryApplication\*"),
    files=FILES,
    targets=("WR06",),
    read=each_key(
        restated(
            _VALUES,
            also=(
                "6",
                "7",
                "Source",
                "Type",
                "UninstallString",
                "RegistryKeyPath",
                "MsiProductCode",
                "InstallDateArpLastModified",
                "*FromLinkFile",
            ),
            needs=("0", "Name"),
        )
    ),
    fields=(*dict.fromkeys(_VALUES.values()), "escadre.settings"),
    times=TIMES | {"package.installed": "installation of the program, as the installer recorded it"},
    category=("package",),
    action="program-installation-observed",
    message="The inventory has the program [{package.name!q}|of {registry.path!q}][ {package.version}][ of {escadre.package.publisher!q}]"
    "[, installed at {package.installed}].",
    sources=SOURCES,
)
