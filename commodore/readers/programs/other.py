"""The records of ELF, Mach-O and DOS programs. Sources: see `elf.py` and `macho.py`."""

from __future__ import annotations

from typing import Any

from commodore.readers.programs import elf as elf_reader
from commodore.readers.programs import macho as macho_reader
from commodore.readers.programs.knowledge import packers
from commodore.readers.programs.measure import entropy
from commodore.readers.programs.pe import PACKED, overlay

_WRITABLE, _EXECUTABLE, _NO_BYTES = 1, 4, 8
_MODULE_SIGNATURE = b"~Module signature appended~\n"


def elf_fields(data: bytes) -> tuple[dict[str, Any], list[str]]:
    """Return the fields of an ELF file, and what was not read. Raises UnreadableProgramError."""
    elf = elf_reader.elf(data)
    built = elf_reader.built(data, elf.sections)
    names = [section.name for section in elf.sections if section.name]
    view = memoryview(data)
    measured = [(s, entropy(view[s.offset : s.offset + s.size]) if s.kind != _NO_BYTES else 0.0) for s in elf.sections if s.size][:128]
    packed = packers(names, data[:1024] + data[-1024:])
    signed = data.endswith(_MODULE_SIGNATURE)
    fields: dict[str, Any] = {
        "escadre.format": "ELF",
        "escadre.program.kind": "kernel module" if ".modinfo" in names and elf.kind == "relocatable" else elf.kind,
        "escadre.program.bits": elf.bits,
        "escadre.program.interpreter": elf.interpreter,
        "escadre.program.run_path": list(elf.run_path),
        "escadre.program.build_id": elf.build_id,
        "escadre.program.stripped": elf.stripped,
        "escadre.program.static": elf.static,
        "escadre.program.toolchain": list(built.toolchain),
        "escadre.program.module": built.module,
        "escadre.program.packers": packed,
        "escadre.program.sections": [
            f"{s.name} {s.size} {'w' if s.flags & _WRITABLE else ''}{'x' if s.flags & _EXECUTABLE else ''} {bits}" for s, bits in measured
        ],
        "escadre.program.oddities": _oddities(elf, measured, data),
        "file.elf.architecture": elf.machine,
        "file.elf.byte_order": elf.order,
        "file.elf.header.os_abi": elf.system,
        "file.elf.sections.name": names,
        "file.elf.shared_libraries": list(elf.needed),
    }
    if signed:
        fields |= {
            "file.code_signature.exists": True,
            "file.code_signature.status": "the signature of a kernel module is not verified",
            "escadre.signature.verdict": "unknown",
        }
    elif elf.kind in ("executable", "shared object"):
        fields |= overlay(data, (elf.end, len(data)))
    return fields, list(elf.problems)


def _oddities(elf: elf_reader.Elf, measured: list[tuple[elf_reader.ElfSection, float]], data: bytes) -> list[str]:
    found = []
    if elf.kind == "executable" and not elf.sections:
        found.append("the table of sections is missing")
        if entropy(data) >= PACKED:
            found.append(f"the file is packed or encrypted ({entropy(data)} bits per byte)")
    for section, bits in measured:
        if section.flags & _EXECUTABLE and bits >= PACKED and section.size >= 1024:
            found.append(f"the code in {section.name} is packed or encrypted ({bits} bits per byte)")
        if section.flags & _EXECUTABLE and section.flags & _WRITABLE and section.size:
            found.append(f"{section.name} is writable and executable")
    return found[:16]


def macho_fields(data: bytes) -> tuple[dict[str, Any], list[str]]:
    """Return the fields of a Mach-O file with those of its first program, and what was not read. Raises UnreadableProgramError."""
    found = macho_reader.machos(data)
    first = found[0]
    fields: dict[str, Any] = {
        "escadre.format": "Mach-O",
        "escadre.program.kind": first.kind,
        "escadre.program.bits": first.bits,
        "escadre.program.architecture": [one.machine for one in found],
        "escadre.program.build_id": first.uuid,
        "escadre.program.libraries": list(first.libraries),
        "escadre.program.run_path": list(first.run_path),
        "escadre.program.oddities": ["the code is encrypted"] if first.encrypted else [],
        "file.code_signature.exists": first.signed,
        "file.code_signature.status": "a signature of Apple's kind is not verified" if first.signed else "the file has no signature",
        "escadre.signature.verdict": "unknown",
    }
    return fields, [one.problem for one in found if one.problem]
