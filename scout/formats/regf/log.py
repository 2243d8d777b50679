"""Transaction logs of registry hives: replayed as Windows does when it loads a dirty hive, or refused with a reason.

Two formats: HvLE (LOG1/LOG2 since Windows 8.1, a chain of hashed entries) and DIRT (one bitmap of 512-byte pages and the pages).
The log that is applied first begins at the second sequence number of the hive's base block, or later: Windows may write changes into a
hive, and reuse their log, without writing the base block. Of the dirty hives with logs that we know, two have such a gap (1621 and
2107, 255 and 287); the third (567/566) has a log that begins at 566, with changes that the hive does not have.
Sources: "Missing log entries for a dirty primary file", M. Suhanov;
"Windows registry file format specification", M. Suhanov, sections "Format of transaction log files" and "Dirty state of a hive".
Marvin32: US patent 20130262421 A1, test vectors of the .NET runtime.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from struct import Struct, pack_into, unpack_from

from scout.formats.regf.data import BASE_BLOCK, text

SECTOR = 512
SEED = (0x7A4E55C5, 0x82EF4D88)
"""low and high half of the Marvin32 seed that the kernel uses, 82 EF 4D 88 7A 4E 55 C5"""
MAX_HIVE = 2 << 30
"""a log may not grow a hive beyond 2 GiB, the most that 32-bit cell offsets with a volatile bit can address"""

_ENTRY = Struct("<4sIIIIIQQ")  # signature, size, flags, sequence, hive bins data size, dirty pages, hash 1, hash 2
_MANAGER = slice(112, 128)
"""GUID of the hive's resource manager in a base block, made with the hive; zeroes in a hive without transactions"""
_PAGE = Struct("<II")  # offset in the hive bins data, size


@dataclass(frozen=True, slots=True)
class Replay:
    """Result of replaying the logs of a hive.

    data      the hive's bytes, with the logs' pages in place; the very object that was given where nothing was applied
    ranges    (start, end) of the bytes of the file that are there, or are different, because of a log: sorted, in steps of 8 bytes
    refused   one `log refused: …` per log, or part of a log, that could not be used although the hive needs it
    dirty     the base block says that a write was not finished
    applied   number of log entries (HvLE) or pages (DIRT) that were written into the hive
    """

    data: bytes | bytearray
    ranges: tuple[tuple[int, int], ...] = ()
    refused: tuple[str, ...] = ()
    dirty: bool = False
    applied: int = 0


@dataclass(frozen=True, slots=True)
class _Header:
    """The first sector of a hive or log."""

    first: int
    second: int
    written: int
    kind: int
    size: int
    clustering: int
    sound: bool

    @classmethod
    def read(cls, data: bytes | bytearray) -> _Header | None:
        if len(data) < SECTOR or data[:4] != b"regf":
            return None
        first, second, written = unpack_from("<IIQ", data, 4)
        (kind,) = unpack_from("<I", data, 28)
        size, clustering = unpack_from("<II", data, 40)
        return cls(first, second, written, kind, size, clustering, checksum(data) == unpack_from("<I", data, 508)[0])


def checksum(data: bytes | bytearray) -> int:
    """Return XOR-32 over the first 508 bytes of a base block; 0 and -1 are avoided as Windows does."""
    result = 0
    for word in unpack_from("<127I", data):
        result ^= word
    return {0: 1, 0xFFFFFFFF: 0xFFFFFFFE}.get(result, result)


def marvin32(data: bytes | memoryview, seed: tuple[int, int] = SEED) -> int:
    """Return Marvin32 of `data`, whose length is a multiple of four bytes: high half in the upper 32 bits."""
    lo, hi = seed
    mask = 0xFFFFFFFF
    for word in (*unpack_from(f"<{len(data) // 4}I", data), 0x80, 0):
        lo = (lo + word) & mask
        hi ^= lo
        lo = ((lo << 20 & mask | lo >> 12) + hi) & mask
        hi = (hi << 9 & mask | hi >> 23) ^ lo
        lo = ((lo << 27 & mask | lo >> 5) + hi) & mask
        hi = hi << 19 & mask | hi >> 13
    return hi << 32 | lo


def replay(data: bytes, logs: Sequence[bytes]) -> Replay:
    """Return `data` with its `logs` (any order, empty ones skipped) applied as far as they are valid. Raises nothing for bad bytes."""
    header = _Header.read(data)
    dirty = header is None or not header.sound or header.first != header.second
    present = [log for log in logs if len(log) and any(log[:SECTOR])]
    if not dirty or not present or len(data) < SECTOR:
        return Replay(data, dirty=dirty)
    usable, refused = _judge(present)
    new = sorted((pair for pair in usable if pair[0].kind == 6), key=lambda pair: _order(pair[0].second, usable[0][0].second))
    if header is not None and header.sound:
        refused += [f"log refused: it belongs to another hive, {_name(log) or 'of no name'}" for _, log in new if _of_another(data, log)]
        new = [pair for pair in new if not _of_another(data, pair[1])]
    if new or any(pair[0].kind == 6 for pair in usable):
        return _replay_entries(data, header, new, refused)
    return _replay_pages(data, header, usable, refused)


