"""The facts of each file of a host that reasons test: from programs, scripts, documents, packages, what starts by itself, and members."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from commodore.case.known_programs import KnownProgram, KnownPrograms, key
from commodore.case.view import CaseView
from commodore.finding import SEVERITIES
from commodore.host import Host
from commodore.persistence import suspicion
from commodore.readers.package_lists import DATABASES, MODIFIED, UNMODIFIED
from commodore.readers.programs.knowledge import functions
from commodore.suspicion import names
from commodore.suspicion.swept import SweptFiles
from scout.formats.linux_paths import one_path
from scout.formats.windows_paths import is_windows, last_name

MOST_FILES = 200_000
"""files that are no program and are judged by their names"""
NEIGHBOURS = 10
"""programs of a folder from which the age of one is compared with the others"""
GROUP = 3
"""imported functions of one use from which the use counts"""
CONTENTS = ("scripts", "documents")
"""datasets of files whose content has traits"""
_OF_CONTENT = (
    "escadre.id",
    "escadre.severity",
    "escadre.traits.ids",
    "escadre.traits.words",
    "file.created",
    "file.hash.sha256",
    "file.mtime",
    "file.name",
    "file.path",
    "file.size",
)
_PACKED = 7.5
_MAKERS = ("microsoft", "apple", "google", "mozilla", "adobe", "canonical")
_IN_PLACE = ("lies", "is hidden", "is loaded")
"""how clauses about a place begin; those about names are in `names.yaml`"""


class Subject(NamedTuple):
    """A file: its path, its facts, the ids of the records that they are from, and the fields that its record repeats."""

    path: str
    facts: dict[str, Any]
    records: list[str]
    fields: dict[str, Any]


class PackageStates:
    """Files of packages: path → package and state. Empty where no list was collected."""

    def __init__(self, view: CaseView) -> None:
        self.known = any(next(iter(view.records(name)), None) is not None for name in DATABASES)
        self._files = {
            one_path(str(record["file.path"])): (str(record["package.name"]), str(record["escadre.package.state"]))
            for record in view.records("package_files")
        }

    def facts(self, path: str) -> dict[str, Any]:
        """Return what the packages say of a file."""
        package, state = self._files.get(one_path(path), ("", ""))
        return {"packages": self.known, "owned": package, "owned_sum": {UNMODIFIED: "same", MODIFIED: "changed"}.get(state, "")}


class Starters:
    """What starts files by itself, by path: rows of the persistence table, the worst severity, ids of the records."""

    def __init__(self, view: CaseView) -> None:
        self._found: dict[str, tuple[list[str], str, list[str]]] = {}
        for record in view.records("persistence"):
            path = record.get("file.path")
            if not isinstance(path, str):
                continue
            rows, severity, records = self._found.get(key(path), ([], "", []))
            worst = max(severity, str(record.get("escadre.severity") or ""), key=lambda word: SEVERITIES.index(word) if word else -1)
            self._found[key(path)] = ([*rows, str(record["rule.id"])][:20], worst, [*records, str(record["escadre.id"])][:20])

    def of(self, path: str) -> tuple[list[str], str, list[str]]:
        """Return (rows, worst severity or '', ids of the records)."""
        return self._found.get(key(path), ([], "", []))


class _Evidence:
    """All that is known of the files of one host apart from the files themselves."""

    def __init__(self, view: CaseView, host: Host, known: KnownPrograms) -> None:
        self.host, self.ages, self.catalogs = host, _Ages(known), known.catalogs
        self.packages, self.starters, self.swept = PackageStates(view), Starters(view), SweptFiles(view)
        self._indicator = view.indicator
        self._good = view.site.known.get("hashes", frozenset()) if view.site is not None else frozenset[str]()

    def subject(self, path: str, facts: dict[str, Any], fields: dict[str, Any]) -> Subject:
        """Return the subject with what starts the file, what the sweep found in it, and whether the site knows it."""
        rows, severity, records = self.starters.of(path)
        facts |= {"started_by": rows, "started_severity": severity}
        facts["known_here"] = str(fields.get("file.hash.sha256") or "").lower() in self._good
        swept = self.swept.of(path)
        if swept is not None:
            facts |= swept.facts()
        facts["hash_indicators"] = list(dict.fromkeys([*(swept.hashes if swept is not None else ()), *self._listed(fields)]))
        own = [str(fields["escadre.id"])] if "escadre.id" in fields else []
        return Subject(path, facts, [*own, *records, *(swept.records if swept is not None else ())], fields)

    def _listed(self, fields: Mapping[str, Any]) -> Iterator[str]:
        for kind in ("md5", "sha256"):
            if name := self._indicator(kind, str(fields.get(f"file.hash.{kind}") or "").lower()):
                yield name


def subjects(view: CaseView, host: Host) -> Iterator[list[Subject]]:
    """Yield the subjects of each content: one per path at which it was collected. Files that are no program come last."""
    known = KnownPrograms(view)
    evidence = _Evidence(view, host, known)
    for programs in known.contents():
        yield [_program(one, programs, evidence) for one in programs]
    done = set()
    for record in _contents(view):
        listed = view.indicator("sha256", str(record.get("file.hash.sha256") or ""))
        if record.pop("escadre.traits.ids", None) or listed or evidence.swept.of(str(record["file.path"])) is not None:
            done.add(key(str(record["file.path"])))
            yield [_content(record, evidence)]
    for member in _named(view, known, done, evidence.swept):
        yield [_member(member, evidence)]


class _Ages:
    """Days by which programs are newer than all others of their folder."""

    def __init__(self, known: KnownPrograms) -> None:
        self._days: dict[str, list[int]] = {}
        for program in known:
            day = _day(program.record)
            if day:
                self._days.setdefault(_folder(program.path), []).append(day)
        for days in self._days.values():
            days.sort()

    def apart(self, program: KnownProgram) -> int:
        days, day = self._days.get(_folder(program.path), []), _day(program.record)
        if len(days) < NEIGHBOURS or not day or bisect_left(days, day) < len(days) - 1:
            return 0
        return days[-1] - days[-2]


def _day(record: Mapping[str, Any]) -> int:
    """Return the number of the day on which the content changed last, or the file was created where that is later."""
    times = [str(record[name])[:10] for name in ("file.mtime", "file.created") if record.get(name)]
    try:
        return max((datetime.strptime(text, "%Y-%m-%d").toordinal() for text in times), default=0)  # noqa: DTZ007  (days only)
    except ValueError:
        return 0


def _folder(path: str) -> str:
    return path.rpartition("\\" if is_windows(path) else "/")[0]


def facts_alone(record: Mapping[str, Any], os: str) -> dict[str, Any]:
    """Return the facts that are in the record of a program itself. `os`: windows or linux."""
    name, path = str(record["file.name"]), str(record["file.path"])
    facts = _of_path(path, name, os) | {
        "format": record.get("escadre.format"),
        "kind": record.get("escadre.program.kind"),
        "company": record.get("file.pe.company"),
        "product": record.get("file.pe.product"),
        "compiled_reading": record.get("escadre.program.compiled_reading"),
        "oddities": record.get("escadre.program.oddities"),
        "packers": record.get("escadre.program.packers"),
        "interpreter": record.get("escadre.program.interpreter"),
        "run_path": record.get("escadre.program.run_path"),
        "size": record.get("file.size"),
        "verdict": str(record.get("escadre.signature.verdict", "")),
        "status": str(record.get("file.code_signature.status", "")),
        "signer": str(record.get("file.code_signature.subject_name", "")),
        "groups": _groups(record.get("escadre.program.functions") or ()),
        **_mode(str(record.get("file.mode") or "")),
    }
    extension = str(facts["extension"])
    if extension in names.documents():
        facts["disguised"] = extension
    original = str(record.get("file.pe.original_file_name") or "")
    if original and _differs(original, name):
        facts["original_name"] = original
    size, rest = int(record.get("file.size") or 0), int(record.get("escadre.program.overlay_size") or 0)
    if rest > max(size // 2, 4096) and float(record.get("escadre.program.overlay_entropy") or 0) >= _PACKED:
        facts["overlay_packed"] = rest
    return facts


def _program(program: KnownProgram, same: list[KnownProgram], evidence: _Evidence) -> Subject:
    record, path = program.record, program.path
    name = str(record["file.name"])
    facts = facts_alone(record, _system(path, evidence.host)) | {
        "verdict": program.verdict,
        "status": program.status,
        "signer": program.signer,
        "catalogs": evidence.catalogs,
        "apart_days": evidence.ages.apart(program),
        "twins": next((str(o.record["file.name"]) for o in same if _differs(str(o.record["file.name"]), name)), ""),
        **evidence.packages.facts(path),
    }
    if program.verdict in ("invalid", "untrusted root") and program.signer.lower().startswith(_MAKERS):
        facts["signed_as"] = program.signer
    return evidence.subject(path, facts, record)


def _of_path(path: str, name: str, os: str) -> dict[str, Any]:
    stem, dot, extension = name.rpartition(".")
    worst = next((one for one in suspicion.of_file(path, os) if one.words.startswith(_IN_PLACE)), None) if os else None
    return {
        "os": os,
        "path": path,
        "name": name,
        "folder": _folder(path),
        "extension": extension.strip().lower() if stem and dot else "",
        "place": worst.words if worst else "",
        "place_severity": worst.severity if worst else "",
        **names.facts(path, name, os),
    }


def _system(path: str, host: Host) -> str:
    return "windows" if is_windows(path) else host.os if host.os in ("windows", "linux") else "linux"


def _differs(one: str, other: str) -> bool:
    """Return whether two names differ in more than case, extension and the mark of a language resource."""
    return _plain(one) != _plain(other)


def _plain(name: str) -> str:
    low = name.lower().removesuffix(".mui")
    return low.rpartition(".")[0] or low


def _groups(imported: list[str] | tuple[str, ...]) -> list[str]:
    uses = [functions()[name] for name in imported if name in functions()]
    return sorted({use for use in uses if uses.count(use) >= GROUP})


def _mode(mode: str) -> dict[str, bool]:
    try:
        bits = int(mode, 8) if mode else 0
    except ValueError:
        bits = 0
    return {"mode_setuid": bool(bits & 0o4000 or (bits & 0o2000 and bits & 0o010)), "mode_writable": bool(bits & 0o002)}


def _contents(view: CaseView) -> Iterator[dict[str, Any]]:
    """Yield what reasons need of scripts and documents, with the ids of their suspicious traits."""
    for dataset in CONTENTS:
        for record in view.records(dataset):
            if isinstance(record.get("file.path"), str):
                yield {name: record[name] for name in _OF_CONTENT if name in record}


def _content(record: dict[str, Any], evidence: _Evidence) -> Subject:
    path = str(record["file.path"])
    facts = _of_path(path, str(record.get("file.name") or ""), _system(path, evidence.host)) | {
        "traits": record.get("escadre.traits.words"),
        "content_severity": record.get("escadre.severity"),
        "content": True,
        "size": record.get("file.size"),
        **evidence.packages.facts(path),
    }
    return evidence.subject(path, facts, record)


def _named(view: CaseView, known: KnownPrograms, done: set[str], swept: SweptFiles) -> Iterator[dict[str, Any]]:
    """Yield members that are no program and whose names deceive, or are those of programs, or that the sweep speaks against, `MOST_FILES`
    at most.
    """
    count = 0
    for member in view.members():
        path = str(member.get("path") or "")
        name = last_name(path)
        empty = not member.get("size")
        program = name.rpartition(".")[2].lower() in names.programs() and not empty and is_windows(path)
        listed = view.indicator("sha256", str(member.get("sha256") or ""))
        wanted = program or names.odd(name) or listed or swept.judged(path)
        if member.get("verdict") != "taken" or not wanted or key(path) in done or known.by_path(path) is not None:
            continue
        count += 1
        if count > MOST_FILES:
            return
        yield member | {"name": name, "named_program": program}


def _member(member: dict[str, Any], evidence: _Evidence) -> Subject:
    path = str(member["path"])
    facts = _of_path(path, member["name"], _system(path, evidence.host)) | {
        "named_program": member["named_program"],
        "size": member.get("size"),
    }
    fields = {
        "file.path": path,
        "file.name": member["name"],
        "file.size": member.get("size"),
        "file.hash.sha256": member.get("sha256"),
        "file.mtime": member.get("mtime"),
    }
    return evidence.subject(path, facts, {name: value for name, value in fields.items() if value is not None})
