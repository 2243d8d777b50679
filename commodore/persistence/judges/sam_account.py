"""Judge a local account of Windows: a number that is not its own, a name made to be overlooked."""

from __future__ import annotations

import re
from dataclasses import dataclass

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.windows import registry_target
from commodore.sentence import sentence, short

_REASON = sentence("{name}: the account {user!q} ({sid}): {words}; expected: {expected}.")
_BUILT_IN = (500, 501, 503, 504)


@dataclass(frozen=True, slots=True)
class SamAccountOptions:
    """`tests`: `number` (the id within its data is that of its key), `name` (a name that lists of accounts leave out)."""

    tests: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: SamAccountOptions) -> Judgement | None:
    """Judge the number, or the name and what the account may."""
    user, sid = entry.text("user.name"), entry.text("user.id")
    number = int(found[1]) if (found := re.search(r"(?:\A|-)(\d{1,9})\Z", sid)) else None
    key = int(found[1], 16) if (found := re.search(r"\\([0-9A-Fa-f]{8})\Z", entry.text("registry.key"))) else None
    severity, words = EXPECTED
    if "number" in options.tests and number is not None and key is not None and number != key:
        severity, words = row.severity, f"its key is {key}, so whoever logs on as it is {number}"
    if "name" in options.tests:
        if user.endswith("$"):
            severity, words = "high", "its name ends with $, and lists of accounts leave it out"
        elif number is not None and number not in _BUILT_IN and "disabled" not in entry.texts("escadre.account.flags"):
            severity, words = row.severity, "a local account that was made on this host and may log on"
    values = {"name": row.name, "user": short(user), "sid": sid, "words": words, "expected": row.expected}
    target = registry_target(entry, [])
    target["name"] = user
    return Judgement(severity, _REASON(values), entry.values("user.name", "user.id", "registry.path"), target)


JUDGE = RowJudge(SamAccountOptions, judge)
