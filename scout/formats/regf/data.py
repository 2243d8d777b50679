"""Data of registry values and the small types around it: strings, numbers, times, SIDs.

Source: "Windows registry file format specification", M. Suhanov, section "Data types"; [MS-DTYP] 2.3.3 FILETIME and 2.4.2.2 SID.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from struct import unpack_from

from scout.formats.regf.resources import resources

BASE_BLOCK = 4096
"""bytes before the first hive bin; offsets of cells count from here"""
TYPES = (
    "REG_NONE",
    "REG_SZ",
    "REG_EXPAND_SZ",
    "REG_BINARY",
    "REG_DWORD",
    "REG_DWORD_BIG_ENDIAN",
    "REG_LINK",
    "REG_MULTI_SZ",
    "REG_RESOURCE_LIST",
    "REG_FULL_RESOURCE_DESCRIPTOR",
    "REG_RESOURCE_REQUIREMENTS_LIST",
    "REG_QWORD",
)
"""names of the value types 0 to 11"""
_TEXTS = frozenset((1, 2, 6))
_NUMBERS = frozenset(((4, 4), (5, 4), (11, 8)))
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=1 << 16)
def filetime(ticks: int) -> str:
    """Return 100 ns ticks since 1601 as RFC 3339 UTC with seven decimals; '' for 0, for "never", and beyond the year 9999."""
    if not 0 < ticks < 2_650_467_744_000_000_000:
        return ""
    days, ticks = divmod(ticks, 864_000_000_000)
    seconds, rest = divmod(ticks, 10_000_000)
    return f"{_day(days)}T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:07d}Z"


@lru_cache(maxsize=1 << 13)
def _day(days: int) -> str:
    return (_EPOCH + timedelta(days=days)).date().isoformat()


def fat_time(date: int, time: int) -> str | None:
    """Return a FAT date and time (two seconds' precision) that is in UTC; None for 0 and for no date. Source: [MS-CFB], FAT directory."""
    try:
        made = datetime(1980 + (date >> 9), date >> 5 & 15, date & 31, time >> 11, time >> 5 & 63, min((time & 31) * 2, 59), tzinfo=UTC)
    except ValueError:
        return None
    return made.strftime("%Y-%m-%dT%H:%M:%SZ") if date else None


def strings(kind: int, raw: bytes) -> list[str]:
    """Return data of type number `kind` as strings: text to its end mark, all parts of REG_MULTI_SZ, numbers in decimal, the resources of a
    resource list; [] for binary.
    """
    return typed(kind, raw)[0]


def typed(kind: int, raw: bytes) -> tuple[list[str], bool]:
    """Return the data as `strings` does, and whether the strings hold all of it.

    They do not hold binary data, bytes behind the end mark of a text, half a character, lone surrogates, and numbers of a wrong size.
    """
    if kind in _TEXTS:
        try:
            whole = raw.decode("utf-16-le")
        except UnicodeDecodeError:
            return [text(raw)], False
        first, mark, rest = whole.partition("\0")
        return [first], not mark or not rest or not rest.strip("\0")
    if (kind, len(raw)) in _NUMBERS:
        return [str(int.from_bytes(raw, "big" if kind == 5 else "little"))], True
    if kind in (8, 9):
        return resources(kind, raw), not raw
    if kind != 7:
        return [], not raw
    parts = raw[: len(raw) // 2 * 2].decode("utf-16-le", "backslashreplace").split("\0")
    while parts and not parts[-1]:
        parts.pop()
    try:
        return parts, raw.decode("utf-16-le").rstrip("\0") == "\0".join(parts)
    except UnicodeDecodeError:
        return parts, False


def text(raw: bytes) -> str:
    r"""Decode UTF-16LE up to the first NUL; lone surrogates become `\xd8`-like escapes, so that the result is valid Unicode."""
    return raw[: len(raw) // 2 * 2].decode("utf-16-le", "backslashreplace").partition("\0")[0]


def decoded(raw: bytes, *, compressed: bool) -> str:
    """Decode the name of a key or value: one byte per character where the flag is set, else UTF-16LE."""
    return raw.decode("latin-1") if compressed else raw[: len(raw) // 2 * 2].decode("utf-16-le", "backslashreplace")


def sid(raw: bytes) -> str:
    """Return `S-1-5-…` from the binary form; '' where that is cut or of another revision. Source: [MS-DTYP] 2.4.2.2."""
    if len(raw) < 8 or raw[0] != 1 or len(raw) < 8 + 4 * raw[1]:
        return ""
    return "-".join(["S-1", str(int.from_bytes(raw[2:8], "big")), *map(str, unpack_from(f"<{raw[1]}I", raw, 8))])


def type_name(kind: int) -> str:
    """Return `REG_SZ` and the like; a number that Windows does not name is written as `0x00000102`."""
    return TYPES[kind] if kind < len(TYPES) else f"0x{kind:08x}"


def find_root(data: bytes | bytearray) -> int:
    """Return the offset of the first key that is marked as a root, in the first bin of a hive without a base block; 32 where there is
    none.
    """
    at, end = BASE_BLOCK + 32, min(len(data) - 8, BASE_BLOCK + 4096)
    while at < end:
        (size,) = unpack_from("<i", data, at)
        if data[at + 4 : at + 6] == b"nk" and data[at + 6] & 4:
            return at - BASE_BLOCK
        at += max(8, abs(size))
    return 32


def why_not(data: bytes | bytearray) -> str:
    """Return why bytes are no hive."""
    if not len(data):
        return "empty file"
    if data[:4] != b"regf":
        return "no hive: signature regf is missing" if any(data[:BASE_BLOCK]) else "no hive: zeroes where the base block should be"
    return "hive is cut before its first bin" if data[28:29] == b"\0" else "a transaction log, not a hive"
