"""Judge an entry of ld.so.preload. None is expected; a known library of a distribution is of medium severity."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import Judgement, worst
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.linux import line_target
from commodore.sentence import sentence, short

_REASON = sentence("{file} puts {library!q} into every program[; {words}]; expected: {expected}.")


@dataclass(frozen=True, slots=True)
class PreloadOptions:
    """`known`: shell patterns of libraries that distributions preload."""

    known: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: PreloadOptions) -> Judgement | None:
    """Judge the library by its place and by the list of known ones."""
    path = entry.text("dll.path")
    bad = worst([(short(path), s) for s in entry.of_file(path, "linux")], "high")
    known = any(fnmatchcase(path, p) for p in options.known)
    severity = "critical" if bad else "medium" if known else "high"
    values = {"file": entry.text("file.path"), "library": short(path), "words": bad[1] if bad else "", "expected": row.expected}
    matched = entry.values("file.path", "dll.path", "escadre.line")
    target = line_target(entry, path, [path] if path.startswith("/") else [])
    return Judgement(severity, _REASON(values), matched, {**target, "data": path})


JUDGE = RowJudge(PreloadOptions, judge)
