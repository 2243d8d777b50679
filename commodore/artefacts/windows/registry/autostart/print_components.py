r"""Components of the print spooler: port monitors, print processors and providers, which run as SYSTEM."""

from __future__ import annotations

from typing import Any

from commodore.registry import At, each_value, registry_artefact
from scout.formats.regf import Value

_PRINT = r"System\CurrentControlSet\Control\Print"


def _component(at: At, value: Value) -> dict[str, Any] | None:
    return {"escadre.component.name": at.parts[-1], "dll.path": value.text} if value.text else None


ARTEFACT, parse, expected = registry_artefact(
    name="print_components",
    title="Port monitors, print processors and providers",
    about="Libraries that the print spooler loads as SYSTEM: port monitors (Driver), print processors (Driver), print providers "
    "(Name), printer drivers (Driver, Configuration File). Their folder is that of the spooler or System32.",
    proves_not="That the library was loaded, or that its file is there.",
    keys=(
        f"{_PRINT}\\Monitors\\*",
        f"{_PRINT}\\Providers\\*",
        f"{_PRINT}\\Environments\\*\\Print Processors\\*",
        f"{_PRINT}\\Environments\\*\\Drivers\\*\\*",
    ),
    read=each_value(_component, names=("Driver", "Name", "Configuration File", "Data File"), data=True),
    fields=("escadre.component.name", "dll.path"),
    category=("registry", "configuration"),
    action="registry-autostart-observed",
    attack=("T1547.010", "T1547.012"),
    message="The print component {escadre.component.name!q} loads {dll.path!q}.",
    sources=("Port Monitors and Print Processors, Microsoft Learn, Windows drivers",),
)
