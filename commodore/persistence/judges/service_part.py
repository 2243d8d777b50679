"""Judge a part of a service that only matters with its service: what starts it."""

from __future__ import annotations

import re

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement
from commodore.persistence.judging import NoOptions, RowJudge, RowText
from commodore.persistence.windows import registry_target
from commodore.sentence import sentence, short

_SERVICE = re.compile(r"(?i)\\(?:Services|SafeBoot\\[^\\]+)\\([^\\]+)")
_REASON = sentence("{name}: {path} starts the service {service!q}, which {words}; expected: {expected}.")


def judge(row: RowText, entry: AutostartEntry, _: NoOptions) -> Judgement | None:
    """Judge by the service: unexpected where its program or library is."""
    path = entry.text("registry.path")
    found = _SERVICE.search(path)
    if found is None:
        return None
    guilty = found[1].lower() in entry.context.guilty_services
    severity, words = (row.severity, "is not expected itself") if guilty else (EXPECTED[0], "has nothing suspicious")
    reason = _REASON({"name": row.name, "path": short(path), "service": short(found[1]), "words": words, "expected": row.expected})
    return Judgement(severity, reason, entry.values("registry.path"), registry_target(entry, []))


JUDGE = RowJudge(NoOptions, judge)
