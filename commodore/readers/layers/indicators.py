"""Addresses, domains, paths and commands in a text, for the fields of a record."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from ipaddress import ip_address
from itertools import islice
from typing import Any, NamedTuple

from scout.data import load_data

MOST = 100
"""values of one kind in one text"""
LONGEST = 500
"""characters of one value"""
_SCANNED = 4 << 20
_NAMESPACE = re.compile(r"\bxmlns(?::[\w.-]{1,40})?\s{0,3}=\s{0,3}[\"']\Z")
_SCHEME = re.compile(r"(?i)(?:https?|s?ftps?|ldaps?|smb|wss?|tcp|rmi)\Z")
_REST = re.compile(r"""[^\s"'<>`|\\^{}()\[\],;\x00-\x1f]{3,2000}""")
_ADDRESS = re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\d-]|\.\d)")
_ENDING = r"\.(?:ENDINGS)(?![\w.-])"
_LABELS = re.compile(r"(?:[a-z0-9-]{1,63}\.){0,8}[a-z0-9-]{1,63}\Z")
_BEFORE_HOST = frozenset("@\"' \t\r\n(=/")
_FOLDER = re.compile(r"(?i)(?:\b[a-z]:|%[a-z0-9_()]{3,30}%|\$env:[a-z0-9_()]{3,30})\Z")
_BELOW = re.compile(r"""\\{1,2}[^\x00-\x1f"'<>|*?;,$%\\][^\x00-\x1f"'<>|*?;,$%]{1,240}""")
_SHARE = re.compile(r"""(?i)\\\\[a-z0-9._-]{2,60}\\[^\x00-\x1f"'<>|*?;,]{2,240}""")
_POSIX = re.compile(r"""/(?:tmp|var|etc|dev|usr|home|root|opt|run|proc|s?bin|lib|boot|srv|mnt)/[^\s"'<>|;:,)(\x00-\x1f]{1,240}""")
_NOT_BEFORE_PATH = re.compile(r"[\w/.]")
_BEFORE_COMMAND = frozenset(" \t\n\r\"'`(&|;=@/\\{")
_NOT_HOSTS = frozenset({"0.0.0.0", "127.0.0.1", "255.255.255.255", "255.255.255.0"})  # noqa: S104  (values that are no indicator)


class Indicated(NamedTuple):
    """What a text names, each in its order there and once."""

    urls: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    more: int = 0
    """values that were left out because there were too many"""

    def all(self) -> frozenset[str]:
        """Return all values."""
        return frozenset((*self.urls, *self.hosts, *self.addresses, *self.paths, *self.commands))


@cache
def _words() -> dict[str, Any]:
    words: dict[str, Any] = load_data("commodore.readers.layers", "indicators.yaml")
    return words


@cache
def _host_pattern() -> re.Pattern[str]:
    return re.compile(_ENDING.replace("ENDINGS", "|".join(_words()["endings"])))


@cache
def _programs() -> tuple[str, ...]:
    return tuple(str(name).lower() for name in _words()["programs"])


def indicated(text: str) -> Indicated:
    """Return what a text names. Of a text longer than 4 Mi characters, its beginning is searched."""
    text = text[:_SCANNED]
    more = 0
    found: list[tuple[str, ...]] = []
    for values in (_urls(text), _hosts(text), _addresses(text), _paths(text), _commands(text)):
        kept = tuple(dict.fromkeys(islice(values, MOST * 10)))
        more += max(len(kept) - MOST, 0)
        found.append(kept[:MOST])
    return Indicated(found[0], found[1], found[2], found[3], found[4], more)


def host_of(url: str) -> str:
    """Return the host of an address, '' where it has none."""
    rest = url.partition("://")[2]
    return re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2].partition(":")[0].lower()


def _places(text: str, mark: str) -> Iterator[int]:
    at = text.find(mark)
    while at >= 0:
        yield at
        at = text.find(mark, at + len(mark))


def _urls(text: str) -> Iterator[str]:
    for at in _places(text, "://"):
        scheme = _SCHEME.search(text, max(at - 6, 0), at)
        if scheme and (rest := _REST.match(text, at + 3)) and not _names_a_form(text, scheme.start(), rest[0]):
            yield f"{scheme[0]}://{rest[0]}"[:LONGEST].rstrip(".!?:*")


def _names_a_form(text: str, start: int, rest: str) -> bool:
    """Return whether an address is the name of a form of XML, which nothing opens: the value of `xmlns`, or one of the W3C's."""
    return rest.startswith("www.w3.org/") or _NAMESPACE.search(text, max(start - 80, 0), start) is not None


def _hosts(text: str) -> Iterator[str]:
    for url in _urls(text):
        host = host_of(url)
        if "." in host and not re.fullmatch(r"[\d.]+", host):
            yield host
    low = text.lower()
    for match in _host_pattern().finditer(low):
        labels = _LABELS.search(low, max(match.start() - 250, 0), match.start())
        if labels and (labels.start() == 0 or low[labels.start() - 1] in _BEFORE_HOST):
            yield labels[0] + match[0]


def _addresses(text: str) -> Iterator[str]:
    for match in _ADDRESS.finditer(text):
        before = text[match.start() - 1] if match.start() else " "
        if before not in ".-v" and match[0] not in _NOT_HOSTS and _is_host(match[0]):
            yield match[0]


def _is_host(value: str) -> bool:
    """Return whether a value is the address of a host. Small first numbers are most often versions."""
    try:
        found = ip_address(value)
    except ValueError:
        return False
    return not (found.is_loopback or found.is_unspecified or found.is_multicast) and found.packed[0] > 8


def _paths(text: str) -> Iterator[str]:
    for mark in (":\\", "%\\"):
        for at in _places(text, mark):
            folder, rest = _FOLDER.search(text, max(at - 32, 0), at + 1), _BELOW.match(text, at + 1)
            if folder and rest:
                yield (folder[0] + rest[0]).rstrip(" .)")[:LONGEST]
    if "\\\\" in text:
        yield from (match[0].rstrip(" .)")[:LONGEST] for match in _SHARE.finditer(text))
    for match in _POSIX.finditer(text):
        if match.start() == 0 or not _NOT_BEFORE_PATH.match(text, match.start() - 1):
            yield match[0].rstrip(".")[:LONGEST]


def _commands(text: str) -> Iterator[str]:
    """Yield the rest of the line behind the name of a program that stands alone."""
    low = text.lower()
    found: list[tuple[int, str]] = []
    if len(low) != len(text):  # a few letters change their length: places would not agree
        low = text
    for program in _programs():
        at = low.find(program)
        while at >= 0 and len(found) < MOST * 10:
            end = at + len(program)
            end += 4 if low.startswith(".exe", end) else 0
            behind = text[end : end + 2]
            if (at == 0 or text[at - 1] in _BEFORE_COMMAND) and (behind[:1] in (" ", "\t") or behind in ('" ', "' ")):
                found.append((at, text[at : at + LONGEST].splitlines()[0].strip()))
            at = low.find(program, end)
    last = -1
    for at, line in sorted(found):
        if at > last and " " in line:
            yield line
            last = at + len(line)
