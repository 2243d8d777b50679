"""Judge one entry of a crontab."""

from __future__ import annotations

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, worst
from commodore.persistence.judging import NoOptions, RowJudge, RowText
from commodore.persistence.linux import HIDDEN_LINE, examine, line_target
from commodore.persistence.suspicion import Suspicion, of_command, of_file
from commodore.sentence import sentence, short

_REASON = sentence(
    "Cron [{?ignored}ignores|runs] {line!q} as [{user}|an unknown user] ([{schedule}|unknown times], {path}): {words}[ ({why})]; "
    "expected: {expected}."
)


def judge(row: RowText, entry: AutostartEntry, _: NoOptions) -> Judgement | None:
    """Judge the command, its input, the environment that the table sets, and the name of the table."""
    line, user = entry.text("process.command_line"), entry.text("user.name")
    found, payload = examine(line, user, entry)
    if given := entry.text("escadre.cron.input"):
        more, files = examine(given, user, entry)
        found, payload = found + more, list(dict.fromkeys(payload + files))
    for assignment in entry.texts("process.env_vars"):
        found += _of_assignment(assignment)
    if entry.record.get("escadre.line_hidden"):
        found.append(HIDDEN_LINE)
    path = entry.text("file.path")
    name = path.rsplit("/", 1)[-1]
    if name.startswith(".") and name != ".placeholder":
        found.append((f"the file {name}", Suspicion("high", "is hidden")))
    severity, words = worst(found) or EXPECTED
    schedule = entry.text("escadre.cron.schedule")
    ignored = bool(entry.record.get("escadre.cron.passed_over"))
    reason = _REASON(
        {
            "ignored": ignored,
            "why": entry.text("escadre.startup.passed_over"),
            "line": short(line),
            "user": user,
            "schedule": schedule,
            "path": path,
            "words": words,
            "expected": row.expected,
        }
    )
    matched = entry.values("file.path", "process.command_line", "escadre.line")
    return Judgement(severity, reason, matched, {**line_target(entry, name, payload), "data": line})


def _of_assignment(assignment: str) -> list[tuple[str, Suspicion]]:
    name, _, value = assignment.partition("=")
    if name == "LD_PRELOAD":
        return [("the table", Suspicion("high", "puts a library into the programs it starts"))]
    if name == "PATH":
        return [("the table", s) for s in of_command(assignment, "linux")]
    return [("its shell", s) for s in of_file(value, "linux")] if name == "SHELL" else []


JUDGE = RowJudge(NoOptions, judge)
