"""Find addresses and networks in bytes: IPv4 by the distances of its points, IPv6 by its colons; compared by value."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

import numpy as np

from commodore.sweep.windows import Array, Searched
from scout.formats.networks import V6, NetworkIndex

_POINT = ord(".")
_STEPS = (1, 2)
"""bytes of a character"""
_LONGEST = 48
"""characters around a colon of IPv6 that are looked at"""
Place = tuple[int, int, bool, int]
"""(first place, number, whether in UTF-16, characters)"""


class Addresses:
    """Many IPv4 addresses and networks: (number, `ipaddress` text)."""

    def __init__(self, texts: list[tuple[int, str]]) -> None:
        by_length: dict[int, list[tuple[int, int]]] = {}
        for number, text in texts:
            network = ipaddress.IPv4Network(text)
            by_length.setdefault(network.prefixlen, []).append((int(network.network_address), number))
        self._nets: list[tuple[Array, Array, Array]] = []
        for length, found in sorted(by_length.items()):
            mask = np.uint32(0xFFFFFFFF << (32 - length) & 0xFFFFFFFF)
            found.sort()
            self._nets.append((mask, np.array([x for x, _ in found], dtype=np.uint32), np.array([n for _, n in found], dtype=np.int32)))

    def places(self, searched: Searched) -> Iterator[Place]:
        """Yield the addresses whose value is wanted."""
        found = [_threes(points, step) for step, points in zip(_STEPS, searched.places(_POINT), strict=True)]
        first, second, third, step = (np.concatenate(parts) for parts in zip(*found, strict=True))
        if not len(first):
            return
        octets = (_before(searched, first, step), _between(searched, first, second, step), _between(searched, second, third, step))
        last, behind = _behind(searched, third, step)
        sound = (octets[0][0] < 256) & (octets[1][0] < 256) & (octets[2][0] < 256) & (last < 256)
        value = (octets[0][0] << 24 | octets[1][0] << 16 | octets[2][0] << 8 | last)[sound].astype(np.uint32)
        start = (first - step * octets[0][1])[sound]
        length = (third[sound] - start) // step[sound] + 1 + behind[sound]
        for mask, known, numbers in self._nets:
            masked = value & mask
            near = np.searchsorted(known, masked)
            near[near == len(known)] = 0
            for n in np.flatnonzero(known[near] == masked).tolist():
                yield int(start[n]), int(numbers[near[n]]), bool(step[sound][n] == _STEPS[1]), int(length[n])


def _threes(points: Array, step: int) -> tuple[Array, Array, Array, Array]:
    """Return the first, second and third of three points with octets between, and the step of each three."""
    gap = np.diff(points)
    octet = (gap <= 4 * step) & (gap >= 2 * step) & (gap & (step - 1) == 0)
    near = np.flatnonzero(octet[:-1] & octet[1:])
    return points[near], points[near + 1], points[near + 2], np.full(len(near), step)


_NONE = 1 << 20
"""in place of the value of an octet that is none"""


def _digit(searched: Searched, at: Array) -> tuple[Array, Array]:
    value = searched.bytes[at].astype(np.int64) - 48
    return value, (value >= 0) & (value <= 9)


def _before(searched: Searched, point: Array, step: Array) -> tuple[Array, Array]:
    """Return value and digits of the octet that ends before each point."""
    (one, is_one), (ten, is_ten), (hundred, is_hundred) = (_digit(searched, point - step * n) for n in (1, 2, 3))
    is_ten &= is_one
    is_hundred &= is_ten
    value = np.where(is_one, one + 10 * ten * is_ten + 100 * hundred * is_hundred, _NONE)
    return value, is_one.astype(np.int64) + is_ten + is_hundred


def _between(searched: Searched, first: Array, second: Array, step: Array) -> tuple[Array, Array]:
    """Return value and digits of the octet between two points."""
    value, digits = _before(searched, second, step)
    length = (second - first) // step - 1
    return np.where(digits >= length, value, _NONE), length


def _behind(searched: Searched, point: Array, step: Array) -> tuple[Array, Array]:
    """Return value and digits of the octet behind each point."""
    (one, is_one), (two, is_two), (three, is_three) = (_digit(searched, point + step * n) for n in (1, 2, 3))
    is_two &= is_one
    is_three &= is_two
    value = np.where(is_three, 100 * one + 10 * two + three, np.where(is_two, 10 * one + two, one))
    return np.where(is_one, value, _NONE), is_one.astype(np.int64) + is_two + is_three


class SixAddresses:
    """IPv6 addresses and networks: (number, `ipaddress` text)."""

    def __init__(self, texts: list[tuple[int, str]]) -> None:
        self._networks = NetworkIndex((text, number) for number, text in texts)

    def places(self, searched: Searched) -> Iterator[Place]:
        """Yield the addresses that are in a network. Only texts with `::` or seven colons are read."""
        for step in _STEPS:
            yield from self._of_width(searched, step)

    def _of_width(self, searched: Searched, step: int) -> Iterator[Place]:
        at = np.flatnonzero(searched.bytes == 58)
        if len(at) < 2:
            return
        gaps = np.diff(at)
        chosen = at[:-1][gaps == step]
        if len(gaps) > 5:
            close = (gaps >= step) & (gaps <= 5 * step)
            run = close[:-5] & close[1:-4] & close[2:-3] & close[3:-2] & close[4:-1] & close[5:]
            chosen = np.union1d(chosen, at[:-6][run])
        done = -1
        for place in chosen.tolist():
            low = max(place - _LONGEST * step, place % step)
            text = searched.raw[low : place + _LONGEST * step : step].decode("latin-1").lower()
            for token in V6.finditer(text):
                start = low + token.start() * step
                if not (token.start() <= (place - low) // step < token.end()) or start <= done:
                    continue
                done = start
                yield from ((start, number, step == 2, len(token[0])) for number in self._of(token[0]))

    def _of(self, token: str) -> list[int]:
        try:
            address = ipaddress.IPv6Address(token)
        except ValueError:
            return []
        return list(self._networks.of(address))