def _order(sequence: int, reference: int) -> int:
    """Return the signed distance from `reference`: sequence numbers wrap at 32 bits."""
    return ((sequence - reference + 0x80000000) & 0xFFFFFFFF) - 0x80000000


def _judge(logs: Sequence[bytes]) -> tuple[list[tuple[_Header, bytes]], list[str]]:
    usable: list[tuple[_Header, bytes]] = []
    refused: list[str] = []
    for log in logs:
        header = _Header.read(log)
        if header is None:
            refused.append("log refused: no base block")
        elif not header.sound:
            refused.append("log refused: wrong checksum of its base block")
        elif header.first != header.second:
            refused.append(f"log refused: its own write was not finished (sequence numbers {header.first} and {header.second})")
        elif header.kind not in (1, 2, 6):
            refused.append(f"log refused: file type {header.kind} is no transaction log")
        else:
            usable.append((header, log))
    return usable, refused


# --- HvLE


def _of_another(data: bytes, log: bytes) -> bool:
    """Return whether the copy of a base block in a log is that of another hive: by the GUID of its resource manager, else by its name.

    Windows takes the file beside the hive. A collection may have mixed up files, whose sequence numbers alone may fit.
    """
    ours, theirs = data[_MANAGER], log[_MANAGER]
    if any(ours) and any(theirs):
        return ours != theirs
    return bool(_name(data)) and bool(_name(log)) and _name(data).casefold() != _name(log).casefold()


def _name(block: bytes) -> str:
    return text(block[48:112])


def _replay_entries(data: bytes, header: _Header | None, logs: list[tuple[_Header, bytes]], refused: list[str]) -> Replay:
    """Yield the entries of one log, then of the other, with consecutive sequence numbers."""
    target = bytearray(data)
    ranges: list[tuple[int, int]] = []
    expected: int | None = None
    applied = 0
    old: list[str] = []
    for log_header, log in logs:
        if expected is None and header is not None and header.sound and _order(log_header.second, header.second) < 0:
            old.append(f"log refused: it begins at sequence number {log_header.second}, before the hive's own {header.second}")
            continue
        if expected is not None and log_header.second != expected:
            reason = f"log refused: it begins at sequence number {log_header.second}, {expected} was expected"
            (old if _order(log_header.second, expected) < 0 else refused).append(reason)
            continue
        if header is None or not header.sound:
            target[:SECTOR] = log[:SECTOR]  # the log keeps a copy of the base block for this case
            header = log_header
        sequence = log_header.second
        for entry in _entries(log, sequence, refused):
            _write(target, log, entry, ranges)
            sequence = (entry.sequence + 1) & 0xFFFFFFFF
            expected = sequence
            applied += 1
            _seal(target, entry.sequence, entry.bins, entry.flags)
    if not applied:
        return Replay(data, refused=tuple(refused + old), dirty=True)
    return Replay(target, _changed(data, target, ranges), tuple(refused), dirty=True, applied=applied)


@dataclass(frozen=True, slots=True)
class _Entry:
    offset: int
    flags: int
    sequence: int
    bins: int
    pages: tuple[tuple[int, int], ...]
    content: int


def _entries(log: bytes, sequence: int, refused: list[str]) -> Iterator[_Entry]:
    """Yield valid entries from the first on. An entry with another sequence number is a leftover and ends the chain."""
    position = SECTOR
    while position + _ENTRY.size <= len(log):
        signature, size, flags, number, bins, count, hash1, hash2 = _ENTRY.unpack_from(log, position)
        if signature != b"HvLE" or number != sequence:
            if position == SECTOR:
                what = "no log entry" if signature != b"HvLE" else f"its first entry is {number}, {sequence} was expected"
                refused.append(f"log refused: {what}")
            return
        wrong = _wrong(log, position, size, bins, count, hash1, hash2)
        pages = () if wrong else tuple(_PAGE.iter_unpack(log[position + _ENTRY.size : position + _ENTRY.size + 8 * count]))
        content = position + _ENTRY.size + 8 * count
        if not wrong and any(start + length > bins or start % SECTOR or not length for start, length in pages):
            wrong = "a page lies outside the hive"
        if not wrong and content + sum(length for _, length in pages) > position + size:
            wrong = "its pages are longer than the entry"
        if wrong:
            refused.append(f"log refused: entry {number} at offset {position}: {wrong}")
            return
        yield _Entry(position, flags, number, bins, pages, content)
        position += size
        sequence = (sequence + 1) & 0xFFFFFFFF


def _wrong(log: bytes, position: int, size: int, bins: int, count: int, hash1: int, hash2: int) -> str:
    """Return why an entry must not be applied; '' if it may."""
    if size % SECTOR or size < SECTOR or position + size > len(log):
        return "it is cut" if position + size > len(log) else f"size {size} is no multiple of {SECTOR}"
    if bins % 4096 or bins > MAX_HIVE:
        return f"hive bins data size {bins} is wrong"
    if _ENTRY.size + 8 * count > size:
        return f"{count} pages do not fit into it"
    view = memoryview(log)
    if marvin32(view[position : position + 32]) != hash2:
        return "wrong hash of its header"
    if marvin32(view[position + _ENTRY.size : position + size]) != hash1:
        return "wrong hash of its pages"
    return ""


