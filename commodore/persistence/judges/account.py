"""Judge a line of passwd: a second root, a password that anybody may read, a service account that can log in."""

from __future__ import annotations

from dataclasses import dataclass

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, worst
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.linux import HIDDEN_LINE, line_target
from commodore.persistence.suspicion import Suspicion, of_file
from commodore.sentence import sentence, short

_REASON = sentence("Account {name!q} ({path}, line {number}) has uid {uid!q}[ and shell {shell!q}]: {words}; expected: {expected}.")
_ELSEWHERE = ("x", "*", "!", "!!", "NP", "LK", "**")
"""Password fields that point to another file, or allow no password."""
_NO_LOGIN = ("/nologin", "/false", "/sync", "/shutdown", "/halt", "/git-shell", "/null")
"""Ends of programs that give no shell."""


@dataclass(frozen=True, slots=True)
class AccountOptions:
    """`with_shell`: system accounts that distributions create with a shell."""

    with_shell: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: AccountOptions) -> Judgement | None:
    """Judge uid, password field, home and shell of one account."""
    line = entry.text("escadre.line")
    name, password, uid, _, _, home, shell = [part.strip("\r") for part in (line.split(":") + [""] * 7)[:7]]
    found: list[tuple[str, Suspicion]] = []
    number = int(uid) if uid.isdecimal() else -1
    if number == 0 and name != "root":
        found.append(("it", Suspicion("high", "is a second root account")))
    if not password:
        found.append(("it", Suspicion("high", "needs no password")))
    elif password not in _ELSEWHERE:
        found.append(("it", Suspicion("high", "has its password in a file that everybody may read")))
    logs_in = bool(shell.strip()) and not shell.rstrip().endswith(_NO_LOGIN)
    if logs_in and 0 < number < 1000 and name not in options.with_shell:
        found.append(("it", Suspicion("medium", "is a system account with a shell")))
    if shell != shell.strip():
        found.append(("its shell", Suspicion("high", "ends in a blank, which makes another file of it")))
    found += [("its shell", s) for s in of_file(shell, "linux") if s.severity == "high"]
    found += [("its home", s) for s in of_file(f"{home}/", "linux") if s.severity == "high" and number >= 1000]
    if entry.record.get("escadre.line_hidden"):
        found.append(HIDDEN_LINE)
    severity, words = worst(found) or EXPECTED
    path = entry.text("file.path")
    number_of_line = entry.record.get("escadre.line_number")
    values = {"name": short(name), "path": path, "number": number_of_line, "uid": short(uid), "shell": short(shell)}
    target = line_target(entry, name, [shell] if shell.startswith("/") and severity else [])
    return Judgement(severity, _REASON(values | {"words": words, "expected": row.expected}), entry.values("file.path", "user.name"), target)


JUDGE = RowJudge(AccountOptions, judge)
