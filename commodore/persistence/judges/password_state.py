"""Judge whether a password opens an account that none should open."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from commodore.finding import finding_target
from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement
from commodore.persistence.judging import RowJudge, RowText
from commodore.sentence import sentence

_REASON = sentence("{name}: the account {user!q} {words}[; changed last on {changed}]; expected: {expected}.")


@dataclass(frozen=True, slots=True)
class PasswordOptions:
    """`services`: shell patterns of accounts that services have, and that nobody logs in to."""

    services: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: PasswordOptions) -> Judgement | None:
    """Judge by the state of the password and by the account's name. An account that no password opens is none."""
    user, state = entry.text("user.name"), entry.text("escadre.account.password_state")
    service = any(fnmatchcase(user, pattern) for pattern in options.services)
    if state == "empty":
        severity, words = row.severity, "has an empty password: whoever knows its name logs in"
    elif state == "password" and service:
        severity, words = row.severity, "is of a service and has a password"
    elif state == "password":
        severity, words = EXPECTED[0], "has a password"
    else:
        return None
    changed = entry.text("escadre.account.password_set")[:10]
    reason = _REASON({"name": row.name, "user": user, "words": words, "changed": changed, "expected": row.expected})
    matched = entry.values("user.name", "escadre.account.password_state", "escadre.account.password_set")
    return Judgement(severity, reason, matched, finding_target(path="/etc/shadow", name=user, payload=[]))


JUDGE = RowJudge(PasswordOptions, judge)
