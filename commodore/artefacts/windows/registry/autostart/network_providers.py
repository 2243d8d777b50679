r"""Network providers and time providers: libraries that get a user's password at logon, or run in a service."""

from __future__ import annotations

from typing import Any

from commodore.registry import At, each_value, registry_artefact
from scout.formats.regf import Value

_CONTROL = r"System\CurrentControlSet\Control\NetworkProvider"
_SERVICES = r"System\CurrentControlSet\Services"


def _provider(at: At, value: Value) -> dict[str, Any] | None:
    parts = at.parts
    name = parts[3] if parts[-1].lower() == "networkprovider" and parts[2].lower() == "services" else parts[-1]
    library = value.name.lower() in ("providerpath", "dllname")
    return {"escadre.component.name": name, "dll.path": value.text if library and value.text else None}


ARTEFACT, parse, expected = registry_artefact(
    name="network_providers",
    title="Network and time providers",
    about="Network providers, their order and their libraries: each gets user name and password in clear when somebody logs on. Time "
    "providers of the time service.",
    proves_not="That the library was loaded. Clients for VPN and virtual machines install providers too.",
    keys=(f"{_CONTROL}\\Order", f"{_CONTROL}\\HwOrder", f"{_SERVICES}\\*\\NetworkProvider", f"{_SERVICES}\\W32Time\\TimeProviders\\*"),
    read=each_value(_provider, names=("ProviderOrder", "ProviderPath", "Name", "DllName"), data=True),
    fields=("escadre.component.name", "dll.path"),
    category=("registry", "configuration"),
    action="registry-autostart-observed",
    attack=("T1556.008", "T1547.003"),
    message="The provider {escadre.component.name!q} has {registry.value} {registry.data.strings!q}.",
    sources=("Network Provider API, Microsoft Win32", "Time providers of W32Time, Microsoft Learn"),
)
