"""Judge a line of passwd: a second root, a password that anybody may read, a service account that can log in."""

from __future__ import annotations

import re
from dataclasses import dataclass

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, worst
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.linux import HIDDEN_LINE, line_target
from commodore.persistence.suspicion import Suspicion, of_file
from commodore.sentence import sentence, short
from scout.formats.accounts import account

_REASON = sentence("Account {name!q} ({path}, line {number}) has uid {uid}[ and shell {shell!q}]: {words}; expected: {expected}.")
_GROUP = sentence("Group {name!q} ({path}, line {number}) gives rights of root: [{words}]; expected: {expected}.")
_ELSEWHERE_REASON = sentence(
    "{path} (line {number}) has {line!q}: it takes accounts of another name service, where /etc/nsswitch.conf says compat; "
    "expected: {expected}."
)
_SERVICE = re.compile(
    r"www-data|apache2?|httpd|nginx|nobody|daemon|bin|sys|games|mail|news|uucp|proxy|list|irc|gnats|mysql|postgres|redis|tomcat\d*|ftp|"
    r"sshd|postfix|dovecot|named|bind|memcache\w*|mongod\w*|php-fpm|messagebus|_apt"
)
"""Accounts of services that visitors reach"""
_ELSEWHERE = ("x", "*", "!", "!!", "NP", "LK", "**")
"""Password fields that point to another file, or allow no password."""
_NO_LOGIN = ("/nologin", "/false", "/sync", "/shutdown", "/halt", "/git-shell", "/null")
"""Ends of programs that give no shell."""


@dataclass(frozen=True, slots=True)
class AccountOptions:
    """`with_shell`: system accounts that distributions create with a shell."""

    with_shell: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: AccountOptions) -> Judgement | None:
    """Judge uid, password field, home and shell of one account, or the members of a group; None for a line that the C library skips."""
    if entry.text("escadre.format") == "group":
        return _group(row, entry)
    line = entry.text("escadre.line")
    user = account(line)
    if user is None:
        return _elsewhere(row, entry, line) if line.lstrip().startswith("+") else None
    name, password, number, home, shell = user.name, user.password, user.uid, user.home, user.shell.strip("\r")
    found: list[tuple[str, Suspicion]] = []
    if number == 0 and name != "root":
        found.append(("it", Suspicion("high", "is a second root account")))
    if not password:
        found.append(("it", Suspicion("high", "needs no password")))
    elif password not in _ELSEWHERE:
        found.append(("it", Suspicion("high", "has its password in a file that everybody may read")))
    logs_in = not shell.rstrip().endswith(_NO_LOGIN)
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
    values = {"name": short(name), "path": path, "number": number_of_line, "uid": number, "shell": short(shell)}
    target = line_target(entry, name, [shell] if shell.startswith("/") and severity else [])
    return Judgement(severity, _REASON(values | {"words": words, "expected": row.expected}), entry.values("file.path", "user.name"), target)


def _elsewhere(row: RowText, entry: AutostartEntry, line: str) -> Judgement:
    """Judge an entry that stands for the accounts of another name service: nsswitch.conf(5), compat mode."""
    path, number = entry.text("file.path"), entry.record.get("escadre.line_number")
    reason = _ELSEWHERE_REASON({"path": path, "number": number, "line": short(line.strip()), "expected": row.expected})
    return Judgement("medium", reason, entry.values("file.path", "escadre.line"), line_target(entry, "+", []))


def _group(row: RowText, entry: AutostartEntry) -> Judgement:
    """Judge the members of a group that gives rights of root: an account of a service is none of them."""
    name, _, members = next(iter(entry.texts("escadre.settings")), "").partition("=")
    strange = [member for member in members.split(",") if _SERVICE.fullmatch(member.strip())]
    severity, words = ("medium", f"has {', '.join(strange)}, the account of a service") if strange else EXPECTED
    path, number = entry.text("file.path"), entry.record.get("escadre.line_number")
    values = {"name": short(name), "path": path, "number": number, "words": words, "expected": row.expected}
    return Judgement(severity, _GROUP(values), entry.values("file.path", "escadre.line"), line_target(entry, name, []))


JUDGE = RowJudge(AccountOptions, judge)
