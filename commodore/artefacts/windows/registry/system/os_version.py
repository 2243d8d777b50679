r"""Version of Windows, and the versions that were installed before it."""

from __future__ import annotations

from typing import Any

from commodore.readers.hives.typed import exact_time, unix
from commodore.registry import At, each_key, registry_artefact, restated
from scout.formats.regf import Key

_read = restated(
    {
        "ProductName": "host.os.full",
        "CurrentBuild": "host.os.kernel",
        "CurrentBuildNumber": "host.os.kernel",
        "CurrentVersion": "host.os.version",
        "DisplayVersion": "escadre.os.release",
        "ReleaseId": "escadre.os.release",
        "CSDVersion": "escadre.os.release",
    },
    also=(
        "EditionID",
        "InstallationType",
        "RegisteredOwner",
        "RegisteredOrganization",
        "UBR",
        "BuildLabEx",
        "SystemRoot",
        "CompositionEditionID",
    ),
    needs=("ProductName",),
)


def _version(at: At, key: Key) -> dict[str, Any] | None:
    made = _read(at, key)
    if made is None:
        return None
    installed, exact = key.value("InstallDate"), key.value("InstallTime")
    seconds = installed.number if installed else None
    return made | {"package.installed": (exact_time(exact) if exact else None) or (unix(seconds) if seconds else None)}


ARTEFACT, parse, expected = registry_artefact(
    name="os_version",
    title="Version of Windows and earlier ones",
    about="Product, edition, build and day of installation of Windows, and for each upgrade the version before it (Source OS). An "
    "upgrade resets the day of installation, so the oldest one here is the age of the host.",
    proves_not="When an update was installed: see the build number and the list of updates.",
    keys=(r"Software\Microsoft\Windows NT\CurrentVersion", r"System\Setup\Source OS*"),
    read=each_key(_version),
    fields=("host.os.full", "host.os.kernel", "host.os.version", "escadre.os.release", "package.installed", "escadre.settings"),
    times={"package.installed": "installation of this version: set-up, or the upgrade to it"},
    category=("host",),
    action="registry-setting-observed",
    attack=("T1082",),
    message="[{host.os.full!q}|Windows][ {escadre.os.release}][, build {host.os.kernel},] was installed[ at {package.installed}].",
    sources=("Windows version keys, Microsoft Learn", "Source OS keys, libyal winreg-kb"),
)
