"""Values of a record as the index compares them: times as nanoseconds, addresses as sixteen bytes, free-form objects as key and value."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NS_MIN, NS_MAX = -(2**63), 2**63 - 1
"""What 64 bits of nanoseconds hold: 1677-09-21 to 2262-04-11."""

ES_NS_MIN = 0
"""Elasticsearch's `date_nanos` begins at 1970-01-01."""

_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,12}))?(?:[Zz]|([+-])(\d\d):?(\d\d))?")
_PARTIAL = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[Tt ](\d\d)(?::(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?(Z|[+-]\d\d(?::?\d\d)?)?)?)?)?")


def nanoseconds(text: object) -> int | None:
    """An RFC 3339 time as nanoseconds since 1970 UTC, digits below a nanosecond cut off; None if it is none or does not fit 64 bits."""
    total = _total(text)
    return total if total is not None and NS_MIN <= total <= NS_MAX else None


def within_instant(text: object) -> int | None:
    """The same as the index holds it: a time before or after what 64 bits hold is the first or last that they do."""
    total = _total(text)
    return None if total is None else within(total)


def within(total: int) -> int:
    """Nanoseconds since 1970, brought into 64 bits."""
    return max(NS_MIN, min(NS_MAX, total))


def _total(text: object) -> int | None:
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if not found:
        return None
    y, mo, d, h, mi, s, fraction, sign, oh, om = found.groups()
    try:
        day = datetime(int(y), int(mo), int(d), int(h), int(mi), min(int(s), 59), tzinfo=UTC) - EPOCH
    except ValueError:
        return None
    seconds = day.days * 86400 + day.seconds + (1 if s == "60" else 0)
    if sign:
        seconds -= (1 if sign == "+" else -1) * (int(oh) * 3600 + int(om) * 60)
    return seconds * 1_000_000_000 + int(((fraction or "0") + "00000000")[:9])


def span(text: str) -> tuple[int, int] | None:
    """First and last nanosecond of a time that may be partial (`2026`, `2026-10-31`, `2026-10-31T19:22`); with a fraction one instant.

    None if it is no time.
    """
    found = _PARTIAL.fullmatch(text)
    if not found:
        return None
    y, mo, d, h, mi, s, fraction, zone = found.groups()
    try:
        start = datetime(int(y), int(mo or 1), int(d or 1), int(h or 0), int(mi or 0), int(s or 0), tzinfo=UTC)
        if fraction:
            first = last = _ns(start) + int(fraction.ljust(9, "0"))
        else:
            first, last = _ns(start), _last(start, mo, d, h, mi, s)
    except ValueError:
        return None
    shift = _zone(zone)
    return first - shift, last - shift


def _ns(moment: datetime) -> int:
    delta = moment - EPOCH
    return (delta.days * 86400 + delta.seconds) * 1_000_000_000


def _last(start: datetime, *parts: str | None) -> int:
    try:
        return _ns(_next(start, *parts)) - 1
    except (ValueError, OverflowError):  # the last day of the year 9999
        return _ns(datetime.max.replace(tzinfo=UTC))


def _next(start: datetime, *parts: str | None) -> datetime:
    given = sum(1 for part in parts if part is not None)
    if given == 0:
        return start.replace(year=start.year + 1)
    if given == 1:
        return (start + timedelta(days=32)).replace(day=1)
    return start + (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1))[given - 2]


def _zone(zone: str | None) -> int:
    if not zone or zone == "Z":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    return (1 if zone[0] == "+" else -1) * (int(digits[:2]) * 3600 + int(digits[2:]) * 60) * 1_000_000_000


def isotime(ns: int, digits: int = 9) -> str:
    """Nanoseconds since 1970 as `2026-10-31T19:22:03.118402100Z` with so many digits of the second."""
    seconds, rest = divmod(ns, 1_000_000_000)
    moment = EPOCH + timedelta(seconds=seconds)
    head = moment.strftime("%Y-%m-%dT%H:%M:%S") if moment.year >= 1000 else moment.isoformat()[:19]
    return f"{head}.{rest:09d}"[: 20 + digits if digits else 19] + "Z"


def getter(names: list[str]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    """Return what gets the values of these fields of a record, all of which it has."""
    return itemgetter(*names) if len(names) > 1 else lambda record: tuple(record[name] for name in names)


def address(text: object) -> bytes | None:
    """An IP address as sixteen bytes, IPv4 mapped into IPv6, so that byte order is address order; None if it is none."""
    return _address(str(text)[:200])


@lru_cache(maxsize=4096)
def _address(text: str) -> bytes | None:
    try:
        found = ipaddress.ip_address(text.split("%", 1)[0])
    except ValueError:
        return None
    return (b"\0" * 10 + b"\xff\xff" + found.packed) if found.version == 4 else found.packed


def network(text: str) -> tuple[bytes, bytes] | None:
    """First and last address of a CIDR block or of a single address; None if it is neither."""
    try:
        found = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    first, last = address(found.network_address), address(found.broadcast_address)
    return (first, last) if first is not None and last is not None else None


def leaves(value: Any, key: str = "") -> Iterator[str]:
    """`key NUL value` for every leaf of a free-form object, nested keys joined by dots: what a `flattened` field indexes."""
    if isinstance(value, dict):
        for name, below in value.items():
            yield from leaves(below, f"{key}.{name}" if key else str(name))
    elif isinstance(value, (list, tuple)):
        for below in value:
            yield from leaves(below, key)
    elif value is not None:
        yield f"{key}\0{str(value).lower() if isinstance(value, bool) else value}"
