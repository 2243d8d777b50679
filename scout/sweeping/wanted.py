"""What a sweep looks for, ready to be compared: YARA rules, and indicators by their type."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from scout.collecting.sweep_options import SweepOptions
from scout.console import WRONG_USE, Complaint
from scout.formats.indicator_expression import ecs_type, expression, title
from scout.formats.indicators import Indicator, Refused, read_file
from scout.formats.networks import NetworkIndex
from scout.formats.yara_rules import YaraMatch, YaraRules, external, rule_texts

TIMEOUT = 20
"""seconds that all rules together may take on one file or process, then each file of rules alone"""
_HASHES = ("md5", "sha1", "sha256")
_TEXTS = ("domain", "url", "ip", "path", "filename", "mutex", "pipe")
_LAST = re.compile(r"[^\\/]+\Z")


class WantedKey(NamedTuple):
    """An indicator, and what its last part is: a key (''), or the name of a value of the key."""

    indicator: Indicator
    value: str


class SweepWanted:
    """The rules and indicators of one sweep. `refused`: lines and rules that are not usable, each with its reason."""

    def __init__(self, options: SweepOptions) -> None:
        self.refused: list[Refused] = []
        found: dict[tuple[str, str], Indicator] = {}
        for path in options.indicators:
            read, refused = read_file(path)
            self.refused += refused
            for one in read:
                found.setdefault((one.type, one.value), one)
        self.rules: YaraRules | None = None
        if options.rules:
            self.rules = YaraRules(rule_texts(options.rules))
            self.refused += self.rules.refused
        self.count = len(found), len(self.rules) if self.rules is not None else 0
        if not any(self.count):
            why = f" {len(self.refused):,} lines were refused, the first: {self.refused[0].reason}." if self.refused else ""
            raise Complaint(f"There is nothing to look for.{why}", "Give --ioc FILE or --rules DIR.", WRONG_USE)
        self.hashes = {(one.type, one.value): one for one in found.values() if one.type in _HASHES}
        self.kinds = sorted({kind for kind, _ in self.hashes})
        self._names: dict[str, list[tuple[re.Pattern[str], Indicator]]] = defaultdict(list)
        self._texts: list[tuple[re.Pattern[str], Indicator]] = []
        self._ips = {one.value: one for one in found.values() if one.type == "ip"}
        self.keys = [one for one in found.values() if one.type == "path" and one.value[0] == "\\" != one.value[1:2]]
        """paths without a drive: they may be those of registry keys"""
        self.objects = {(one.type, one.value): one for one in found.values() if one.type in ("mutex", "pipe")}
        self._networks = NetworkIndex((one.value, one) for one in found.values() if one.type == "cidr")
        for one in found.values():
            if one.type not in _TEXTS:
                continue
            pattern = re.compile(expression(one))
            if one.type in ("path", "filename") and (last := _LAST.search(one.value)):
                self._names[last[0]].append((pattern, one))
            self._texts.append((pattern, one))
        self.reads = bool(self.hashes) or self.rules is not None
        """whether content is compared"""

    def path(self, native: str) -> Iterator[dict[str, Any]]:
        """Yield the paths and names of files that are this path, or a folder above it."""
        text = native.lower()
        for name in dict.fromkeys(re.split(r"[\\/]", text)):
            for pattern, one in self._names.get(name, ()):
                if pattern.search(text):
                    yield described(one, native)

    def digests(self) -> dict[str, Any]:
        """Return a new hash for each kind that is asked for."""
        return {kind: hashlib.new(kind, usedforsecurity=False) for kind in self.kinds}

    def digest(self, digests: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the hashes that are asked for."""
        for kind, made in digests.items():
            if one := self.hashes.get((kind, made.hexdigest())):
                yield described(one, made.hexdigest())

    def object(self, kind: str, name: str) -> Iterator[dict[str, Any]]:
        """Yield the indicator that the name of a mutex or pipe is."""
        if one := self.objects.get((kind, name.lower())):
            yield described(one, name)

    def address(self, text: str) -> Iterator[dict[str, Any]]:
        """Yield what an address is, or is part of."""
        bare = text.lower().partition("%")[0]
        try:
            address = ipaddress.ip_address(bare)
        except ValueError:
            return
        address = getattr(address, "ipv4_mapped", None) or address
        if one := self._ips.get(str(address)):
            yield described(one, text)
        for other in self._networks.of(address):
            yield described(other, text)

    def text(self, text: str) -> Iterator[dict[str, Any]]:
        """Yield the addresses, names and paths in a command line, or in a line of a hosts file."""
        lower = text.lower()
        for pattern, one in self._texts:
            if match := pattern.search(lower):
                yield described(one, text[match.start() : match.end()])

    def yara(self, data: bytes, path: str, owner: str, failed: list[str]) -> Iterator[dict[str, Any]]:
        """Yield the rules that match bytes. `failed` gets those that could not be applied."""
        if self.rules is not None:
            known = external(path, data[:16], owner)
            yield from map(matched, self.rules.match(data, known, TIMEOUT, failed))

    def memory(self, pid: int) -> Iterator[dict[str, Any]]:
        """Yield the rules that match the memory of a process. Raises what yara raises: it ended, or may not be read."""
        if self.rules is not None:
            yield from map(matched, self.rules.match_process(pid, TIMEOUT))


def described(one: Indicator, text: str) -> dict[str, Any]:
    """Return an indicator that was found, as COMMODORE names rules."""
    return {
        "rule": f"{one.type}:{one.value}",
        "rule_name": title(one),
        "category": "ioc",
        "indicator_type": ecs_type(one),
        "reference": f"{one.file}:{one.line}",
        "text": text[:500],
    }


def matched(match: YaraMatch) -> dict[str, Any]:
    """Return a rule that matched."""
    out = {"rule": f"yara:{match.rule}", "rule_name": match.name, "category": "yara"}
    reference = str(match.meta.get("reference", ""))
    if reference:
        out["reference"] = reference
    if not match.strings:
        return out
    _, offset, data = match.strings[0]
    return out | {"offset": offset, "text": data.decode("latin-1")[:200]}


def unique(hits: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield each rule once."""
    seen = set()
    for hit in hits:
        if hit["rule"] not in seen:
            seen.add(hit["rule"])
            yield hit
