"""Many networks at once: an address is looked up once for each length of their prefixes, however many networks there are."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

_V4 = re.compile(r"(?<![0-9.])\d{1,3}(?:\.\d{1,3}){3}(?![0-9.])")
V6 = re.compile(r"(?<![0-9a-f:.])[0-9a-f:]{2,39}(?![0-9a-f:]|\.[0-9])")
T = TypeVar("T")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NetworkIndex(Generic[T]):
    """Networks and what belongs to each: (text as `ipaddress` reads it, anything)."""

    def __init__(self, networks: Iterable[tuple[str, T]]) -> None:
        self._known: dict[int, dict[int, dict[int, list[T]]]] = {}
        for text, one in networks:
            network = ipaddress.ip_network(text)
            shift = network.max_prefixlen - network.prefixlen
            of_length = self._known.setdefault(network.version, {}).setdefault(shift, {})
            of_length.setdefault(int(network.network_address) >> shift, []).append(one)

    def of(self, address: Address) -> Iterator[T]:
        """Yield what belongs to the networks that have this address."""
        for shift, networks in self._known.get(address.version, {}).items():
            yield from networks.get(int(address) >> shift, ())

    def within(self, text: str) -> Iterator[T]:
        """Yield what belongs to the networks of the addresses in a text in lower case."""
        for version, pattern in ((4, _V4), (6, V6)):
            for token in pattern.findall(text) if version in self._known else ():
                try:
                    address = ipaddress.ip_address(token)
                except ValueError:
                    continue
                yield from self.of(address)
