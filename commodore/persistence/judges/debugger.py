"""Judge a program that Windows starts in place of another one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, worst
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.windows import examine, registry_target
from commodore.sentence import sentence, short
from scout.formats import commandline

_REASON = sentence("Whenever {image!q} is started, Windows starts {line!q} instead: {words}; expected: {expected}.")


@dataclass(frozen=True, slots=True)
class DebuggerOptions:
    """Names in lower case.

    logon_screen  programs that can be started before logon
    debuggers     known debuggers
    samples       names of the sample entry that Windows installs
    """

    logon_screen: tuple[str, ...]
    debuggers: tuple[str, ...]
    samples: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: DebuggerOptions) -> Judgement | None:
    """Judge the debugger by the program that it replaces, by its command line and by its name."""
    line = entry.command_line
    image = entry.text("escadre.ifeo.image").lower()
    program = re.split(r"[\\/]", commandline.parse_windows(line).executable)[-1].lower()
    if not line.strip():
        return None
    found, payload = examine(line, entry)
    judged = worst(found)
    if image in options.samples:
        severity, words = EXPECTED[0], "it is the sample that Windows installs"
    elif image in options.logon_screen:
        severity, words = "critical", f"{image} can be started before logon"
    elif judged:
        severity, words = judged
    elif program in options.debuggers:
        severity, words = "low", f"{program} is a debugger, which keeps {short(image)} from starting where nobody debugs it"
    else:
        severity, words = "high", f"{short(program)} is no known debugger"
    reason = _REASON({"image": short(image), "line": short(line), "words": words, "expected": row.expected})
    return Judgement(severity, reason, entry.values("registry.path", "process.command_line"), registry_target(entry, payload))


JUDGE = RowJudge(DebuggerOptions, judge)
