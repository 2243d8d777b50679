r"""ShimCache: the cache of the application compatibility database, from Windows XP to 11."""

from __future__ import annotations

from collections.abc import Iterator
from struct import unpack_from
from typing import NamedTuple

from commodore.registry import At, Part, Problem, each_value, program_fields, registry_artefact
from scout.formats.regf import Value
from scout.formats.regf.data import filetime, text


class CachedProgram(NamedTuple):
    """One entry: path, last change of the file (FILETIME), and the mark that Windows set when it ran (None: the format has none)."""

    path: str
    modified: int
    ran: bool | None


class CacheFormatError(ValueError):
    """The cache has a format that is not known, or is cut; the text says where."""


def cached(raw: bytes) -> Iterator[CachedProgram]:
    """Yield the entries in their order; what was put in or changed last comes first. Raises CacheFormatError, after what it could read."""
    if len(raw) < 52:
        raise CacheFormatError(f"cache of {len(raw)} bytes is shorter than any header")
    signature = int.from_bytes(raw[:4], "little")
    if signature == 0xDEADBEEF:
        yield from _xp(raw)
    elif signature == 0xBADC0FFE:
        yield from _table(raw, 8, (24, 32), flags=_vista(raw))
    elif signature == 0xBADC0FEE:
        yield from _table(raw, 128, (32, 48), flags=True)
    elif signature in (0, 0x80) and raw[0x80:0x84] in (b"00ts", b"10ts"):
        yield from _chain(raw, 0x80, raw[0x80:0x84], flags=True)
    elif signature in (0x30, 0x34) and raw[signature : signature + 4] == b"10ts":
        yield from _chain(raw, signature, b"10ts", flags=False)
    else:
        raise CacheFormatError(f"unknown format of the cache: it begins with {raw[:4].hex()}")


def _xp(raw: bytes) -> Iterator[CachedProgram]:
    """Windows XP, 32 bits: a header of 400 bytes, entries of 552."""
    for number in range(unpack_from("<I", raw, 4)[0]):
        at = 400 + 552 * number
        if at + 552 > len(raw):
            raise CacheFormatError(f"cut at entry {number}")
        if any(raw[at : at + 552]):  # the header gives the room, not the number
            yield CachedProgram(text(raw[at : at + 528]), unpack_from("<Q", raw, at + 528)[0], None)


def _wide(raw: bytes, header: int) -> bool:
    """Return whether offsets in a table have 64 bits: then the half of the word behind the two lengths is empty."""
    first, second = unpack_from("<II", raw, header + 4)
    return bool(first == 0 and second != 0)


def _vista(raw: bytes) -> bool:
    """Return whether the entries have flags (Vista, 2008); those of Server 2003 have the size of the file in their place."""
    step, at = (32, 24) if _wide(raw, 8) else (24, 16)
    count = min(unpack_from("<I", raw, 4)[0], (len(raw) - 8) // step)
    return all(int(unpack_from("<I", raw, 8 + step * number + at)[0]) <= 0xFF for number in range(count))


def _table(raw: bytes, header: int, steps: tuple[int, int], *, flags: bool) -> Iterator[CachedProgram]:
    """Server 2003 to Windows 7: entries of one size that point to their paths. `steps`: bytes of an entry of 32 and of 64 bits."""
    wide = _wide(raw, header)
    step = steps[wide]
    for number in range(unpack_from("<I", raw, 4)[0]):
        at = header + step * number
        if at + step > len(raw):
            raise CacheFormatError(f"cut at entry {number}")
        length, longest = unpack_from("<HH", raw, at)
        offset, time, insert = unpack_from("<QQI", raw, at + 8) if wide else unpack_from("<IQI", raw, at + 4)
        if offset + length > len(raw) or length > longest:
            raise CacheFormatError(f"the path of entry {number} lies outside")
        yield CachedProgram(text(raw[offset : offset + length]), time, bool(insert & 2) if flags else None)


def _chain(raw: bytes, at: int, mark: bytes, *, flags: bool) -> Iterator[CachedProgram]:
    """Windows 8 to 11: entries one behind the other, each with a signature and its size."""
    while at + 12 <= len(raw):
        signature, size = raw[at : at + 4], unpack_from("<I", raw, at + 8)[0]
        if not any(raw[at:]):  # room for more
            return
        entry = raw[at + 12 : at + 12 + size]
        if signature != mark or len(entry) < size or size < 14:
            raise CacheFormatError(f"no entry at {at:#x}, where one should be")
        length = unpack_from("<H", entry)[0]
        path, rest = text(entry[2 : 2 + length]), 2 + length
        ran = None
        if flags and rest + 10 <= size:
            rest += 2 + unpack_from("<H", entry, rest)[0]  # name of a package
            if rest + 8 <= size:
                ran = bool(unpack_from("<I", entry, rest)[0] & 2)
                rest += 8
        if rest + 8 > size:
            raise CacheFormatError(f"the entry at {at:#x} is cut")
        yield CachedProgram(path, unpack_from("<Q", entry, rest)[0], ran)
        at += 12 + size
    if any(raw[at:]):
        raise CacheFormatError(f"cut at {at:#x}")


def _entries(at: At, value: Value) -> Iterator[Part | Problem]:  # noqa: ARG001
    raw = value.raw
    try:
        for number, entry in enumerate(cached(raw)):
            when = filetime(entry.modified) or None
            made = {"escadre.cache.position": number, "escadre.cache.ran": entry.ran, "file.path": entry.path}
            path = entry.path.removeprefix("\\??\\")
            yield Part(str(number), made | program_fields(path) | {"@timestamp": when, "file.mtime": when})
    except CacheFormatError as error:
        yield Problem(str(error), value.name, lost=1)


ARTEFACT, parse, expected = registry_artefact(
    name="shim_cache",
    title="ShimCache (AppCompatCache)",
    about="Programs that Windows looked up in the application compatibility database: path and last change of the file, in the order of "
    "the cache (0 was put in or changed last). The file was there, also where it is gone now. Up to Windows 8.1 a mark says that Windows "
    "prepared to run it. The cache is written to the hive when the host shuts down.",
    proves_not="That the program ran: Explorer puts files into the cache that a user only saw in a folder, and from Windows 10 on there is "
    "no mark. The time is that of the file, not of a run, and can be set by anybody.",
    keys=(
        r"System\CurrentControlSet\Control\Session Manager\AppCompatCache",
        r"System\CurrentControlSet\Control\Session Manager\AppCompatibility",
    ),
    read=each_value(_entries, names=("AppCompatCache",)),
    fields=("escadre.cache.position", "escadre.cache.ran", "file.path", "file.mtime", "process.executable", "process.name"),
    times={
        "@timestamp": "last change of the file's content when it was put into the cache ($STANDARD_INFORMATION)",
        "file.mtime": "the same",
        "escadre.registry.last_written": "when the cache was written to the hive, as a rule at the last shutdown",
    },
    category=("process", "file"),
    action="program-presence-observed",
    message="The compatibility cache has {file.path!q} at place {escadre.cache.position}[, last changed at {file.mtime}]"
    "[{?escadre.cache.ran}, marked as run].",
    sources=(
        "Leveraging the Application Compatibility Cache in Forensic Investigations, A. Davis, Mandiant",
        "Application Compatibility Cache format notes, libyal winreg-kb",
    ),
)
