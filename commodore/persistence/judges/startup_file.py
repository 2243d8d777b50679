"""Judge a file in a startup folder: programs and scripts are not expected; a shortcut is judged by what it starts."""

from __future__ import annotations

import re

from commodore.finding import finding_target
from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, worst
from commodore.persistence.judging import NoOptions, RowJudge, RowText
from commodore.persistence.suspicion import of_file
from commodore.persistence.windows import examine, vouched
from commodore.sentence import sentence, short

_PROGRAMS = re.compile(r"(?i)\.(?:exe|dll|scr|com|pif|bat|cmd|ps1|vbs|vbe|js|jse|wsf|wsh|hta|cpl|jar|py|sct)\Z")
_LINKS = re.compile(r"(?i)\.(?:lnk|url|pif|appref-ms)\Z")
_REASON = sentence("{path!q} is opened at each logon[ and opens {line!q}]: {words}; expected: {expected}.")


def judge(row: RowText, entry: AutostartEntry, _: NoOptions) -> Judgement | None:
    """Judge the name of the file and, for a shortcut, the command that it starts."""
    path = entry.text("file.path", "escadre.source")
    name = re.split(r"[\\/]", path)[-1]
    if name.lower() in ("desktop.ini", ""):
        return None
    line = entry.command_line
    found, payload = examine(line, entry) if line else ([], [])
    found += [("its name", s) for s in of_file(name, "windows")]
    judged = worst(found)
    if _PROGRAMS.search(name):
        good = vouched(entry, [path])
        judged = ("low", f"{name} is a program that {good}") if good else ("high", f"{name} is a program or script, not a shortcut")
    elif judged is None and not _LINKS.search(name):
        judged = ("medium", f"{name} is neither a shortcut nor desktop.ini")
    elif judged is None and not line:
        judged = ("low", "what the shortcut opens is not known")
    severity, words = judged or EXPECTED
    reason = _REASON({"path": short(path), "line": short(line), "words": words, "expected": row.expected})
    matched = entry.values("file.path", "process.command_line", "file.target_path")
    return Judgement(severity, reason, matched, finding_target(path=path, name=name, payload=payload, data=line or None))


JUDGE = RowJudge(NoOptions, judge)
