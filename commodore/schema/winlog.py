"""What Windows events mean in ECS: `winlog.yaml`, validated and compiled once into functions over the values of an event."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

from commodore.schema import actions, registry
from commodore.sentence import Sentence, sentence
from scout.data import load_data

Values = Mapping[str, str]
Convert = Callable[[str], Any]
"""a raw value → what the registry's type wants, or None where there is nothing to say"""

SENTENCE = 400
"""Characters of one value that a message shows."""
ABSENT = frozenset({"-"})
"""Text that Windows writes where there is no value."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one kind of event is: constant ECS fields, typed copies of its values, and its sentence."""

    constant: Mapping[str, Any] = field(default_factory=dict)
    copies: tuple[tuple[str, str, Convert], ...] = ()
    message: Sentence | None = None

    def apply(self, record: dict[str, Any], values: Values) -> None:
        """Write the typed copies and the sentence into a record, which has the constant fields already."""
        get = values.get
        for target, source, convert in self.copies:
            raw = get(source)
            if raw is not None:
                made = convert(raw)
                if made is not None:
                    record[target] = made
        if self.message is not None:
            record["message"] = self.message(values)


@cache
def meanings() -> dict[tuple[str, str], Meaning]:
    """(provider in lower case, event id) → meaning. Raises ValueError for an entry that the validator refuses."""
    result: dict[tuple[str, str], Meaning] = {}
    for entry in load_data("commodore.schema", "winlog.yaml"):
        meaning = _compile(entry)
        for event in entry["events"]:
            provider, _, code = event.rpartition("/")
            if (provider.lower(), code) in result or not provider or not code.isdigit():
                raise ValueError(f"winlog.yaml: {event}: `provider/id` expected, once")
            result[provider.lower(), code] = meaning
    return result


def _compile(entry: dict[str, Any]) -> Meaning:
    if extra := set(entry) - {"events", "action", "category", "type", "outcome", "message", "fields"}:
        raise ValueError(f"winlog.yaml: {entry.get('events')}: unknown words {sorted(extra)}")
    if entry["action"] not in actions():
        raise ValueError(f"winlog.yaml: {entry['events']}: {entry['action']} is not in actions.yaml")
    constant = {"event.action": entry["action"], "event.category": entry["category"], "event.type": entry["type"]}
    if "outcome" in entry:
        constant["event.outcome"] = entry["outcome"]
    copies = []
    for target, said in entry["fields"].items():
        source, _, form = (part.strip() for part in said.partition("|"))
        copies.append((target, source, _convert(target, form)))
    return Meaning(constant, tuple(copies), sentence(entry["message"], SENTENCE, ABSENT))


def _convert(target: str, form: str) -> Convert:
    known = registry().get(target)
    if known is None or (form and form not in FORMS):
        raise ValueError(f"winlog.yaml: {target} | {form}: not in the field registry, or no such form")
    one = FORMS[form] if form else TYPED.get(known.type, text)
    if not known.many:
        return one

    def several(raw: str) -> list[Any] | None:
        made = one(raw)
        return None if made is None else [made]

    return several


def text(raw: str) -> str | None:
    """Text as it stands; `-` and nothing mean that there is none."""
    return None if raw in ("", "-") else raw


def number(raw: str) -> int | None:
    """Decimal or 0x hexadecimal."""
    try:
        return int(raw, 16 if raw[:2] in ("0x", "0X") else 10)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def address(raw: str) -> str | None:
    """An IP address in its normal form; `::ffff:10.0.0.1` is 10.0.0.1; anything else is none."""
    try:
        found = ipaddress.ip_address(raw.strip().partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)


def time(raw: str) -> str | None:
    """Sysmon's `2025-12-06 21:11:02.632` (UTC) as RFC 3339."""
    return (
        f"{raw[:10]}T{raw[11:]}Z"
        if re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?", raw)
        else (raw if _RFC3339.fullmatch(raw) else None)
    )


_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def last(raw: str) -> str | None:
    """Last component of a Windows path."""
    return raw.rsplit("\\", 1)[-1] or None if raw != "-" else None


def account(raw: str) -> str | None:
    r"""`account` of `DOMAIN\account`."""
    return text(raw.rpartition("\\")[2])


def domain(raw: str) -> str | None:
    r"""`DOMAIN` of `DOMAIN\account`."""
    return text(raw.rpartition("\\")[0])


def _hash(kind: str) -> Convert:
    pattern = re.compile(rf"(?:^|,){kind}=([0-9A-Fa-f]+)")

    def pick(raw: str) -> str | None:
        found = pattern.search(raw)
        return found[1].lower() if found else None

    return pick


TYPED: dict[str, Convert] = {"long": number, "ip": address, "date": time}
FORMS: dict[str, Convert] = {
    "name": last,
    "account": account,
    "domain": domain,
    "time": time,
    "md5": _hash("MD5"),
    "sha1": _hash("SHA1"),
    "sha256": _hash("SHA256"),
}
