"""Judge a file that is protected against change (immutable, append-only): intruders protect what they leave behind."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, lower
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.linux import line_target
from commodore.persistence.suspicion import of_file
from commodore.sentence import sentence, short

_REASON = sentence("{path!q} is protected against change ({flags})[; {words}]; expected: {expected}.")


@dataclass(frozen=True, slots=True)
class ProtectedOptions:
    """Shell patterns: `known` files that administrators protect, `starting` files that start programs or let someone in."""

    known: tuple[str, ...]
    starting: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: ProtectedOptions) -> Judgement | None:
    """Judge the file by its place."""
    path = entry.text("file.path")
    starting = any(fnmatchcase(path, pattern) for pattern in options.starting)
    known = any(fnmatchcase(path, pattern) for pattern in options.known)
    odd = [s.words for s in of_file(path, "linux") if s.severity in ("high", "critical") and not (known and s.words.startswith("lies"))]
    severity = row.severity if starting or odd else EXPECTED[0] if known else lower(row.severity, "medium")
    words = "it starts programs or lets someone in" if starting else f"it {odd[0]}" if odd else ""
    values = {"path": short(path), "flags": entry.text("escadre.file.flags"), "words": words, "expected": row.expected}
    matched = entry.values("file.path", "escadre.file.flags")
    return Judgement(severity, _REASON(values), matched, line_target(entry, path.rsplit("/", 1)[-1], [path]))


JUDGE = RowJudge(ProtectedOptions, judge)
