"""Judge a process that ran during the collection: by its file, which may be deleted or in memory only, its place, name and command."""

from __future__ import annotations

import re

from commodore.finding import finding_target
from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, worst
from commodore.persistence.judging import NoOptions, RowJudge, RowText
from commodore.persistence.suspicion import Suspicion, is_interpreter, of_command
from commodore.sentence import sentence, short

_REASON = sentence("{name}: {process!q} (pid {pid}) runs {line!q} as [{user}|an unknown user]: {words}; expected: {expected}.")
_KERNEL_THREAD = re.compile(
    r"\A\[?(?:kworker|ksoftirqd|kthreadd|migration|rcu_\w|kswapd|kdevtmpfs|khugepaged|kblockd|jbd2)[/\w:.-]*+\]?(?:\s|\Z)"
)
"""Names of threads of the kernel, which have no program."""
_UPDATED = re.compile(r"/(?:usr|lib|lib64|bin|sbin|opt|snap)/")
"""Places where an update replaces a program that runs: its old file is deleted then."""


def judge(row: RowText, entry: AutostartEntry, _: NoOptions) -> Judgement | None:
    """Judge the file of the process, its name and its command line."""
    program, line = entry.text("process.executable"), entry.text("process.command_line")
    found: list[tuple[str, Suspicion]] = [(short(program), s) for s in entry.of_file(program, "linux") if s.severity == "high"]
    found += [("it", s) for s in of_command(line, "linux")]
    if entry.flag("escadre.process.memfd"):
        found.append(("its program", Suspicion("high", "is in memory only")))
    elif entry.flag("escadre.process.deleted"):
        severity = "low" if _UPDATED.match(program) else "high"
        found.append(("its program", Suspicion(severity, "is deleted")))
    if program and (_KERNEL_THREAD.match(line) or _KERNEL_THREAD.match(entry.text("process.name"))):
        found.append(("it", Suspicion("high", "has the name of a thread of the kernel, and a program")))
    severity, words = worst(found, "low") or EXPECTED
    if not severity:
        return None
    values = {"name": row.name, "process": short(entry.text("process.name")), "pid": entry.record.get("process.pid"), "line": short(line)}
    payload = [program] if program.startswith("/") and not is_interpreter(program, "linux") else []
    target = finding_target(
        path=program or None,
        name=entry.text("process.name"),
        data=line or None,
        payload=payload,
        pid=entry.record.get("process.pid"),
        started=entry.text("process.start") or None,
        image_sha256=entry.text("process.hash.sha256") or None,
    )
    reason = _REASON(values | {"user": entry.text("user.name"), "words": words, "expected": row.expected})
    return Judgement(severity, reason, entry.values("process.pid", "process.executable", "process.command_line"), target)


JUDGE = RowJudge(NoOptions, judge)