def _write(target: bytearray, log: bytes, entry: _Entry, ranges: list[tuple[int, int]]) -> None:
    """Write the pages of one entry into the hive, which grows to their end (never to the size that a header claims)."""
    position = entry.content
    for offset, length in entry.pages:
        start = BASE_BLOCK + offset
        if start > len(target):
            target.extend(bytes(start - len(target)))
        target[start : start + length] = log[position : position + length]
        ranges.append((start, start + length))
        position += length


def _seal(target: bytearray, sequence: int, bins: int, flags: int | None = None) -> None:
    """Write the base block as Windows leaves it: both sequence numbers, size, flags, file type, checksum."""
    pack_into("<II", target, 4, sequence, sequence)
    pack_into("<I", target, 28, 0)
    pack_into("<I", target, 40, bins)
    if flags is not None:
        pack_into("<I", target, 144, flags)
    pack_into("<I", target, 508, checksum(target))


# --- DIRT


def _replay_pages(data: bytes, header: _Header | None, logs: list[tuple[_Header, bytes]], refused: list[str]) -> Replay:
    """Return the log whose last written time equals the hive's (with a broken base block: that of the first hive bin)."""
    sound = header is not None and header.sound
    written = header.written if header is not None and sound else _first_bin_time(data)
    for log_header, log in logs:
        if log_header.written != written:
            refused.append("log refused: its last written time is not the hive's")
            continue
        pages, wrong = _dirty_pages(log, log_header)
        if wrong:
            refused.append(f"log refused: {wrong}")
            continue
        target = bytearray(data)
        if not sound:
            target[:SECTOR] = log[:SECTOR]
        for start, position in pages:
            if start > len(target):
                target.extend(bytes(start - len(target)))
            target[start : start + SECTOR] = log[position : position + SECTOR]
        _seal(target, log_header.second, log_header.size)
        ranges = _changed(data, target, [(start, start + SECTOR) for start, _ in pages])
        return Replay(target, ranges, tuple(refused), dirty=True, applied=len(pages))
    return Replay(data, refused=tuple(refused), dirty=True)


def _first_bin_time(data: bytes) -> int:
    if len(data) < BASE_BLOCK + 28 or data[BASE_BLOCK : BASE_BLOCK + 4] != b"hbin":
        return -1
    time: int = unpack_from("<Q", data, BASE_BLOCK + 20)[0]
    return time


def _dirty_pages(log: bytes, header: _Header) -> tuple[list[tuple[int, int]], str]:
    """Return ([(offset in the hive file, offset in the log)], '') or ([], reason)."""
    start = SECTOR * max(1, header.clustering if header.clustering <= 8 else 1)
    if log[start : start + 4] != b"DIRT":
        return [], "no dirty vector"
    if header.size % 4096 or header.size > MAX_HIVE:
        return [], f"hive bins data size {header.size} is wrong"
    bits = header.size // SECTOR
    bitmap = log[start + 4 : start + 4 + bits // 8]
    if len(bitmap) < bits // 8:
        return [], "its dirty vector is cut"
    position = -(-(start + 4 + len(bitmap)) // SECTOR) * SECTOR
    pages: list[tuple[int, int]] = []
    for index, byte in enumerate(bitmap):
        for bit in range(8) if byte else ():
            if byte >> bit & 1:
                pages.append((BASE_BLOCK + SECTOR * (8 * index + bit), position))
                position += SECTOR
    if position > len(log):
        return [], "its dirty pages are cut"
    wrong = next((f"the hive bin at offset {at} is wrong" for at, where in pages if not _bin_in_place(log, at, where)), "")
    return ([], wrong) if wrong else (pages, "")


def _bin_in_place(log: bytes, at: int, where: int) -> bool:
    """Return whether a page that begins with a hive bin has the bin of its own offset."""
    if at % 4096 or log[where : where + 4] != b"hbin":
        return True
    offset, size = unpack_from("<II", log, where + 4)
    return bool(offset == at - BASE_BLOCK and size >= 4096)


def _changed(before: bytes, after: bytearray, pages: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return the ranges that differ in the pages of a log; pages contain unchanged cells too. Cells begin at multiples of 8 bytes."""
    result: list[tuple[int, int]] = []
    for start, end in sorted(set(pages)):
        old, new = before[start:end], bytes(after[start:end])
        if old == new:
            continue
        old += bytes(255 - b for b in new[len(old) :])  # what lies behind the old end is new
        words = len(new) // 8
        for index, (a, b) in enumerate(zip(unpack_from(f"<{words}Q", old), unpack_from(f"<{words}Q", new), strict=True)):
            if a == b:
                continue
            at = start + 8 * index
            if result and result[-1][1] >= at:
                result[-1] = (result[-1][0], max(result[-1][1], at + 8))
            else:
                result.append((at, at + 8))
    return tuple(result)
