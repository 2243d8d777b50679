"""Judge a task of the scheduler's cache in the registry: its commands, and whether the file that defines it agrees."""

from __future__ import annotations

from dataclasses import dataclass

from commodore.finding import finding_target
from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, worst
from commodore.persistence.judgement import lower as lesser
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.windows import examine
from commodore.sentence import sentence, short

_REASON = sentence("Task {name!q} of the registry[ starts {lines!q}]: {words}; expected: {expected}.")
KINDS = ("commands", "file", "agreement")


@dataclass(frozen=True, slots=True)
class CachedTaskOptions:
    """`tests`: `commands` (what it starts), `file` (a file defines it), `agreement` (that file starts the same)."""

    tests: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: CachedTaskOptions) -> Judgement | None:
    """Return None where the row's test cannot be made: no files of tasks were read, or no file defines the task."""
    name, lines = entry.text("escadre.task.path"), [line for line in entry.texts("escadre.task.commands") if line]
    found, payload = [], []
    for line in lines:
        more, files = examine(line, entry)
        found += more
        payload += files
    judged = worst(found)
    facts = entry.context.facts
    defined = facts.tasks.get(name.lower().strip("\\"))
    if "commands" in options.tests:
        severity, words = judged or EXPECTED
    elif "file" in options.tests:
        if not name or not facts.tasks:
            return None
        severity, words = (EXPECTED[0], "a file defines it") if defined is not None else _without_file(row.severity, bool(judged), lines)
    else:
        if defined is None or not lines:
            return None
        same = {_plain(line) for line in lines} == {_plain(line) for line in defined}
        severity, words = (EXPECTED[0], "its file starts the same") if same else (row.severity, f"its file starts {_shown(defined)}")
    values = {"name": short(name), "lines": [short(line) for line in lines[:5]] or None, "words": words, "expected": row.expected}
    target = finding_target(path=entry.text("registry.path"), name=name, data=lines, payload=list(dict.fromkeys(payload)))
    return Judgement(severity, _REASON(values), entry.values("escadre.task.path", "escadre.task.commands"), target)


def _without_file(severity: str, suspicious: bool, lines: list[str]) -> tuple[str, str]:
    """Windows leaves some of its own tasks without a file when a component is removed: they start COM classes or nothing."""
    least = severity if suspicious or lines else lesser(severity, "medium")
    return least, "no file defines it: the file was deleted while the task goes on, or it was never collected"


def _shown(lines: list[str]) -> str:
    return ", ".join(short(line) for line in lines[:5]) or "nothing"


def _plain(line: str) -> str:
    return " ".join(line.replace('"', "").lower().split())


JUDGE = RowJudge(CachedTaskOptions, judge)
