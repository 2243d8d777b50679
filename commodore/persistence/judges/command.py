"""Judge a registry value whose data is a command line."""

from __future__ import annotations

from dataclasses import dataclass

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, worst
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.windows import examine, registry_target
from commodore.sentence import sentence, short

_REASON = sentence("{name} {path} starts {line!q}: {words}; expected: {expected}.")


@dataclass(frozen=True, slots=True)
class CommandOptions:
    """`otherwise`: severity of a command without a suspicious trait, at a place where none is expected; empty where some are."""

    otherwise: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: CommandOptions) -> Judgement | None:
    """Judge the command and the files that it starts."""
    line = entry.command_line
    found, payload = examine(line, entry)
    strange = (options.otherwise[0], "something is there") if options.otherwise and line.strip() else EXPECTED
    severity, words = worst(found) or strange
    path = short(entry.text("registry.path"))
    reason = _REASON({"name": row.name, "path": path, "line": short(line), "words": words, "expected": row.expected})
    return Judgement(severity, reason, entry.values("registry.path", "process.command_line"), registry_target(entry, payload))


JUDGE = RowJudge(CommandOptions, judge)
