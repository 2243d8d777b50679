"""Judge a library with code that is in each new process of the live host, SCOUT's own among them."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from commodore.finding import finding_target
from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, lower, worst
from commodore.persistence.judging import RowJudge, RowText
from commodore.sentence import sentence, short

_REASON = sentence("{name}: {library!q} was in SCOUT's own process, {how}[; {words}]; expected: {expected}.")
_HOW = {"preloaded": "because it is preloaded", "foreign": "which did not load it", "expected": "which loads it"}


@dataclass(frozen=True, slots=True)
class LoadedOptions:
    """`known`: shell patterns of libraries that distributions preload."""

    known: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: LoadedOptions) -> Judgement | None:
    """Judge the library by why it is there, by its place, and by whether its file is still there."""
    path, kind = entry.text("dll.path"), entry.text("escadre.listing.kind")
    if kind == "expected":
        return None  # a library of Python or of the system: it starts nothing
    bad = worst([(short(path), s) for s in entry.of_file(path, "linux")], "high")
    vouched = entry.context.files.of(path).vouched
    severity, words = lower(row.severity, "medium") if kind == "foreign" else row.severity, bad[1] if bad else ""
    if entry.flag("escadre.process.deleted"):
        severity, words = row.severity, words or "its file is deleted"
    elif bad is None and vouched:
        severity, words = EXPECTED[0], f"it {vouched}"
    elif bad is None and any(fnmatchcase(path, pattern) for pattern in options.known):
        severity = lower(row.severity, "medium")
    values = {"name": row.name, "library": short(path), "how": _HOW[kind], "words": words, "expected": row.expected}
    target = finding_target(path=path or None, name=path.rpartition("/")[2], payload=[path] if path.startswith("/") else [])
    matched = entry.values("dll.path", "escadre.listing.kind", "escadre.process.deleted")
    return Judgement("critical" if bad and severity else severity, _REASON(values), matched, target)


JUDGE = RowJudge(LoadedOptions, judge)
