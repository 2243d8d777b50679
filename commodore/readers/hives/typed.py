"""Values of the registry as the schema's types: numbers, booleans, times in the forms in which Windows stores them.

Sources: [MS-DTYP] 2.3.3 FILETIME, 2.3.13 SYSTEMTIME; InstallDate in `CurrentVersion` (seconds since 1970), Microsoft Learn.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from struct import unpack_from
from typing import Any

from commodore.schema import registry
from scout.formats.regf import Value
from scout.formats.regf.data import filetime

LONGEST = 512
"""characters of one setting"""
_BYTES = 64
"""bytes of a binary setting that are shown"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXTS = (
    (re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)Z?"), (1, 2, 3, 4, 5, 6)),
    (re.compile(r"(\d\d)/(\d\d)/(\d{4}) (\d\d):(\d\d):(\d\d)"), (3, 1, 2, 4, 5, 6)),
)
"""texts that are a time in UTC, and where year, month, day, hour, minute and second are"""


def typed(field: str, value: Value) -> Any:
    """Return the data of a value as the type that the schema gives a field; None where it does not fit or is empty."""
    declared = registry()[field]
    if declared.many:
        return [text for text in value.strings if text] or None
    if declared.type == "date":
        return moment(value)
    if declared.type in ("long", "boolean"):
        number = value.number
        if number is None and value.text.strip().isdecimal():
            number = int(value.text)
        return number if number is None or declared.type == "long" else bool(number)
    return value.text or None


def moment(value: Value) -> str | None:
    """Return a time in UTC: FILETIME (8 bytes), SYSTEMTIME (16), seconds since 1970 (DWORD, small QWORD), a text of a known form."""
    raw = value.raw
    if value.kind == 4 and len(raw) == 4:
        return unix(int.from_bytes(raw, "little"))
    if value.kind in (1, 2):
        return _of_text(value.text)
    if value.kind == 11 and len(raw) == 8 and int.from_bytes(raw, "little") < 1 << 33:  # seconds in 64 bits, as Amcache has them
        return unix(int.from_bytes(raw, "little"))
    if len(raw) == 8:
        return filetime(int.from_bytes(raw, "little")) or None
    return systemtime(raw) if len(raw) == 16 else None


def exact_time(value: Value) -> str | None:
    """Return a FILETIME; None for 0, and for data that is not 8 bytes long, which the hive's damage then says."""
    raw = value.raw
    if len(raw) != 8:
        value.hive.note(
            value.offset, f"{value.name or 'a time'} has {len(raw)} bytes of type {value.type}: only a FILETIME of 8 bytes is known"
        )
        return None
    return filetime(int.from_bytes(raw, "little")) or None


def unix(seconds: int) -> str | None:
    """Return seconds since 1970 as RFC 3339; None for 0 and beyond 32 bits."""
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ") if 0 < seconds < 1 << 32 else None


def systemtime(raw: bytes) -> str | None:
    """Return a SYSTEMTIME that is in UTC; None where it is no date."""
    year, month, _, day, hour, minute, second, milli = unpack_from("<8H", raw)
    try:
        return f"{datetime(year, month, day, hour, minute, second, tzinfo=UTC):%Y-%m-%dT%H:%M:%S}.{milli:03d}Z" if year > 1600 else None
    except ValueError:
        return None


def setting(value: Value) -> str:
    """Return `Name=value`; binary data as `hex:…`, and what is long is cut."""
    texts = value.strings
    if texts:
        shown = ", ".join(texts)
    else:
        raw = value.raw
        shown = f"hex:{raw[:_BYTES].hex()}{'…' if len(raw) > _BYTES else ''}" if raw else ""
    return f"{value.name or '(default)'}={shown[:LONGEST]}{'…' if len(shown) > LONGEST else ''}"


def _of_text(text: str) -> str | None:
    for pattern, order in _TEXTS:
        if found := pattern.fullmatch(text.strip()):
            numbers = [int(found[i]) for i in order]
            try:
                return datetime(*numbers, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")  # type: ignore[misc,arg-type]
            except ValueError:
                return None
    return None
