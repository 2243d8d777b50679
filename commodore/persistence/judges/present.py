"""Judge the presence of a file in a place where only known files are expected. Its suspicious lines are entries too."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement
from commodore.persistence.judges import startup_line
from commodore.persistence.judging import NoOptions, RowJudge, RowText
from commodore.persistence.linux import line_target
from commodore.sentence import sentence, short

_REASON = sentence("{name}: {path} is there; expected: {expected}.")


@dataclass(frozen=True, slots=True)
class PresentOptions:
    """`expected`: shell patterns of native paths."""

    expected: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: PresentOptions) -> Judgement | None:
    """Judge the file by its path, and each of its lines as a line of a script."""
    if entry.record.get("escadre.line_number") is not None:
        return startup_line.judge(row, entry, NoOptions())
    path = entry.text("file.path")
    severity = EXPECTED[0] if any(fnmatchcase(path, pattern) for pattern in options.expected) else row.severity
    reason = _REASON({"name": row.name, "path": short(path), "expected": row.expected})
    return Judgement(severity, reason, entry.values("file.path"), line_target(entry, path.rsplit("/", 1)[-1], [path]))


JUDGE = RowJudge(PresentOptions, judge)
