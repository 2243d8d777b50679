r"""Installed programs, as the control panel lists them, of the host and of each user."""

from __future__ import annotations

from typing import Any

from commodore.registry import COMMAND_FIELDS, At, each_key, registry_artefact, restated
from scout.formats.regf import Key

_read = restated(
    {
        "DisplayName": "package.name",
        "DisplayVersion": "package.version",
        "Publisher": "escadre.package.publisher",
        "InstallLocation": "package.path",
    },
    also=(
        "InstallDate",
        "InstallSource",
        "EstimatedSize",
        "URLInfoAbout",
        "DisplayIcon",
        "SystemComponent",
        "ParentDisplayName",
        "ReleaseType",
    ),
    needs=("DisplayName", "UninstallString", "QuietDisplayName"),
)


def _program(at: At, key: Key) -> dict[str, Any] | None:
    made = _read(at, key)
    return None if made is None else made | {"package.reference": key.name} | at.command(key.text("UninstallString"))


_UNINSTALL = r"Software\Microsoft\Windows\CurrentVersion\Uninstall\*"

ARTEFACT, parse, expected = registry_artefact(
    name="installed_programs",
    title="Installed programs",
    about="Programs and updates that registered how to remove them: name, version, publisher, folder, source and day of installation. "
    "Remote access tools that an intruder installed are often listed as any other.",
    proves_not="That a program was run, or that what is not listed is not there: portable programs do not register. InstallDate is a "
    "day in the host's local time, written by the installer.",
    keys=(_UNINSTALL,),
    read=each_key(_program),
    fields=(
        "package.name",
        "package.version",
        "package.path",
        "package.reference",
        "escadre.package.publisher",
        "escadre.settings",
        *COMMAND_FIELDS,
    ),
    needs=("system_root",),
    times={"@timestamp": "last write of the program's key: installation, or the last update of the program"},
    category=("package",),
    action="program-installation-observed",
    attack=("T1518",),
    message="[{package.name!q}|{package.reference!q}][ {package.version}][ of {escadre.package.publisher!q}] is installed.",
    sources=("Uninstall Registry Key, Microsoft Win32, Windows Installer",),
)
