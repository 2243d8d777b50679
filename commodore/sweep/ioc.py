"""Match indicators on every field of every record.

One multi-pattern pass searches the JSON text of a record for parts of all indicators. Where it finds one, the fields are compared with the
boundaries of the type: a hash is a complete word, a domain includes its subdomains, a path includes everything below it.
"""

from __future__ import annotations

import ipaddress
import json
import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import orjson
from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

from commodore.hits import DetectionRule
from scout.formats.indicator_expression import ecs_type, expression, title
from scout.formats.indicators import Indicator
from scout.formats.networks import NetworkIndex
from scout.formats.windows_paths import last_name

if TYPE_CHECKING:
    from commodore.sweep.finder import Finder

PREFIX = 14
"""Characters of an indicator that the first pass searches: enough to be rare, few enough for a small automaton."""

_OWN = frozenset(
    (
        "escadre.id",
        "escadre.collection",
        "escadre.parser",
        "escadre.locator",
        "escadre.member",
        "escadre.source",
        "escadre.state",
        "escadre.times",
        "event.dataset",
        "event.kind",
        "event.category",
        "event.type",
        "event.action",
        "@timestamp",
        "registry.data.bytes",
    )
)
"""Fields that the engine adds, and fields that encode another field."""

_NETWORKS = ("ip", "cidr")
_ECHO = ("message", "related.")
_FULL_V6 = re.compile(r"(?:[0-9a-f]{1,4}:){7}[0-9a-f]")


