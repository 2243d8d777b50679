"""Judge a line of a file that starts programs, by the command in it. A script's ordinary lines are no entries of their own."""

from __future__ import annotations

import re

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, worst
from commodore.persistence.judging import NoOptions, RowJudge, RowText
from commodore.persistence.linux import FOREIGN, HIDDEN_LINE, examine, line_target
from commodore.persistence.suspicion import of_command, of_file
from commodore.persistence.windows import examine as windows_examine
from commodore.sentence import sentence, short
from scout.formats.windows_paths import is_windows, last_name

_SCRIPT = sentence("{name}: {path} is read or run as [{user}|an unknown user]: {words}[ ({ignored})]; expected: {expected}.")
_REASON = sentence("{name}: {path} (line {number}) runs {line!q} as [{user}|an unknown user]: {words}[ ({ignored})]; expected: {expected}.")
_WORDS = frozenset({"cloud", "code", "editor", "setting"})
"""Languages whose commands are not those of a shell: lists of words, or texts in the syntax of the language."""
_OPENING = re.compile(r"[\s\"'\[({|!@`]*")
_WORD_BEFORE = re.compile(r"-{1,2}[\w=-]+\s+|\w+\s+(?=\")")
_STARTER = re.compile(
    r"(?:[^\s\"',]*/)?(?:(?:ba|da|z|k|a)?sh|python[\d.]*|perl|ruby|php|lua|node|env|sudo|nohup|exec|setsid|nice|timeout)(?=[\"',\s])"
)
_FLAG = re.compile(r"[\"',\s]+-{1,2}[\w=-]+")
_GAP = re.compile(r"[\"',\s]+(?:\d+\s+)?")
_PROGRAM = re.compile(r"[\"'\[({|!@`]*(/[^\s\"'`,;:)\]}|&<>]+)")
_STARTED = re.compile(r"(?i)^\s*(?:(?:&|\.|start-process|saps|start|invoke-item|ii|import-module|ipmo|add-type)\s+(?:-\w+\s+)*)+")
"""How a line of PowerShell begins that starts or loads a file"""
_PROMPT = re.compile(r"(?i)\binit\s+(?:pwsh|powershell)\b")
"""Programs that write settings for a shell name it, as in `oh-my-posh init pwsh | Invoke-Expression`"""
_PARTS = frozenset({"shell", "sourced", "powershell", "batch"})
"""Languages whose lines are parts of a script: only the suspicious ones are entries."""


def judge(row: RowText, entry: AutostartEntry, _: NoOptions) -> Judgement | None:
    """Judge the command, the programs that it starts, and what hides the line; for the script itself, its name.

    A file that is as its package brought it may set modes, write to system files and use any folder.
    """
    path, user, number = entry.text("file.path"), entry.text("user.name"), entry.record.get("escadre.line_number")
    values = {
        "name": row.name,
        "path": short(path),
        "user": user,
        "number": number,
        "expected": row.expected,
        "ignored": entry.text("escadre.startup.passed_over"),
    }
    name, windows = last_name(path), is_windows(path)
    if number is None:
        severity, words = worst([("its name", s) for s in of_file(f"/{name}", "linux") if not windows], "high") or EXPECTED
        return Judgement(severity, _SCRIPT(values | {"words": words}), entry.values("file.path"), line_target(entry, name, [path]))
    line = entry.text("process.command_line")
    given = _PROMPT.sub("init", _STARTED.sub("", line)) if entry.text("escadre.format") == "powershell" else line
    found, payload = windows_examine(given, entry) if windows else examine(line, user, entry)
    if entry.text("escadre.format") == "powershell" and not windows:
        found += [("it", s) for s in of_command(line, "windows")]
    if entry.text("escadre.format") in _WORDS and (started := _started(line)):
        more = [(short(started), s) for s in entry.of_file(started, "linux") if s.severity == "high"]
        found, payload = found + more, list(dict.fromkeys([*payload, *([started] if more else [])]))
    found = [(subject, s) for subject, s in found if s.severity != "medium" or entry.text("escadre.format") not in _PARTS]
    vouched = not windows and bool(entry.context.files.of(path).vouched)
    if vouched:
        found = [(subject, s) for subject, s in found if FOREIGN.match(s.words)]
    elif entry.record.get("escadre.line_hidden"):
        found.append(HIDDEN_LINE)
    judged = worst(found)
    if judged is None and entry.text("escadre.format") in _PARTS:
        return None
    severity, words = judged or EXPECTED
    reason = _REASON(values | {"line": short(line), "words": words})
    matched = entry.values("file.path", "process.command_line", "escadre.line")
    return Judgement(severity, reason, matched, {**line_target(entry, name, payload), "data": line})


JUDGE = RowJudge(NoOptions, judge)


def _started(line: str) -> str:
    """Return the program that such a command starts, behind interpreters and programs that start another one; '' where it is none."""
    at = _end(_OPENING, line, 0)
    while (word := _end(_WORD_BEFORE, line, at)) > at:
        at = word
    while (starter := _end(_STARTER, line, at)) > at:
        while (flag := _end(_FLAG, line, starter)) > starter:
            starter = flag
        if (gap := _end(_GAP, line, starter)) == starter:
            break
        at = gap
    program = _PROGRAM.match(line, at)
    return program[1] if program else ""


def _end(pattern: re.Pattern[str], line: str, at: int) -> int:
    found = pattern.match(line, at)
    return found.end() if found else at
