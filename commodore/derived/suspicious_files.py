"""Suspicious files: each with its score and the reasons for it, which a person can check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.case.known_programs import DATASETS
from commodore.case.view import CaseView
from commodore.host import Host
from commodore.readers.package_lists import DATABASES
from commodore.sentence import short
from commodore.suspicion.reasons import Scored, scored
from commodore.suspicion.subjects import CONTENTS, Subject, subjects

ARTEFACT = Artefact(
    name="suspicious_files",
    title="Suspicious files",
    about="One record per distinct file with more against it than for it: place, name, content, traits, build, signature, rights, package, "
    "age, what starts it, indicators and YARA rules, hashes that the site knows. Each reason has a weight and says what a person can "
    "check; the weights add up to the score. High from 80, medium from 50, low from 30. `commodore files` adds the hosts that have it.",
    proves_not="That a file is harmful: installers, portable programs and tools of administrators have such traits too. That a file "
    "without a record is harmless.",
    datasets=(*DATABASES, "package_files", "persistence", "sweep", *CONTENTS, *DATASETS),
    fields=(
        "escadre.format",
        "escadre.program.kind",
        "escadre.program.copies",
        "escadre.program.paths",
        "escadre.records_used",
        "escadre.severity",
        "escadre.signature.verdict",
        "escadre.suspicion.ids",
        "escadre.suspicion.reasons",
        "escadre.suspicion.score",
        "escadre.suspicion.started_by",
        "file.code_signature.subject_name",
        "file.created",
        "file.hash.md5",
        "file.hash.sha256",
        "file.mode",
        "file.mtime",
        "file.name",
        "file.path",
        "file.size",
        "file.uid",
        "threat.technique.id",
    ),
    times={"file.mtime": "last change of the content", "file.created": "birth of the file"},
    kind="state",
    category=("file",),
    type=("info",),
    action="file-suspicious",
    attack=("T1036", "T1027", "T1553", "T1554"),
    message="{file.path!q} is suspicious ({escadre.suspicion.score}): {escadre.suspicion.reasons}.",
    sources=("commodore/suspicion/reasons: the reasons and their weights, one file per family",),
)

SHOWN = 100
"""paths and records that one record names"""
_COPIED = tuple(name for name in ARTEFACT.fields if name.startswith("file.") or name in ("escadre.format", "escadre.program.kind"))
_HEAVIEST = 4
"""reasons that the message names"""


def derive(view: CaseView, host: Host) -> Iterator[Record | Problem]:
    """Yield one record per suspicious content, judged at the path that has most against it."""
    for found in subjects(view, host):
        judged = [(scored(subject.facts), subject) for subject in found]
        best, worst = max(judged, key=lambda pair: pair[0].score)
        if best.severity:
            yield _record(best, worst, found)


def _record(result: Scored, subject: Subject, same: list[Subject]) -> Record:
    reasons = [f"{reason.words(subject.facts)} ({reason.weight:+d})" for reason in result.reasons]
    fields: dict[str, Any] = {name: subject.fields[name] for name in _COPIED if name in subject.fields}
    fields |= {
        "escadre.severity": result.severity,
        "escadre.suspicion.score": result.score,
        "escadre.suspicion.ids": [reason.id for reason in result.reasons],
        "escadre.suspicion.reasons": reasons,
        "escadre.suspicion.started_by": subject.facts.get("started_by") or [],
        "escadre.program.copies": len(same),
        "escadre.program.paths": [one.path for one in same[:SHOWN]],
        "escadre.records_used": subject.records[:SHOWN],
        "escadre.signature.verdict": subject.facts.get("verdict") or "",
        "file.code_signature.subject_name": subject.facts.get("signer") or "",
        "threat.technique.id": sorted({technique for reason in result.reasons for technique in reason.techniques}),
        "message": _message(result, subject),
    }
    return Record(f"{fields.get('file.hash.sha256', '')} {subject.path}".strip(), {k: v for k, v in fields.items() if v not in ("", [])})


def _message(result: Scored, subject: Subject) -> str:
    against = [reason.words(subject.facts) for reason in result.reasons if reason.weight > 0][:_HEAVIEST]
    return f"{short(subject.path)} is suspicious ({result.score}). {' '.join(against)}"
