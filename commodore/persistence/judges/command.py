"""Judge a registry value whose data is a command line."""

from __future__ import annotations

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, worst
from commodore.persistence.judging import NoOptions, RowJudge, RowText
from commodore.persistence.windows import examine, registry_target
from commodore.sentence import sentence, short

_REASON = sentence("{name} {path} starts {line!q}: {words}; expected: {expected}.")


def judge(row: RowText, entry: AutostartEntry, _: NoOptions) -> Judgement | None:
    """Judge the command and the files that it starts."""
    line = entry.command_line
    found, payload = examine(line, entry)
    severity, words = worst(found) or EXPECTED
    path = short(entry.text("registry.path"))
    reason = _REASON({"name": row.name, "path": path, "line": short(line), "words": words, "expected": row.expected})
    return Judgement(severity, reason, entry.values("registry.path", "process.command_line"), registry_target(entry, payload))


JUDGE = RowJudge(NoOptions, judge)
