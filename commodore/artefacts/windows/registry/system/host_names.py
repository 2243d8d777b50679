r"""Names of the host: computer name, DNS name and domain, of every control set."""

from __future__ import annotations

from commodore.registry import each_key, registry_artefact, restated

_CONTROL = r"System\CurrentControlSet"

ARTEFACT, parse, expected = registry_artefact(
    name="host_names",
    title="Names of the host",
    about="Computer name (the one in use and the one after the next start), DNS host name and domain. Control sets that differ show a "
    "host that was renamed or cloned.",
    proves_not="When the host was named: the time is the last change of the key.",
    keys=(
        f"{_CONTROL}\\Control\\ComputerName\\ComputerName",
        f"{_CONTROL}\\Control\\ComputerName\\ActiveComputerName",
        f"{_CONTROL}\\Services\\Tcpip\\Parameters",
    ),
    read=each_key(
        restated(
            {"ComputerName": "host.hostname", "Hostname": "host.hostname", "Domain": "host.domain"},
            also=("NV Hostname", "NV Domain", "DhcpDomain", "DhcpNameServer", "NameServer", "SearchList"),
            needs=("ComputerName", "Hostname"),
        )
    ),
    fields=("host.hostname", "host.domain", "escadre.settings"),
    category=("host", "configuration"),
    action="registry-setting-observed",
    attack=("T1082",),
    message="The host is called [{host.hostname!q}|by no name][, domain {host.domain!q}] by {registry.path!q}.",
    sources=("TCP/IP and NetBIOS configuration parameters, Microsoft KB 314053", "ComputerName keys, libyal winreg-kb"),
)
