r"""Interfaces of TCP/IP: addresses, gateways, DNS servers and DHCP leases."""

from __future__ import annotations

from typing import Any

from commodore.readers.hives.typed import moment
from commodore.registry import At, each_key, registry_artefact, restated
from scout.formats.regf import Key

_read = restated(
    {"DhcpServer": "escadre.dhcp.server"},
    also=(
        *("EnableDHCP", "SubnetMask", "DhcpSubnetMask", "DefaultGateway", "DhcpDefaultGateway", "NameServer", "DhcpNameServer", "Domain"),
        *("DhcpDomain", "ProfileNameServer", "RegistrationEnabled"),
    ),
    needs=("EnableDHCP", "IPAddress", "DhcpIPAddress", "NameServer"),
)
_NONE = ("0.0.0.0", "255.255.255.255", "")  # noqa: S104


def _interface(at: At, key: Key) -> dict[str, Any] | None:
    made = _read(at, key)
    if made is None:
        return None
    values = {value.name.lower(): value for value in key.values()}
    addresses = [a for name in ("ipaddress", "dhcpipaddress") if name in values for a in values[name].strings if a not in _NONE]
    for name, field in (("leaseobtainedtime", "event.start"), ("leaseterminatestime", "event.end")):
        if name in values:
            made[field] = moment(values[name])
    addresses = [a for a in dict.fromkeys(addresses) if a.replace(".", "").isdecimal()]
    if made.get("escadre.dhcp.server") in _NONE:
        del made["escadre.dhcp.server"]
    return made | {"observer.ingress.interface.id": key.name} | ({"host.ip": addresses, "related.ip": addresses} if addresses else {})


_INTERFACES = r"System\CurrentControlSet\Services\Tcpip\Parameters\Interfaces"

ARTEFACT, parse, expected = registry_artefact(
    name="network_interfaces",
    title="Network interfaces",
    about="Addresses, gateways and DNS servers of each interface, fixed or by DHCP with the lease. Wireless interfaces have one key "
    "for each network. Ties the host to addresses in logs of others; a changed NameServer sends names elsewhere.",
    proves_not="That the address was still in use when the host was collected: a lease stays after its end.",
    keys=(f"{_INTERFACES}\\*", f"{_INTERFACES}\\*\\*"),
    read=each_key(_interface),
    fields=(
        "observer.ingress.interface.id",
        "host.ip",
        "related.ip",
        "escadre.dhcp.server",
        "escadre.settings",
        "event.start",
        "event.end",
    ),
    times={"event.start": "when the DHCP lease began", "event.end": "when the DHCP lease ends"},
    category=("network", "configuration"),
    action="network-observed",
    attack=("T1016",),
    message="The interface {observer.ingress.interface.id} has [the address {host.ip}|no address][, leased by {escadre.dhcp.server}]"
    "[ at {event.start}].",
    sources=("TCP/IP and NetBIOS configuration parameters, Microsoft KB 314053",),
)
