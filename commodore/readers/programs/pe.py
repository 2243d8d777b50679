"""The record of a PE file. Sources: PE Format, Microsoft Learn; see the modules that read the parts."""

from __future__ import annotations

from typing import Any

from commodore.readers.programs import authenticode, pe_build, pe_tables
from commodore.readers.programs.authenticode import Signature
from commodore.readers.programs.certificates import Roots
from commodore.readers.programs.knowledge import notable, packers
from commodore.readers.programs.measure import entropy
from commodore.readers.programs.pe_image import MOST_SECTIONS, PeImage, image

MACHINES = {
    0x14C: "x86", 0x8664: "x86-64", 0x1C0: "arm", 0x1C4: "arm", 0xAA64: "aarch64", 0x200: "ia64", 0xEBC: "efi byte code", 0x5064: "riscv64",
}  # fmt: skip
_SUBSYSTEMS = {
    1: "native", 2: "Windows", 3: "console", 5: "OS/2", 7: "POSIX", 9: "Windows CE", 10: "EFI application", 11: "EFI boot driver",
    12: "EFI runtime driver", 13: "EFI ROM", 14: "Xbox", 16: "boot application",
}  # fmt: skip
_VERSION = {
    "CompanyName": "file.pe.company", "FileDescription": "file.pe.description", "FileVersion": "file.pe.file_version",
    "OriginalFilename": "file.pe.original_file_name", "ProductName": "file.pe.product",
}  # fmt: skip
PACKED = 7.2
"""bits per byte of code from which it is compressed or encrypted: plain code stays below 6.8"""


def pe_fields(data: bytes, collected: str, written: str, roots: Roots) -> tuple[dict[str, Any], list[str]]:
    """Return the fields of a PE file, and what was not read. Raises UnreadableProgramError.

    `collected` and `written`: times of the collection and of the last change of the file, RFC 3339 UTC or ''.
    """
    pe = image(data)
    imports, exports, resources = pe_tables.imports(pe), pe_tables.exports(pe), pe_tables.resources(pe)
    debug = pe_build.debug(pe)
    compiled, reading = pe_build.compiled(pe, reproducible=debug.reproducible, collected=collected, written=written)
    signature = authenticode.embedded(pe, collected, roots)
    names = [section.name for section in pe.sections]
    fields: dict[str, Any] = {
        "escadre.format": "PE",
        "escadre.program.kind": _kind(pe),
        "escadre.program.bits": 64 if pe.plus else 32,
        "escadre.program.subsystem": _SUBSYSTEMS.get(pe.subsystem, str(pe.subsystem or "")),
        "escadre.program.compiled": compiled,
        "escadre.program.compiled_reading": reading,
        "escadre.program.libraries": list(imports.libraries)[:256],
        "escadre.program.functions": notable(imports.libraries),
        "escadre.program.import_count": imports.number,
        "escadre.program.export_count": exports.number,
        "escadre.program.exports": exports.names,
        "escadre.program.resources": [f"{count} {kind}" for kind, count in sorted(resources.kinds.items())][:64],
        "escadre.program.packers": packers(names, data[:1024]),
        "escadre.program.pdb": debug.pdb,
        "escadre.program.rich_hash": pe_build.rich_hash(pe),
        "file.pe.architecture": MACHINES.get(pe.machine, f"{pe.machine:#06x}"),
        "file.pe.imphash": imports.digest,
        "file.pe.sections.name": names,
        **{field: resources.version.get(name, "") for name, field in _VERSION.items()},
        **_dotnet(pe),
        **signature_fields(signature),
        "escadre.signature.digests": [authenticode.digest(pe, algorithm) for algorithm in ("sha1", "sha256")],
    }
    measured = [entropy(memoryview(data)[s.raw_offset : s.raw_offset + s.raw_size]) for s in pe.sections]
    fields["escadre.program.sections"] = [
        f"{s.name} {s.raw_size} {'w' if s.writable else ''}{'x' if s.executable else ''} {bits}"
        for s, bits in zip(pe.sections, measured, strict=True)
    ]
    fields["escadre.program.oddities"] = list(_oddities(pe, measured))
    if pe.sections:
        fields |= overlay(data, _overlay(pe))
    problems = [imports.problem] if imports.problem else []
    if pe.claimed > len(pe.sections):
        why = f"Windows loads {MOST_SECTIONS} at most" if pe.claimed > MOST_SECTIONS else "the table is cut"
        problems.append(f"{len(pe.sections)} of {pe.claimed} sections were read: {why}")
    if resources.cut:
        problems.append(f"{pe_tables.MOST_RESOURCES} resources were counted, there are more")
    return fields, problems