class Indicators:
    """All indicators of a run, ready to match."""

    def __init__(self, indicators: list[Indicator]) -> None:
        self.all = indicators = sorted(indicators)
        self.digests = frozenset(x.type for x in indicators if x.type in ("md5", "sha1"))
        """hashes of whole members that are asked for; SHA-256 is computed anyway"""
        self._by_value = NetworkIndex((x.value, i) for i, x in enumerate(indicators) if _by_value(x))
        self._six = any(":" in x.value for x in indicators if _by_value(x))
        texts: dict[str, int] = {}
        self._first = array("l")
        """text of the first pass → the first indicator that has it; `_further`: the others, which few texts have"""
        self._further: dict[int, list[int]] = {}
        for number, indicator in enumerate(indicators):
            for text in _searched(indicator):
                place = texts.setdefault(text, len(texts))
                if place == len(self._first):
                    self._first.append(number)
                elif number != self._first[place]:
                    self._further.setdefault(place, []).append(number)
        self._find = (
            AhoCorasick(
                list(texts), matchkind=MatchKind.Standard, store_patterns=False, implementation=Implementation.ContiguousNFA
            ).find_matches_as_indexes
            if texts
            else None
        )

        self.finder = _finder(indicators) if indicators else None
        """what finds the indicators in bytes; made at once, so that workers inherit it"""

    def __len__(self) -> int:
        return len(self.all)

    def number(self, kind: str, value: str) -> int | None:
        """Return the number of an indicator, None where it is none."""
        at = bisect_left(self.all, (kind, value), key=lambda x: x[:2])
        return at if at < len(self.all) and self.all[at][:2] == (kind, value) else None

    def rule_of(self, id_: str) -> DetectionRule | None:
        """Return an indicator as a rule, by the rule's id (`domain:evil.example`); None where it is none."""
        number = self.number(*id_.split(":", 1)) if ":" in id_ else None
        return None if number is None else self.rule(number)

    def facts(self, number: int) -> dict[str, Any]:
        """Return the fields of a record on an indicator."""
        rule = self.rule(number)
        return {
            "rule.id": rule.id,
            "rule.name": rule.name,
            "rule.category": rule.category,
            "rule.reference": rule.reference,
            "threat.indicator.type": rule.indicator_type,
        }

    def rule(self, number: int) -> DetectionRule:
        """Return an indicator as the rule of a finding."""
        x = self.all[number]
        return DetectionRule(
            f"{x.type}:{x.value}",
            title(x),
            "ioc",
            "high",
            reference=f"{x.file}:{x.line}",
            ruleset=x.file,
            indicator_type=ecs_type(x),
            description=x.facts.title,
            tlp=x.facts.tlp,
            certainty=x.facts.confidence,
            expires=x.facts.expires,
        )

    def fired(self, record: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
        """(indicator, matched fields) for each indicator that some field of the record has."""
        text = _text(record)
        wanted: set[int] = set()
        if self._find is not None:
            for place, *_ in self._find(text, overlapping=True):
                wanted.add(self._first[place])
                wanted.update(self._further.get(place, ()))
        six = self._six and ("::" in text or _FULL_V6.search(text) is not None)
        if not wanted and not six:
            return []
        found: dict[int, dict[str, Any]] = {}
        if six or any(self.all[i].type == "cidr" for i in wanted):
            for key, value in _strings(record):
                for i in self._by_value.within(value.lower()):
                    found.setdefault(i, {})[key] = value
        for i in wanted:
            if not _by_value(self.all[i]) and (fields := _fields(self.all[i], record)):
                found[i] = fields
        return [(i, _plain(found[i])) for i in sorted(found)]

    def on_member(self, line: Mapping[str, Any]) -> Iterator[tuple[int, dict[str, Any], bool]]:
        """(indicator, matched, whether it means this very file) for a line of the member list: hash and path of a collected file."""
        names = {"file.hash.sha256": line.get("sha256"), "file.path": line.get("path")}
        seen = {k: v for k, v in names.items() if isinstance(v, str)}
        path = seen.get("file.path", "").lower()
        own = {"sha256": seen.get("file.hash.sha256"), "path": path, "filename": last_name(path)}
        for number, found in self.fired(seen):
            yield number, found, self.all[number].value == own.get(self.all[number].type)


def _finder(indicators: list[Indicator]) -> Finder:
    from commodore.sweep.finder import Finder  # it imports numpy, which takes longer than all else here

    return Finder(indicators)


def _text(record: dict[str, Any]) -> str:
    try:
        return orjson.dumps(record).decode().lower()
    except (TypeError, ValueError):  # lone surrogates, numbers beyond 64 bits
        whole = json.dumps(record, ensure_ascii=False, default=str, separators=(",", ":")).lower()
        return whole.encode("utf-8", "replace").decode()


def _searched(indicator: Indicator) -> Iterator[str]:
    """Yield texts of which a record with the indicator has one in its JSON."""
    if indicator.type == "cidr":
        network = ipaddress.ip_network(indicator.value)
        if network.version == 4:
            octets = max(1, min(3, -(-network.prefixlen // 8)))
            step = 1 << (32 - 8 * octets)
            for n in range(int(network.network_address) & ~(step - 1), int(network.broadcast_address) + 1, step):
                yield ".".join(str(ipaddress.IPv4Address(n)).split(".")[:octets]) + "."
        return
    value = indicator.value
    if indicator.type in ("md5", "sha1", "sha256"):
        value = value[:PREFIX]
    elif indicator.type in _NETWORKS and ":" in value:  # written in many ways: compared by value
        return
    elif indicator.type in ("path", "url"):  # many share the same beginning
        value = re.sub(r"\A(?:[a-z]:|~)", "", value)[-2 * PREFIX :]
    yield orjson.dumps(value).decode()[1:-1].lower()
    if indicator.type == "path" and "\\" in value:
        yield orjson.dumps(value.replace("\\", "/")).decode()[1:-1].lower()


def _by_value(indicator: Indicator) -> bool:
    """Return whether it is compared by value: it is a network, or an address that is written in many ways."""
    return indicator.type == "cidr" or (indicator.type == "ip" and ":" in indicator.value)


def _fields(indicator: Indicator, record: dict[str, Any]) -> dict[str, Any]:
    """Return field → value where the indicator has the right boundaries."""
    matches = _whole(indicator)
    return {k: v for k, v in _strings(record) if matches(v.lower())}


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    """Leave out `message` and `related.*` where another field has the indicator."""
    return {k: v for k, v in found.items() if not k.startswith(_ECHO)} or found


def _whole(indicator: Indicator) -> Any:
    pattern = re.compile(expression(indicator))
    slashes = indicator.type == "path" and "\\" in indicator.value

    def matches(text: str) -> bool:
        return pattern.search(text.replace("/", "\\") if slashes else text) is not None

    return matches


def _strings(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield every text of a record with the name of its field; members of free-form objects as `field.member`."""
    for key, value in record.items():
        if key in _OWN:
            continue
        if isinstance(value, str):
            yield key, value
        elif isinstance(value, dict):
            for inner, text in value.items():
                if isinstance(text, str):
                    yield f"{key}.{inner}", text
        elif isinstance(value, list):
            for text in value:
                if isinstance(text, str):
                    yield key, text
