"""Judge a provider of WMI by the library of its COM class."""

from __future__ import annotations

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, worst
from commodore.persistence.judging import NoOptions, RowJudge, RowText
from commodore.persistence.windows import examine, wmi_target
from commodore.sentence import sentence, short

_MACHINE = "HKLM\\SOFTWARE"
"""the service of WMI does not read the classes of users"""
_REASON = sentence("{name}: {path!q} has the class {clsid}[ and loads {libraries!q}]: {words}; expected: {expected}.")


def judge(row: RowText, entry: AutostartEntry, _: NoOptions) -> Judgement | None:
    """Judge the libraries that the machine's hives name for the class; a class that is not registered loads nothing."""
    clsid = entry.setting("CLSID") or ""
    if not clsid:
        return None
    facts = entry.context.facts
    servers = facts.servers(clsid)
    found, payload, keys = [], [], []
    for hive, key, server in facts.server_keys(clsid):
        suspicions, files = examine(server, entry)
        found += suspicions
        payload += files
        keys += [(hive, key)] if suspicions and hive == _MACHINE else []
    judged = worst(found)
    unknown = "the class is not registered" if facts.knows_classes else "no classes were read"
    severity, words = judged or (EXPECTED if servers else (EXPECTED[0], unknown))
    values = {"name": row.name, "path": short(entry.text("escadre.wmi.path")), "clsid": short(clsid), "words": words}
    reason = _REASON(values | {"libraries": [short(server) for server in servers] or None, "expected": row.expected})
    matched = entry.values("escadre.wmi.path", "escadre.settings")
    target = wmi_target(entry, list(dict.fromkeys(payload)))
    if len(keys) == 1:
        target["hive"], target["key"] = keys[0]
    return Judgement(severity, reason, matched, target)


JUDGE = RowJudge(NoOptions, judge)
