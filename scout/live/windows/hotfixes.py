r"""Installed updates (`hotfixes/1`), from component based servicing in the registry and from WMI.

name                `KB5031356` or the name of the package
installed           RFC 3339 UTC (registry) or the date that WMI gives, as text, in installed_on
state               installed, install pending, superseded …; by: account that installed it
source              registry, wmi

Source: Microsoft, Win32_QuickFixEngineering; `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from scout.live.windows import _native, _registry, _wmi

SCHEMA = 1
PACKAGES = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages"
_STATES = {0x20: "install pending", 0x40: "staged", 0x50: "superseded", 0x65: "install pending", 0x70: "installed", 0x80: "permanent"}


def collect() -> Iterator[dict[str, Any]]:
    """Yield updates of both sources. Raises OSError where WMI does not answer; what the registry has comes first."""
    yield from _packages(_registry.RunningRegistry())
    for one in _wmi.WmiNamespace("root\\cimv2").ask("Win32_QuickFixEngineering", ["HotFixID", "Description", "InstalledOn", "InstalledBy"]):
        known = {"name": one.get("HotFixID"), "about": one.get("Description"), "installed_on": one.get("InstalledOn")}
        yield _native.known({**known, "by": one.get("InstalledBy"), "source": "wmi"})


def _packages(registry: _registry.RunningRegistry) -> Iterator[dict[str, Any]]:
    for name in registry.subkeys(_registry.HKLM, PACKAGES):
        if not name.startswith("Package_for_"):
            continue
        values = registry.values(_registry.HKLM, f"{PACKAGES}\\{name}")
        low, high = values.get("InstallTimeLow", (0, 0))[0], values.get("InstallTimeHigh", (0, 0))[0]
        state = values.get("CurrentState", (0, 0))[0]
        update = re.search(r"KB\d{5,8}", name)
        ticks = (high << 32 | low) if isinstance(low, int) and isinstance(high, int) else 0
        yield _native.known(
            {
                "name": update.group() if update else name,
                "package": name,
                "installed": _native.moment(ticks),
                "state": _STATES.get(state, str(state)),
                "by": _native.text(values.get("InstallUser", ("", 0))[0]),
                "source": "registry",
            }
        )