def _kind(pe: PeImage) -> str:
    if pe.subsystem in (1, 11, 12):
        return "driver" if pe.subsystem != 1 or not pe.characteristics & 0x2000 else "library"
    return "library" if pe.characteristics & 0x2000 else "executable"


def _dotnet(pe: PeImage) -> dict[str, str]:
    found = pe_build.dotnet(pe)
    if found is None:
        return {}
    named = zip(("runtime", "module", "mvid"), found, strict=True)
    return {f"escadre.program.dotnet_{name}": value for name, value in named}


def _overlay(pe: PeImage) -> tuple[int, int]:
    """Return where what follows the last section begins and ends, without the signature at the end."""
    start, size = pe.directory(4)
    signed = size and pe.end <= start < len(pe.data)
    return pe.end, start if signed else len(pe.data)


def overlay(data: bytes, place: tuple[int, int]) -> dict[str, Any]:
    """Return offset, size and entropy of what follows the last part of a program; nothing for less than a block of zeros."""
    start, end = place
    rest = memoryview(data)[start:end]
    if len(rest) < 512 and not any(rest):
        return {}
    return {
        "escadre.program.overlay_offset": start,
        "escadre.program.overlay_size": len(rest),
        "escadre.program.overlay_entropy": entropy(rest),
    }


def _oddities(pe: PeImage, measured: list[float]) -> list[str]:
    """Return what ordinary compilers do not do, in words."""
    found = []
    code = next((s for s in pe.sections if s.virtual_address <= pe.entry < s.virtual_address + max(s.virtual_size, s.raw_size)), None)
    if pe.entry and code is None:
        found.append("the entry point is in no section")
    elif pe.entry and code is not None and not code.executable:
        found.append(f"the entry point is in {code.name}, which is not executable")
    elif code is not None and code is pe.sections[-1] and len(pe.sections) > 3 and code.writable:
        found.append(f"the entry point is in the last section, {code.name}, which is writable")
    for section, bits in zip(pe.sections, measured, strict=True):
        if section.executable and section.writable:
            found.append(f"{section.name} is writable and executable")
        if section.executable and bits >= PACKED and section.raw_size >= 1024:
            found.append(f"the code in {section.name} is packed or encrypted ({bits} bits per byte)")
        if section.executable and not section.raw_size and section.virtual_size >= 0x1000:
            found.append(f"{section.name} is filled when the program runs")
    return found[:16]


def signature_fields(signature: Signature) -> dict[str, Any]:
    """Return a signature as fields; `valid` and `trusted` only where they were judged."""
    fields: dict[str, Any] = {
        "file.code_signature.exists": signature.exists,
        "file.code_signature.status": signature.reason,
        "file.code_signature.subject_name": signature.signer,
        "file.code_signature.thumbprint_sha256": signature.thumbprint,
        "file.code_signature.digest_algorithm": signature.algorithm,
        "file.code_signature.timestamp": signature.time,
        "escadre.signature.verdict": signature.verdict,
        "escadre.signature.chain": list(signature.chain),
    }
    if signature.verdict != "unknown":
        fields["file.code_signature.valid"] = signature.verdict in ("valid", "untrusted root")
        if signature.verdict != "invalid":
            fields["file.code_signature.trusted"] = signature.verdict in ("valid", "expired")
    return fields
