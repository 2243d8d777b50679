"""Address ranges: private, special and reserved ones by the standards, those of clouds from the files that these publish.

Sources: IANA special-purpose address registries (RFC 6890), as `ipaddress` has them; ip-ranges.json of AWS, service tags of Azure,
cloud.json of Google.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from scout.console import WRONG_USE, Complaint

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_DOCUMENTATION = tuple(map(ipaddress.ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")))
_SHARED = ipaddress.ip_network("100.64.0.0/10")


def special(value: str) -> str:
    """Return what the standards say of an address: private, loopback, … ; '' for one of the public Internet."""
    address = ipaddress.ip_address(value)
    if any(address in network for network in _DOCUMENTATION):
        return "documentation"
    if address in _SHARED:
        return "shared by a provider's customers"
    kinds = ("loopback", "link_local", "multicast", "unspecified", "private", "reserved")
    return next((kind.replace("_", "-") for kind in kinds if getattr(address, f"is_{kind}")), "")


class StandardRanges:
    """The ranges of the standards; always there."""

    name = "IANA special-purpose addresses"
    kinds = frozenset({"address"})

    def facts(self, kind: str, value: str) -> dict[str, Any]:  # noqa: ARG002
        """Return the use of the address's range."""
        found = special(value)
        return {"range": found} if found else {}


class CloudRanges:
    """The ranges of one cloud. Where ranges contain each other, the smallest one counts."""

    kinds = frozenset({"address"})

    def __init__(self, name: str, ranges: list[tuple[Network, str]]) -> None:
        self.name = name
        self._ranges: dict[int, dict[int, dict[int, str]]] = {4: {}, 6: {}}
        """version → free bits of a network → its first address → words"""
        for network, words in ranges:
            free = network.max_prefixlen - network.prefixlen
            self._ranges[network.version].setdefault(free, {}).setdefault(int(network.network_address), words)
        self._sizes = {version: sorted(sizes) for version, sizes in self._ranges.items()}

    def facts(self, kind: str, value: str) -> dict[str, Any]:  # noqa: ARG002
        """Return the cloud's own words on the smallest range that holds the address."""
        address = ipaddress.ip_address(value)
        at, sizes = int(address), self._ranges[address.version]
        for free in self._sizes[address.version]:
            if (words := sizes[free].get(at >> free << free)) is not None:
                return {"cloud": words}
        return {}


def opened(path: Path, head: bytes) -> CloudRanges | None:
    """Open the published ranges of a cloud; None for another file. Raises Complaint for one that is damaged."""
    marks = (b'"prefixes"', b'"ip_prefix"', b'"addressPrefixes"', b'"ipv4Prefix"', b'"ipv6Prefix"')
    if not head.lstrip().startswith(b"{") or not any(mark in head for mark in marks):
        return None
    try:
        data = orjson.loads(path.read_bytes())
        ranges = list(_ranges(data))
        if not ranges:
            raise ValueError("it has none")
        return CloudRanges(path.name, ranges)
    except (ValueError, AttributeError, TypeError, KeyError, RecursionError) as e:
        raise Complaint(f"{path} is no list of address ranges: {e}.", "Fetch it again from the provider.", WRONG_USE) from None


def _ranges(data: dict[str, Any]) -> Iterator[tuple[Network, str]]:
    for one in [*data.get("prefixes", ()), *data.get("ipv6_prefixes", ())]:
        prefix = one.get("ip_prefix") or one.get("ipv6_prefix") or one.get("ipv4Prefix") or one["ipv6Prefix"]
        region = one.get("region") or one.get("scope") or ""
        yield ipaddress.ip_network(prefix), " ".join(filter(None, (one.get("service"), region)))
    for one in data.get("values", ()):
        about = one.get("properties", {})
        words = " ".join(filter(None, (str(one.get("name", "")), about.get("region"))))
        yield from ((ipaddress.ip_network(prefix), words) for prefix in about.get("addressPrefixes", ()))
