"""Mach-O files by their headers: processor, kind, UUID, libraries, whether there is a signature. The signature itself is not verified.

Source: `mach-o/loader.h` and `mach-o/fat.h` of Apple's Darwin.
"""

from __future__ import annotations

from typing import NamedTuple

from commodore.readers.programs.bytesview import UnreadableProgramError, number, string, unpack

MOST_COMMANDS, MOST_SLICES = 4_096, 16
_MAGIC = {b"\xfe\xed\xfa\xce": (">", 32), b"\xfe\xed\xfa\xcf": (">", 64), b"\xce\xfa\xed\xfe": ("<", 32), b"\xcf\xfa\xed\xfe": ("<", 64)}
_FAT = {
    b"\xca\xfe\xba\xbe": (">", False),
    b"\xbe\xba\xfe\xca": ("<", False),
    b"\xca\xfe\xba\xbf": (">", True),
    b"\xbf\xba\xfe\xca": ("<", True),
}
_MACHINES = {7: "x86", 0x01000007: "x86-64", 12: "arm", 0x0100000C: "aarch64", 18: "ppc", 0x01000012: "ppc64"}
_KINDS = {
    1: "relocatable",
    2: "executable",
    6: "shared object",
    7: "dynamic linker",
    8: "bundle",
    9: "stub",
    10: "debug symbols",
    11: "kernel extension",
}
_LIBRARIES = {0xC, 0x80000018, 0x8000001F, 0x20, 0x80000023}
_UUID, _SIGNATURE, _RUN_PATH, _ENCRYPTED = 0x1B, 0x1D, 0x8000001C, {0x21, 0x2C}


class MachO(NamedTuple):
    """One program of one processor: where it begins, bits, order of bytes, and what its load commands say."""

    offset: int
    bits: int
    order: str
    machine: str
    kind: str
    uuid: str
    libraries: tuple[str, ...]
    run_path: tuple[str, ...]
    signed: bool
    encrypted: bool
    problem: str = ""


def is_fat(head: bytes) -> bool:
    """Return whether bytes are the head of a file for several processors. A Java class has the same first four bytes."""
    if head[:4] not in _FAT:
        return False
    order, _ = _FAT[head[:4]]
    count = number(head, 4, f"{order}I")
    return 0 < count <= MOST_SLICES and number(head, 8, f"{order}I") in _MACHINES


def machos(data: bytes) -> list[MachO]:
    """Return the programs in a file, one per processor. Raises UnreadableProgramError with the reason."""
    if data[:4] in _MAGIC:
        return [_macho(data, 0)]
    if not is_fat(data):
        raise UnreadableProgramError("no Mach-O header")
    order, wide = _FAT[data[:4]]
    found = []
    for n in range(number(data, 4, f"{order}I")):
        place = number(data, 8 + (32 if wide else 20) * n + 8, f"{order}{'Q' if wide else 'I'}")
        if data[place : place + 4] in _MAGIC:
            found.append(_macho(data, place))
    if not found:
        raise UnreadableProgramError("no program where the fat header says")
    return found


def _macho(data: bytes, at: int) -> MachO:
    order, bits = _MAGIC[data[at : at + 4]]
    found = unpack(data, at + 4, f"{order}IIIIII")
    if found is None:
        raise UnreadableProgramError("cut in the Mach-O header")
    machine, _, kind, count, _, _ = found
    place, problem, uuid = at + (32 if bits == 64 else 28), "", ""
    libraries: list[str] = []
    run_path: list[str] = []
    signed = encrypted = False
    for n in range(min(count, MOST_COMMANDS)):
        command, size = unpack(data, place, f"{order}II") or (0, 0)
        if size < 8:
            problem = f"the table of load commands is cut: {n} of {count} are there"
            break
        if command == _UUID and not uuid:
            uuid = data[place + 8 : place + 24].hex().upper()
        elif command in _LIBRARIES and len(libraries) < 256:
            libraries.append(string(data, place + number(data, place + 8, f"{order}I"), min(size, 1024)))
        elif command == _RUN_PATH and len(run_path) < 64:
            run_path.append(string(data, place + number(data, place + 8, f"{order}I"), min(size, 1024)))
        signed |= command == _SIGNATURE
        encrypted |= command in _ENCRYPTED and number(data, place + 16, f"{order}I") != 0
        place += size
    name = "little endian" if order == "<" else "big endian"
    words = _MACHINES.get(machine, str(machine)), _KINDS.get(kind, str(kind))
    return MachO(at, bits, name, *words, uuid, tuple(libraries), tuple(run_path), signed, encrypted, problem)
