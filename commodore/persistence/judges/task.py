"""Judge the actions of a scheduled task. A disabled task is of medium severity at most."""

from __future__ import annotations

import re

from commodore.finding import finding_target
from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, lower, worst
from commodore.persistence.judging import NoOptions, RowJudge, RowText
from commodore.persistence.suspicion import Suspicion
from commodore.persistence.windows import examine
from commodore.sentence import sentence, short

_REASON = sentence("Scheduled task {name!q} starts {lines!q}: {words}; expected: {expected}.")


def judge(row: RowText, entry: AutostartEntry, _: NoOptions) -> Judgement | None:
    """Judge every command of the task, and the library of each COM class that it starts."""
    lines = entry.texts("escadre.task.commands") or [line for line in (entry.command_line,) if line]
    found: list[tuple[str, Suspicion]] = []
    payload: list[str] = []
    for line in lines:
        more, files = examine(line, entry)
        found += more
        payload += files
    for clsid in re.findall(r"\{[0-9A-Fa-f-]{36}\}", " ".join(entry.texts("escadre.task.actions"))):
        for server in entry.context.facts.servers(clsid):
            more, files = examine(server, entry)
            found += more
            payload += files
            lines = [*lines, server]
    severity, words = worst(found) or EXPECTED
    name = entry.text("escadre.task.path", "escadre.source")
    target = finding_target(
        path=entry.text("file.path", "escadre.source"),
        name=name,
        data=lines,
        principal=entry.setting("UserId") or entry.setting("GroupId"),
        payload=list(dict.fromkeys(payload)),
    )
    reason = _REASON({"name": short(name), "lines": [short(line) for line in lines[:5]], "words": words, "expected": row.expected})
    matched = entry.values("escadre.task.path", "escadre.task.commands", "process.command_line")
    return Judgement(lower(severity, "medium") if entry.flag("escadre.task.enabled") is False else severity, reason, matched, target)


JUDGE = RowJudge(NoOptions, judge)
