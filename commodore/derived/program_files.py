"""Distinct programs: each content once, with all its paths and the verdict on its signature, by catalogs too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.case.known_programs import DATASETS, KnownProgram, KnownPrograms
from commodore.case.view import CaseView
from commodore.host import Host

ARTEFACT = Artefact(
    name="program_files",
    title="Distinct programs",
    about="Each program once, by its content: all paths at which it was collected, and the verdict on its signature. Where the file has no "
    "valid signature of its own, a collected catalog that has its digest decides.",
    proves_not="That a file whose verdict is `unknown` is not signed: the catalog that signs it may not have been collected.",
    datasets=DATASETS,
    fields=(
        "escadre.format",
        "escadre.program.copies",
        "escadre.program.kind",
        "escadre.program.paths",
        "escadre.records_used",
        "escadre.signature.catalog",
        "escadre.signature.verdict",
        "file.code_signature.status",
        "file.code_signature.subject_name",
        "file.hash.md5",
        "file.hash.sha256",
        "file.name",
        "file.path",
        "file.pe.company",
        "file.pe.original_file_name",
        "file.pe.product",
        "file.size",
    ),
    kind="state",
    category=("file",),
    type=("info",),
    action="program-file-observed",
    attack=("T1553.002", "T1036"),
    message="{file.path!q} is a program ({escadre.format}), found {escadre.program.copies} {escadre.program.copies:time|times}"
    "[, signed by {file.code_signature.subject_name}][: {escadre.signature.verdict}].",
    sources=("the datasets that it reads",),
)

SHOWN = 100
"""paths of one content that a record names"""
_COPIED = tuple(name for name in ARTEFACT.fields if name.startswith("file.") or name in ("escadre.format", "escadre.program.kind"))


def derive(view: CaseView, host: Host) -> Iterator[Record | Problem]:  # noqa: ARG001
    """Yield one record per distinct content, in the order of the collection."""
    for programs in KnownPrograms(view).contents():
        yield _record(programs)


def _record(programs: list[KnownProgram]) -> Record:
    best = next((one for one in programs if one.catalog), programs[0])
    fields: dict[str, Any] = {name: programs[0].record[name] for name in _COPIED if name in programs[0].record}
    fields |= {
        "escadre.program.copies": len(programs),
        "escadre.program.paths": [one.path for one in programs[:SHOWN]],
        "escadre.records_used": [one.record["escadre.id"] for one in programs[:SHOWN]],
        "escadre.signature.verdict": best.verdict,
        "escadre.signature.catalog": best.catalog,
        "file.code_signature.status": best.status,
        "file.code_signature.subject_name": best.signer,
    }
    state = "allocated"
    return Record(str(fields.get("file.hash.sha256") or fields["file.path"]), {n: v for n, v in fields.items() if v != ""}, state)
