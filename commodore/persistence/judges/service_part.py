"""Judge a part of a service that only matters with its service: what starts it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement
from commodore.persistence.judging import NoOptions, RowJudge, RowText
from commodore.persistence.windows import registry_target
from commodore.sentence import sentence, short

_SERVICE = re.compile(r"(?i)\\(?:Services|SafeBoot\\[^\\]+)\\([^\\]+)")
_SET = re.compile(r"(?i)\\ControlSet\d+\\")
CURRENT = "currentcontrolset"
_REASON = sentence("{name}: {path} starts the service {service!q}, which {words}; expected: {expected}.")


def of_record(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (control set, name) of a service of the registry, in lower case; that of the current set under `CURRENT` too."""
    name = str(record.get("service.name")).lower()
    if own := _SET.search(str(record.get("registry.path"))):
        yield own[0].strip("\\").lower(), name
    if record.get("escadre.registry.current") is not False:
        yield CURRENT, name


def judge(row: RowText, entry: AutostartEntry, _: NoOptions) -> Judgement | None:
    """Judge by the service: unexpected where its program or library is."""
    path = entry.text("registry.path")
    found = _SERVICE.search(path)
    if found is None:
        return None
    own = _SET.search(path)
    guilty = (own[0].strip("\\").lower() if own else CURRENT, found[1].lower()) in entry.context.guilty_services
    severity, words = (row.severity, "is not expected itself") if guilty else (EXPECTED[0], "has nothing suspicious")
    reason = _REASON({"name": row.name, "path": short(path), "service": short(found[1]), "words": words, "expected": row.expected})
    return Judgement(severity, reason, entry.values("registry.path"), registry_target(entry, []))


JUDGE = RowJudge(NoOptions, judge)
