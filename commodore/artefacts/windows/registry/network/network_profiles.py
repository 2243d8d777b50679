r"""Network list: networks that the host joined, with first and last connection, and the gateways by which Windows knows them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from struct import unpack_from
from typing import Any
from zoneinfo import ZoneInfo

from commodore.registry import At, each_key, registry_artefact
from scout.formats.regf import Key, Value

_REASON = 200
_LIST = r"Software\Microsoft\Windows NT\CurrentVersion\NetworkList"
_KINDS = {0x06: "wired", 0x17: "vpn", 0x47: "wireless", 0xF3: "mobile broadband"}
_CATEGORIES = {0: "public", 1: "private", 2: "domain"}


def _local(value: Value | None, zone: str) -> str | None:
    """Return a SYSTEMTIME in the host's time zone as UTC; None where the zone is not known."""
    if value is None:
        return None
    raw = value.raw
    if len(raw) != 16:
        value.hive.note(value.offset, f"{value.name} has {len(raw)} bytes: only a SYSTEMTIME of 16 is known")
    if len(raw) != 16 or not zone:
        return None
    year, month, _, day, hour, minute, second, milli = unpack_from("<8H", raw)
    try:
        if zone[0] in "+-":
            hours, _, minutes = zone[1:].partition(":")
            offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
            place: Any = timezone(-offset if zone[0] == "-" else offset)
        else:
            place = ZoneInfo(zone)
        if not any(raw):
            return None
        when = datetime(year, month, day, hour, minute, second, milli * 1000, tzinfo=place).astimezone(timezone.utc)  # noqa: UP017
    except (ArithmeticError, OSError, KeyError, ValueError) as e:
        value.hive.note(value.offset, f"{value.name}: {raw.hex()} is no time of {zone}: {e}"[:_REASON])
        return None
    return f"{when:%Y-%m-%dT%H:%M:%S}.{milli:03d}Z"


def _network(at: At, key: Key) -> dict[str, Any]:
    if at.parts[5].lower() == "signatures":
        gateway = key.value("DefaultGatewayMac")
        mac = gateway.raw.hex("-").upper() if gateway else ""
        if gateway and len(gateway.raw) not in (0, 6):
            gateway.hive.note(gateway.offset, f"address of a gateway of {len(gateway.raw)} bytes: only 6 are known")
            mac = ""
        suffix = key.text("DnsSuffix")
        return {
            "network.name": key.text("FirstNetwork") or None,
            "escadre.network.profile": key.text("ProfileGuid") or None,
            "escadre.network.gateway_mac": mac or None,
            "escadre.settings": [f"DnsSuffix={suffix}"] if suffix else None,
        }
    kind, category = key.value("NameType"), key.value("Category")
    made: dict[str, Any] = {"network.name": key.text("ProfileName") or None, "escadre.network.profile": key.name}
    rest = []
    if kind and kind.number is not None:
        rest.append(f"NameType={_KINDS.get(kind.number, str(kind.number))}")
    if category and category.number is not None:
        rest.append(f"Category={_CATEGORIES.get(category.number, str(category.number))}")
    last = _local(key.value("DateLastConnected"), at.host.timezone)
    return made | {
        "@timestamp": last or key.last_written or None,
        "escadre.network.first_connected": _local(key.value("DateCreated"), at.host.timezone),
        "escadre.network.last_connected": last,
        "escadre.settings": rest or None,
    }


ARTEFACT, parse, expected = registry_artefact(
    name="network_profiles",
    title="Networks that the host joined",
    about="Wired and wireless networks and VPNs that the host was connected to: name, kind, first and last connection, and by their "
    "signatures the MAC address of the gateway and the DNS suffix. Shows where a laptop was.",
    proves_not="What was done in the network. A network of the same name and gateway counts as one.",
    keys=(f"{_LIST}\\Profiles\\*", f"{_LIST}\\Signatures\\*\\*"),
    read=each_key(_network),
    fields=(
        "network.name",
        "escadre.network.profile",
        "escadre.network.gateway_mac",
        "escadre.network.first_connected",
        "escadre.network.last_connected",
        "escadre.settings",
    ),
    needs=("timezone",),
    times={
        "@timestamp": "last connection; without a known time zone, and for signatures, the last write of the key",
        "escadre.network.first_connected": "first connection. Windows keeps local time; it is converted with the host's time zone of today",
        "escadre.network.last_connected": "last connection, converted likewise",
    },
    category=("network",),
    action="network-observed",
    attack=("T1016",),
    message="The host joined the network [{network.name!q}|{escadre.network.profile}][, first at {escadre.network.first_connected}]"
    "[, last at {escadre.network.last_connected}][, gateway {escadre.network.gateway_mac}].",
    version=2,
    sources=("NetworkList keys, libyal winreg-kb", "Network List Manager, Microsoft Win32"),
)
