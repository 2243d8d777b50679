"""The headers of a PE file, and where its parts are. Source: PE Format, Microsoft Learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from commodore.readers.programs.bytesview import UnreadableProgramError, number, printable, unpack

MOST_SECTIONS = 96
"""sections that Windows loads at most"""
EXPORT, IMPORT, RESOURCE, SECURITY, DEBUG, CLR = 0, 1, 2, 4, 6, 14
_PE32, _PE32_PLUS = 0x10B, 0x20B
_PAGE = 0x1000


class PeSection(NamedTuple):
    """One section: sizes and places in bytes."""

    name: str
    virtual_address: int
    virtual_size: int
    raw_offset: int
    raw_size: int
    flags: int

    @property
    def executable(self) -> bool:
        """Return whether its memory can be run."""
        return bool(self.flags & 0x20000000)

    @property
    def writable(self) -> bool:
        """Return whether its memory can be written."""
        return bool(self.flags & 0x80000000)


@dataclass(frozen=True, slots=True)
class PeImage:
    """A PE file with its headers read.

    header      offset of the signature `PE`; optional: offset of the optional header
    symbols     (offset, number) of COFF symbols, zeros where the file has none
    claimed     number of sections that the header claims; `sections` has those that are there, `MOST_SECTIONS` at most
    directories (address, size) of each data directory, 16 at most
    """

    data: bytes
    header: int
    optional: int
    machine: int
    stamp: int
    characteristics: int
    plus: bool
    entry: int
    subsystem: int
    headers_size: int
    symbols: tuple[int, int]
    claimed: int
    sections: tuple[PeSection, ...]
    directories: tuple[tuple[int, int], ...]

    def directory(self, index: int) -> tuple[int, int]:
        """Return (address, size) of a data directory, zeros where there is none."""
        return self.directories[index] if index < len(self.directories) else (0, 0)

    def offset(self, address: int) -> int:
        """Return the place in the file of an address relative to the image; -1 where the file has none."""
        for _, start, virtual_size, raw_offset, raw_size, _ in self.sections:
            if start <= address < start + raw_size:
                return raw_offset + address - start
            if start <= address < start + virtual_size:
                return -1
        return address if 0 <= address < min(self.headers_size or _PAGE, len(self.data)) else -1

    @property
    def checksum_at(self) -> int:
        """Return the offset of the checksum."""
        return self.optional + 64

    @property
    def security_at(self) -> int:
        """Return the offset of the entry of the security directory; 0 where the header has none."""
        return self.optional + (112 if self.plus else 96) + 8 * SECURITY if len(self.directories) > SECURITY else 0

    @property
    def end(self) -> int:
        """Return where the last section, or the symbols behind it, end in the file: what follows is an overlay."""
        ends = [section.raw_offset + section.raw_size for section in self.sections if section.raw_size]
        if self.symbols[0]:
            names = self.symbols[0] + 18 * self.symbols[1]
            ends.append(names + number(self.data, names))
        return min(max([self.headers_size, *ends]), len(self.data))


def image(data: bytes) -> PeImage:
    """Return the headers of a PE file. Raises UnreadableProgramError with the reason."""
    header = number(data, 0x3C)
    if data[:2] != b"MZ" or data[header : header + 4] != b"PE\0\0":
        raise UnreadableProgramError("no PE header where the DOS header says")
    found = unpack(data, header + 4, "<HHIIIHH")
    if found is None:
        raise UnreadableProgramError("cut in the PE header")
    machine, claimed, stamp, symbols, count_of_symbols, size, characteristics = found
    optional = header + 24
    magic = number(data, optional, "<H")
    if magic not in (_PE32, _PE32_PLUS):
        raise UnreadableProgramError(f"optional header of an unknown kind ({magic:#06x})")
    plus = magic == _PE32_PLUS
    at = optional + (112 if plus else 96)
    count = min(number(data, at - 4), 16)
    pairs = (unpack(data, at + 8 * n, "<II") for n in range(count))
    return PeImage(
        data=data,
        header=header,
        optional=optional,
        machine=machine,
        stamp=stamp,
        characteristics=characteristics,
        plus=plus,
        entry=number(data, optional + 16),
        subsystem=number(data, optional + 68, "<H"),
        headers_size=number(data, optional + 60),
        symbols=(symbols, count_of_symbols),
        claimed=claimed,
        sections=_sections(data, optional + size, claimed),
        directories=tuple((pair[0], pair[1]) for pair in pairs if pair),
    )


def _sections(data: bytes, at: int, claimed: int) -> tuple[PeSection, ...]:
    found = []
    for n in range(min(claimed, MOST_SECTIONS)):
        values = unpack(data, at + 40 * n, "<8sIIII12xI")
        if values is None:
            break
        name, virtual_size, address, raw_size, raw_offset, flags = values
        found.append(PeSection(printable(name.rstrip(b"\0")), address, virtual_size, raw_offset & ~0x1FF, raw_size, flags))
    return tuple(found)
