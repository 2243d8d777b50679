"""Program files of Windows, Linux and macOS: what each says of itself, and who signed it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers.programs.kind import HEAD, MAGIC, dos_kind, kind

ARTEFACT = Artefact(
    name="programs",
    title="Program files",
    about="Every collected program file, whatever its name: hashes, version information, compile time, sections with their entropy, "
    "imported functions that matter, packers, what follows the last part, build ids, .NET metadata, compilers. The signature of a "
    "Windows program is verified: the digest of the file, the chain up to the roots that Windows trusts, the time stamp. Where name, "
    "place, build or signature speak against a file, it has the fuzzy hash ssdeep too.",
    proves_not="That the program ran. That a program is harmless because its signature is valid, or harmful because it has none. `unknown` "
    "does not mean unsigned: catalogs sign most programs of Windows, see program_files. Whether a certificate was revoked is not checked.",
    magic=MAGIC,
    needs=("collected", "os"),
    fields=(
        "escadre.format",
        "escadre.program.architecture",
        "escadre.program.bits",
        "escadre.program.build_id",
        "escadre.program.compiled",
        "escadre.program.compiled_reading",
        "escadre.program.dotnet_module",
        "escadre.program.dotnet_mvid",
        "escadre.program.dotnet_runtime",
        "escadre.program.export_count",
        "escadre.program.exports",
        "escadre.program.functions",
        "escadre.program.import_count",
        "escadre.program.interpreter",
        "escadre.program.kind",
        "escadre.program.libraries",
        "escadre.program.module",
        "escadre.program.oddities",
        "escadre.program.overlay_entropy",
        "escadre.program.overlay_offset",
        "escadre.program.overlay_size",
        "escadre.program.packers",
        "escadre.program.pdb",
        "escadre.program.resources",
        "escadre.program.rich_hash",
        "escadre.program.run_path",
        "escadre.program.sections",
        "escadre.program.static",
        "escadre.program.stripped",
        "escadre.program.subsystem",
        "escadre.program.toolchain",
        "escadre.signature.chain",
        "escadre.signature.digests",
        "escadre.signature.verdict",
        "file.code_signature.digest_algorithm",
        "file.code_signature.exists",
        "file.code_signature.status",
        "file.code_signature.subject_name",
        "file.code_signature.thumbprint_sha256",
        "file.code_signature.timestamp",
        "file.code_signature.trusted",
        "file.code_signature.valid",
        "file.created",
        "file.ctime",
        "file.elf.architecture",
        "file.elf.byte_order",
        "file.elf.header.os_abi",
        "file.elf.sections.name",
        "file.elf.shared_libraries",
        "file.extension",
        "file.gid",
        "file.hash.md5",
        "file.hash.sha1",
        "file.hash.sha256",
        "file.hash.ssdeep",
        "file.mode",
        "file.mtime",
        "file.name",
        "file.owner",
        "file.path",
        "file.pe.architecture",
        "file.pe.company",
        "file.pe.description",
        "file.pe.file_version",
        "file.pe.imphash",
        "file.pe.original_file_name",
        "file.pe.product",
        "file.pe.sections.name",
        "file.size",
        "file.uid",
    ),
    times={
        "file.created": "birth of the file",
        "file.mtime": "last change of the content",
        "file.ctime": "last change of the metadata",
        "escadre.program.compiled": "time of compilation that the file claims, see `escadre.program.compiled_reading`",
        "file.code_signature.timestamp": "verified time stamp of the signature: the file existed then",
    },
    kind="state",
    category=("file",),
    type=("info",),
    action="program-file-observed",
    attack=("T1588.002", "T1027.002", "T1036"),
    message="{file.path!q} is a program ({escadre.format}[, {escadre.program.kind}])"
    "[, signed by {file.code_signature.subject_name}: {escadre.signature.verdict}].",
    sources=(
        "PE Format; Windows Authenticode Portable Executable Signature Format, Microsoft",
        "elf(5); System V ABI; Go, debug/buildinfo",
        "mach-o/loader.h, Apple",
    ),
)

LARGEST = 256 << 20
"""bytes of a file whose tables are read; of a larger one there are only the hashes"""
FUZZY_FROM = 15
"""score of what the file alone has against it from which it gets a fuzzy hash, which takes longer than all else that is read of it"""
_CHUNK = 1 << 20
_TIMES = {"btime": "file.created", "mtime": "file.mtime", "ctime": "file.ctime"}
_RIGHTS = {"mode": "file.mode", "owner": "file.owner", "uid": "file.uid", "gid": "file.gid"}
"""facts that mean something on hosts other than Windows"""


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:
    """Yield one record per program. A file that only begins like a program yields nothing."""
    with evidence.open() as stream:
        form = kind(stream.read(HEAD))
    if not form:
        return
    fields = {"escadre.format": form, **_file(evidence, posix=host.os != "windows")}
    problems: list[str]
    if evidence.length > LARGEST:
        fields |= _streamed(evidence)
        problems = [f"only the hashes were computed: the file has {evidence.length} bytes, tables are read up to {LARGEST}"]
    else:
        more, problems = _read(form, evidence.data, host.collected, str(evidence.facts.get("mtime") or ""))
        fields |= more
        if _suspicious(fields, host.os):
            problems += _fuzzy(fields, evidence.data)
    yield Record("0", {name: value for name, value in fields.items() if value not in ("", [], None)})
    for problem in problems:
        yield Problem(problem)


def expected(evidence: Evidence) -> int:
    """Return 1 for a program, 0 for a file that only begins like one."""
    with evidence.open() as stream:
        return 1 if kind(stream.read(HEAD)) else 0


def _file(evidence: Evidence, *, posix: bool) -> dict[str, Any]:
    name = evidence.name
    stem, dot, extension = name.rpartition(".")
    fields: dict[str, Any] = {"file.path": evidence.source, "file.name": name, "file.size": evidence.size}
    if stem and dot:
        fields["file.extension"] = extension
    wanted = _TIMES | (_RIGHTS if posix else {})
    return fields | {field: str(evidence.facts[fact]) for fact, field in wanted.items() if evidence.facts.get(fact) not in (None, "")}


def _read(form: str, data: bytes, collected: str, written: str) -> tuple[dict[str, Any], list[str]]:
    """Return the fields of a program in memory, and what was not read. The readers are imported here: they are slow to start."""
    from commodore.readers.programs import certificates, measure, other, pe
    from commodore.readers.programs.bytesview import UnreadableProgramError

    fields: dict[str, Any] = dict(measure.hashes(data))
    problems: list[str] = []
    try:
        if form == "PE" and (other_form := dos_kind(data)) != "DOS":
            return {**fields, "escadre.format": other_form}, problems
        if form == "PE":
            found, wrong = pe.pe_fields(data, collected, written, certificates.microsoft())
        else:
            found, wrong = (other.elf_fields if form == "ELF" else other.macho_fields)(data)
    except UnreadableProgramError as e:
        if form == "PE":
            return {**fields, "escadre.format": "DOS"}, problems  # a program of DOS has no further header
        return fields, [*problems, f"the tables of the {form} file were not read: {e}"]
    return fields | found, problems + wrong


def _suspicious(fields: dict[str, Any], os: str) -> bool:
    """Return whether the file alone, by its name, place, build and signature, has something against it."""
    from commodore.suspicion import reasons, subjects

    return reasons.scored(subjects.facts_alone(fields, "windows" if os == "windows" else "linux")).score >= FUZZY_FROM


def _fuzzy(fields: dict[str, Any], data: bytes) -> list[str]:
    """Add the fuzzy hash to the fields; return why there is none."""
    from commodore.readers.programs import fuzzy

    if len(data) > fuzzy.LARGEST:
        return [f"no fuzzy hash: the file has {len(data)} bytes, it is computed up to {fuzzy.LARGEST}"]
    fields["file.hash.ssdeep"] = fuzzy.ssdeep(data)
    return []


def _streamed(evidence: Evidence) -> dict[str, str]:
    """Return the hashes of a file that is not held in memory."""
    hashers = {name: hashlib.new(name, usedforsecurity=False) for name in ("md5", "sha1", "sha256")}
    with evidence.open() as stream:
        while chunk := stream.read(_CHUNK):
            for hasher in hashers.values():
                hasher.update(chunk)
    return {f"file.hash.{name}": hasher.hexdigest() for name, hasher in hashers.items()}
