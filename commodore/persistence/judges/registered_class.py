"""Judge a place that names a COM class, by the library that is registered for the class."""

from __future__ import annotations

import re
from dataclasses import dataclass

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, worst
from commodore.persistence.judges.known_value import known
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.windows import examine, registry_target, unexpected
from commodore.sentence import sentence, short
from scout.formats import commandline

_CLASS = re.compile(r"\{[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}")
_REASON = sentence("{name}: {path} names the class {clsid}[, which loads {libraries!q}]: {words}; expected: {expected}.")


@dataclass(frozen=True, slots=True)
class RegisteredClassOptions:
    r"""`expected`: patterns of libraries in lower case, with `c:\windows` for the Windows folder. Any other is unexpected."""

    expected: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: RegisteredClassOptions) -> Judgement | None:
    """Find the class in the data, the name of the value or that of the key, and judge its libraries."""
    texts = (*entry.texts("registry.data.strings"), entry.text("registry.value"), entry.text("registry.key").rpartition("\\")[2])
    clsid = next((named[0] for text in texts if (named := _CLASS.search(text))), "")
    if not clsid:
        return None
    facts, root = entry.context.facts, entry.system_root
    servers = facts.servers(clsid)
    found, payload, strange = [], [], []
    for server in servers:
        suspicions, files = examine(server, entry)
        found += suspicions
        payload += files
        if not known(commandline.expand_windows(server, root).strip('" '), root.lower(), options.expected):
            strange.append(server)
    if not servers:
        severity, words = EXPECTED[0], "the class is not registered" if facts.knows_classes else "no classes were read"
    else:
        severity, words = worst(found, "high") or (unexpected(row, entry, payload) if strange else EXPECTED)
    values = {"name": row.name, "path": short(entry.text("registry.path")), "clsid": clsid, "words": words, "expected": row.expected}
    reason = _REASON(values | {"libraries": [short(server) for server in servers] or None})
    matched = entry.values("registry.path", "registry.data.strings")
    return Judgement(severity, reason, matched, registry_target(entry, list(dict.fromkeys(payload))))


JUDGE = RowJudge(RegisteredClassOptions, judge)
