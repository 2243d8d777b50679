"""Country, city and network (ASN) of addresses, from a MaxMind database that the analyst gives: GeoLite2, GeoIP2, DB-IP, IPinfo."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from scout.console import COULD_NOT, Complaint

_MARK = b"\xab\xcd\xefMaxMind.com"
_TAIL = 128 << 10
"""Bytes at the end in which the metadata begin (MaxMind DB file format 2.0, section "Database Metadata")."""
_LANGUAGE = "en"
_LONGEST = 200
"""characters of a name"""
_BROKEN = (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError)
"""what the reader raises on a file that was made to break it"""


class GeoDatabase:
    """An opened database; it is read from disk as it is asked."""

    kinds = frozenset({"address"})

    def __init__(self, path: Path) -> None:
        import maxminddb

        try:
            self._reader = maxminddb.open_database(str(path))
            about = self._reader.metadata()
            built = dt.datetime.fromtimestamp(about.build_epoch, dt.UTC)
        except (maxminddb.InvalidDatabaseError, *_BROKEN) as e:
            raise Complaint(f"{path} is a damaged MaxMind database: {e}.", "Fetch it again.", COULD_NOT) from None
        self.name = f"{str(about.database_type)[:_LONGEST]}, built {built:%Y-%m-%d}"
        self._error = maxminddb.InvalidDatabaseError

    def facts(self, kind: str, value: str) -> dict[str, Any]:  # noqa: ARG002
        """Return `geo.*` and `as.*` fields of ECS, as far as the database has them."""
        try:
            found = self._reader.get(value)
        except (self._error, *_BROKEN):  # an IPv6 address in a database of IPv4, a damaged entry
            return {}
        if not isinstance(found, dict):
            return {}
        facts = {
            "geo.country_iso_code": _at(found, "country", "iso_code") or _text(found.get("country_code")),
            "geo.country_name": _at(found, "country", "names", _LANGUAGE),
            "geo.city_name": _at(found, "city", "names", _LANGUAGE) or _text(found.get("city")),
            "as.number": _number(found.get("autonomous_system_number") or found.get("asn")),
            "as.organization.name": _text(found.get("autonomous_system_organization")) or _text(found.get("as_name")),
        }
        return {name: fact for name, fact in facts.items() if fact}


def opened(path: Path, head: bytes) -> GeoDatabase | None:
    """Open a MaxMind database; None for another file."""
    if not head:
        return None
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL))
        return GeoDatabase(path) if _MARK in file.read() else None


def _at(found: Any, *keys: str) -> str:
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return _text(found)


def _text(value: Any) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""


def _number(value: Any) -> int:
    """Return the number of a network, which some databases write `AS15169`."""
    text = str(value if isinstance(value, int | str) else "")[:_LONGEST].upper().removeprefix("AS")
    return int(text) if text.isdecimal() and len(text) < 11 else 0
