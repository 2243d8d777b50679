"""The memory of a process of Linux as an ELF core file: the pages that are in memory or swapped out, and the names of the mapped files.

Registers are not in it: for them the process would have to be traced. Pages of devices are left out: to read them can change the device.
Sources: proc(5) (`mem`, `pagemap`, `smaps`), elf(5), core(5); the layout of NT_FILE is that of `fs/binfmt_elf.c`.
"""

from __future__ import annotations

import os
import re
import struct
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from hunter.host.memory import PAGE, MemoryRun, MemoryRuns, MemoryStream
from hunter.unsafe import UnsafeError
from scout.live.linux import procfs

_HEAD = re.compile(rb"([0-9a-f]+)-([0-9a-f]+) ([r-])([w-])([x-])[sp-] ([0-9a-f]+) \S+ \d+ *(.*)")
_IN_MEMORY = 0b11 << 62
"""bits of a page in `pagemap`: present, swapped"""
_WIDEST = 1 << 40
"""bytes of one mapping of which the pages are looked up"""
_CLOSE = 16 * PAGE
"""bytes between two pages of a mapping that are read with them"""
_LARGEST_LIST = 64 << 20
_NOTE, _LOAD, _CORE = 4, 1, 4
_NT_FILE, _NT_AUXV = 0x46494C45, 6
_SEGMENT = "=IIQQQQQQ"


@dataclass(slots=True)
class _Mapping:
    start: int
    end: int
    rights: int
    offset: int
    path: bytes
    resident: int = 0
    device: bool = False


@contextmanager
def opened(pid: int) -> Iterator[MemoryStream]:
    """Open the memory of the process that has this number now. UnsafeError where it may not be read."""
    folder = memory = pages = -1
    try:
        folder = os.open(f"{procfs.PROC}/{pid}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        memory = os.open("mem", os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
        pages = os.open("pagemap", os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
        mappings = list(_mappings(_whole("smaps", folder)))
        found = _runs(mappings, pages)
        yield MemoryStream(_header(found.runs, mappings, _whole("auxv", folder)), found, lambda at, n: _read(memory, at, n))
    except (PermissionError, ProcessLookupError, FileNotFoundError) as e:
        raise UnsafeError(f"the memory of process {pid} cannot be read: {e.strerror}") from e
    finally:
        for fd in (folder, memory, pages):
            if fd >= 0:
                os.close(fd)


def _read(memory: int, at: int, size: int) -> bytes:
    with suppress(OSError, OverflowError):
        return os.pread(memory, size, at)
    if size > PAGE:
        return _read(memory, at, PAGE)
    return b""


def _whole(name: str, folder: int) -> bytes:
    fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    pieces, left = [], _LARGEST_LIST
    try:
        while left > 0 and (piece := os.read(fd, 1 << 16)):
            pieces.append(piece)
            left -= len(piece)
    finally:
        os.close(fd)
    return b"".join(pieces)


def _mappings(smaps: bytes) -> Iterator[_Mapping]:
    """Yield the mappings; those without a page in memory are among them."""
    made: _Mapping | None = None
    for line in smaps.split(b"\n"):
        if match := _HEAD.fullmatch(line):
            if made is not None:
                yield made
            start, end, offset = (int(match[n], 16) for n in (1, 2, 6))
            rights = 4 * (match[3] == b"r") + 2 * (match[4] == b"w") + (match[5] == b"x")
            made = _Mapping(start, end, rights, offset, match[7], device=match[7] in (b"[vvar]", b"[vvar_vclock]", b"[vsyscall]"))
        elif made is not None and line.startswith((b"Rss:", b"Swap:")):
            made.resident += int(line.split()[1]) << 10
        elif made is not None and line.startswith(b"VmFlags:"):
            made.device = made.device or bool({b"io", b"pf"} & set(line.split()))
    if made is not None:
        yield made


def _runs(mappings: Iterable[_Mapping], pages: int) -> MemoryRuns:
    found = MemoryRuns()
    for mapping in mappings:
        if mapping.device or mapping.end - mapping.start > _WIDEST:
            found.left_out += mapping.resident
        elif mapping.resident:
            for address, size in _in_memory(mapping, pages):
                found.add(address, size, mapping.rights)
    return found


def _in_memory(mapping: _Mapping, pages: int) -> Iterator[tuple[int, int]]:
    """Yield (address, size) of the pages of a mapping that are present or swapped out, and of what is between two that are close."""
    at, begin, end = mapping.start, -1, -1
    while at < mapping.end:
        raw = os.pread(pages, 8 * min((mapping.end - at) // PAGE, 1 << 16), at // PAGE * 8)
        if len(raw) < 8:
            break
        for (entry,) in struct.iter_unpack("=Q", raw[: len(raw) // 8 * 8]):
            if entry & _IN_MEMORY:
                if begin >= 0 and at - end > _CLOSE:
                    yield begin, end - begin
                    begin = -1
                begin, end = (at if begin < 0 else begin), at + PAGE
            at += PAGE
    if begin >= 0:
        yield begin, end - begin


def _header(runs: list[MemoryRun], mappings: Iterable[_Mapping], auxv: bytes) -> bytes:
    """Return everything of the core file that is before the first page."""
    notes = _note(_NT_FILE, _files(mappings)) + (_note(_NT_AUXV, auxv) if auxv else b"")
    start = 64 + 56 * (len(runs) + 1)
    data = -(-(start + len(notes)) // PAGE) * PAGE
    segments = [struct.pack(_SEGMENT, _NOTE, 4, start, 0, 0, len(notes), 0, 4)]
    at = data
    for run in runs:
        segments.append(struct.pack(_SEGMENT, _LOAD, run.rights, at, run.address, 0, run.size, run.size, PAGE))
        at += run.size
    identity = b"\x7fELF\x02" + (b"\x01" if sys.byteorder == "little" else b"\x02") + b"\x01" + bytes(9)
    elf = identity + struct.pack("=HHIQQQIHHHHHH", _CORE, _machine(), 1, 0, 64, 0, 0, 64, 56, len(segments), 0, 0, 0)
    return (elf + b"".join(segments) + notes).ljust(data, b"\0")


def _machine() -> int:
    """Return the number of this processor's kind, as the program that runs now has it."""
    with open(f"{procfs.PROC}/self/exe", "rb") as file:
        return int.from_bytes(file.read(20)[18:20], sys.byteorder)


def _files(mappings: Iterable[_Mapping]) -> bytes:
    named = [m for m in mappings if m.path.startswith(b"/")]
    places = b"".join(struct.pack("=QQQ", m.start, m.end, m.offset // PAGE) for m in named)
    return struct.pack("=QQ", len(named), PAGE) + places + b"".join(m.path + b"\0" for m in named)


def _note(kind: int, content: bytes) -> bytes:
    return struct.pack("=III", 5, len(content), kind) + b"CORE\0\0\0\0" + content.ljust(-(-len(content) // 4) * 4, b"\0")
