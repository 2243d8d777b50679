r"""Files that the volume's table has and that SCOUT's walk of the folder did not show: a filter of the file system hides them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.case.jsonl import matching
from commodore.case.view import CaseView
from commodore.host import Host
from scout.coverage import TargetCoverage

ARTEFACT = Artefact(
    name="hidden_files",
    title="Files that a listing hides",
    about="One record per file that $MFT has in a place from which Windows starts programs, where SCOUT listed the folder through "
    "Windows and did not see it. Rootkits filter what Windows shows of a folder; the table of the volume has no filter. Only where custody "
    "shows that a target looked for the path, or the list of all files has the folder.",
    proves_not="That the file is hidden: it may have been deleted between the two looks.",
    datasets=("file_listing", "mft"),
    fields=(
        "escadre.listing.kind",
        "escadre.listing.only",
        "escadre.missing.shown_by",
        "escadre.records_used",
        "escadre.settings",
        "file.created",
        "file.mtime",
        "file.name",
        "file.path",
        "file.size",
    ),
    times={
        "file.created": "$STANDARD_INFORMATION, birth: any program may set it",
        "file.mtime": "$STANDARD_INFORMATION, change of the content: any program may set it",
    },
    kind="state",
    category=("file",),
    type=("info",),
    action="folder-view-compared",
    attack=("T1014", "T1564.001"),
    message="$MFT has {file.path!q}, which SCOUT did not see when it listed the folder.",
    sources=("docs/design/contracts.md: members/<collection>.jsonl.zst and its verdicts", "scout/coverage.py"),
)

_PLACES = re.compile(
    rb'"file\.path":"[A-Za-z]:[^"]*?(?:\\\\system32\\\\(?:tasks|grouppolicy)\\\\|\\\\start menu\\\\programs\\\\startup\\\\'
    rb"|\\\\windows\\\\tasks\\\\|\\\\setup\\\\scripts\\\\|\\\\wbem\\\\autorecover\\\\|\\\\appcompat\\\\|\\\\apppatch\\\\)",
    re.IGNORECASE,
)
_MANY, _MOST = 50, 1_000
"""from so many files on something else than a rootkit is likely; files that are reported"""
_LEFT_OUT = ("desktop.ini",)
_COPIED = ("file.path", "file.name", "file.size", "file.created", "file.mtime")


def derive(view: CaseView, host: Host) -> Iterator[Record | Problem]:
    """Yield the files in the order of the table."""
    if host.os != "windows":
        return
    files = {str(record["file.path"]).lower(): record for record in view.records("mft", matching(_PLACES)) if _counts(record)}
    if not files:
        return
    coverage = TargetCoverage.of(files, windows=True, system_root=host.system_root or "", whole=view.whole)
    told, folders = _listed(view)
    for line in view.members():
        coverage.note(line)
        if line.get("verdict") != "missing":
            told.add(str(line.get("path") or "").lower())
    hidden = [(path, by) for path in files if path not in told and (by := coverage.absent(path) or _listing(path, folders))]
    for path, by in hidden[:_MOST]:
        record = files[path]
        fields = {name: record[name] for name in _COPIED if record.get(name) is not None}
        fields |= {"escadre.listing.kind": "hidden name", "escadre.listing.only": ["$MFT"], "escadre.missing.shown_by": by}
        fields |= {"escadre.settings": ["many=yes"]} if len(hidden) > _MANY else {}
        yield Record(path, fields | {"escadre.records_used": [record["escadre.id"]]})
    if len(hidden) > _MOST:
        yield Problem(f"{len(hidden) - _MOST:,} more files of $MFT were not seen in their folders", "mft", len(hidden) - _MOST)


def _listed(view: CaseView) -> tuple[set[str], set[str]]:
    """Return (files, folders that were entered) of SCOUT's list of all files, where it has one of this host."""
    files: set[str] = set()
    closed: set[str] = set()
    for record in view.records("file_listing", matching(_PLACES)):
        path = str(record["file.path"]).lower()
        files.add(path)
        if record.get("event.reason"):
            closed.add(path)
    return files, {path.rpartition("\\")[0] for path in files} - closed


def _listing(path: str, folders: set[str]) -> str:
    return "file_listing" if path.rpartition("\\")[0] in folders else ""


def _counts(record: dict[str, Any]) -> bool:
    """Return whether a record is of a file that is there, at a path that is known."""
    return (
        record.get("file.type") == "file"
        and record.get("escadre.state") not in ("deleted", "carved")
        and not record.get("escadre.mft.path_orphan")
        and not record.get("escadre.mft.damaged")
        and str(record.get("file.name")).lower() not in _LEFT_OUT
    )
