r"""Network configuration (`network/1`): one object per thing; `kind` says what it is.

interface           name, address (hardware), addresses, up, speed_mbit
neighbour           address, hardware, interface (number), state: the ARP and neighbour cache
route               destination, prefix, gateway, interface (number), metric
dns                 name, type (A, AAAA, CNAME …): a name that the resolver has in its cache, so this host asked for it
port_proxy          listen, connect: `netsh interface portproxy`
proxy               sid, server, config_url, enabled: proxy settings of a user
firewall_profile    name (domain, private, public), enabled, inbound and outbound default (allow, block)
error               what could not be asked, and why

Source: Microsoft, GetIpNetTable2, GetIpForwardTable2, DnsGetCacheDataTable (dnsapi, not documented), registry keys PortProxy, Internet
Settings, FirewallPolicy.
"""

from __future__ import annotations

import ctypes
import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

from scout.live.windows import _native, _registry

SCHEMA = 1
_HKLM, _HKU = _registry.HKLM, _registry.HKU
_MOST = 100_000
_STATES = ("unreachable", "incomplete", "probe", "delay", "stale", "reachable", "permanent")
_TYPES = {1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV", 65: "HTTPS"}
_FIREWALL = r"SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy"
_PROFILES = (("domain", "DomainProfile"), ("private", "StandardProfile"), ("public", "PublicProfile"))
_PROXIES = r"SYSTEM\CurrentControlSet\Services\PortProxy"
_SETTINGS = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"


class _Address(ctypes.Structure):
    """SOCKADDR_INET."""

    _fields_ = (("family", ctypes.c_ushort), ("port", ctypes.c_ushort), ("rest", ctypes.c_ubyte * 24))

    def __str__(self) -> str:
        if self.family == 2:
            return str(ipaddress.IPv4Address(bytes(self.rest[:4])))
        return str(ipaddress.IPv6Address(bytes(self.rest[4:20]))) if self.family == 23 else ""


class _Neighbour(ctypes.Structure):
    _fields_ = (
        ("address", _Address),
        ("interface", ctypes.c_ulong),
        ("luid", ctypes.c_ulonglong),
        ("hardware", ctypes.c_ubyte * 32),
        ("length", ctypes.c_ulong),
        ("state", ctypes.c_int),
        ("flags", ctypes.c_ulong),
        ("time", ctypes.c_ulong),
    )


class _Route(ctypes.Structure):
    _fields_ = (
        ("luid", ctypes.c_ulonglong),
        ("interface", ctypes.c_ulong),
        ("prefix", _Address),
        ("length", ctypes.c_ubyte),
        ("hop", _Address),
        ("site", ctypes.c_ubyte),
        ("valid", ctypes.c_ulong),
        ("preferred", ctypes.c_ulong),
        ("metric", ctypes.c_ulong),
        ("protocol", ctypes.c_int),
        ("flags", ctypes.c_ubyte * 4),
        ("age", ctypes.c_ulong),
        ("origin", ctypes.c_int),
    )


class _Cached(ctypes.Structure):
    pass


_Cached._fields_ = (
    ("next", ctypes.POINTER(_Cached)),
    ("name", ctypes.c_wchar_p),
    ("type", ctypes.c_ushort),
    ("size", ctypes.c_ushort),
    ("flags", ctypes.c_ulong),
)


def collect() -> Iterator[dict[str, Any]]:
    """Yield all of it; a part that fails is one object with `error`."""
    for kind, part in (
        ("interface", _interfaces),
        ("neighbour", _neighbours),
        ("route", _routes),
        ("dns", _names),
        ("port_proxy", _port_proxies),
        ("proxy", _proxies),
        ("firewall_profile", _firewall),
    ):
        yield from _native.fenced(kind, part)


def _interfaces() -> Iterator[dict[str, Any]]:
    import psutil

    states = psutil.net_if_stats()
    for name, ones in sorted(psutil.net_if_addrs().items()):
        state = states.get(name)
        yield {
            "name": _native.text(name),
            "address": next((one.address for one in ones if one.family == psutil.AF_LINK), None),
            "addresses": [one.address for one in ones if one.family in (socket.AF_INET, socket.AF_INET6)],
            "up": state.isup if state else None,
            "speed_mbit": state.speed if state else None,
        }


def _table(function: str, row: Any) -> Iterator[Any]:
    helper, table = _native.library("iphlpapi"), ctypes.c_void_p()
    status = getattr(helper, function)(0, ctypes.byref(table))
    if status:
        raise _native.error(status)
    try:
        count = ctypes.c_ulong.from_address(table.value or 0).value
        for number in range(min(count, _MOST)):
            yield row.from_address((table.value or 0) + 8 + number * ctypes.sizeof(row))
    finally:
        helper.FreeMibTable(table)


def _neighbours() -> Iterator[dict[str, Any]]:
    for one in _table("GetIpNetTable2", _Neighbour):
        hardware = bytes(one.hardware[: min(one.length, 32)]).hex(":")
        state = _STATES[one.state] if 0 <= one.state < len(_STATES) else str(one.state)
        yield {"address": str(one.address), "hardware": hardware, "interface": int(one.interface), "state": state}


def _routes() -> Iterator[dict[str, Any]]:
    for one in _table("GetIpForwardTable2", _Route):
        facts = {"destination": str(one.prefix), "prefix": int(one.length), "gateway": str(one.hop)}
        yield {**facts, "interface": int(one.interface), "metric": int(one.metric)}


def _names() -> Iterator[dict[str, Any]]:
    table = ctypes.POINTER(_Cached)()
    if not _native.library("dnsapi").DnsGetCacheDataTable(ctypes.byref(table)):
        raise OSError("the resolver's cache was not given")
    for _ in range(_MOST):
        if not table:
            return
        one = table.contents
        yield {"name": _native.text(one.name), "type": _TYPES.get(one.type, str(one.type))}
        table = one.next


def _port_proxies() -> Iterator[dict[str, Any]]:
    registry = _registry.RunningRegistry()
    for way in registry.subkeys(_HKLM, _PROXIES):
        for listen, (connect, _) in registry.values(_HKLM, f"{_PROXIES}\\{way}\\tcp").items():
            yield {"way": way, "listen": _native.text(listen), "connect": _native.text(connect)}


def _proxies() -> Iterator[dict[str, Any]]:
    registry = _registry.RunningRegistry()
    for sid in registry.subkeys(_HKU, ""):
        values = registry.values(_HKU, f"{sid}\\{_SETTINGS}")
        server, url = values.get("ProxyServer", ("", 0))[0], values.get("AutoConfigURL", ("", 0))[0]
        if server or url:
            enabled = values.get("ProxyEnable", (0, 0))[0]
            yield {"sid": sid, "server": _native.text(server), "config_url": _native.text(url), "enabled": bool(enabled)}


def _firewall() -> Iterator[dict[str, Any]]:
    registry = _registry.RunningRegistry()
    for name, key in _PROFILES:
        numbers = {
            value: registry.number(_HKLM, f"{_FIREWALL}\\{key}", value)
            for value in ("EnableFirewall", "DefaultInboundAction", "DefaultOutboundAction")
        }
        if any(number is not None for number in numbers.values()):
            words = {0: "allow", 1: "block", None: None}
            inbound, outbound = numbers["DefaultInboundAction"], numbers["DefaultOutboundAction"]
            yield {"name": name, "enabled": numbers["EnableFirewall"] == 1, "inbound": words.get(inbound), "outbound": words.get(outbound)}
