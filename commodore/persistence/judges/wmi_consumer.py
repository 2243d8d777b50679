"""Judge an event consumer of WMI: what it runs or writes, and whether a filter is bound to it."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, lower, worst
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.windows import examine, wmi_target
from commodore.sentence import sentence, short

_REASON = sentence(
    "{name}: {path!q} [runs {line!q}|has {texts!q}] when [{query!q}|nothing: no filter is bound to it]: {words}; expected: {expected}."
)
_TEXTS = ("ScriptText", "ScriptFileName", "CommandLineTemplate", "ExecutablePath", "Filename", "SMTPServer", "ToLine", "SourceName")
_SHOWN, _KEPT = 3, 1000


@dataclass(frozen=True, slots=True)
class WmiConsumerOptions:
    """`expected`: patterns of `class|name|settings`, lower case, of consumers of Windows. `others`: classes with rows of their own."""

    expected: tuple[str, ...]
    others: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: WmiConsumerOptions) -> Judgement | None:
    """Report every consumer that is not of Windows: less where nothing is bound to it, more where what it runs is suspicious."""
    kind = entry.text("escadre.wmi.class")
    if kind in options.others:
        return None
    texts = [f"{name}={text}" for name in _TEXTS if (text := entry.setting(name))]
    files = [entry.text("process.command_line"), entry.setting("Filename") or ""]
    found, payload = [], []
    for line in (*files, entry.setting("ScriptText") or ""):
        suspicions, named = examine(line, entry) if line else ([], [])
        found += suspicions
        payload += named if line in files else []
    judged = worst(found)
    known = f"{kind}|{entry.setting('Name') or ''}|{'|'.join(texts)}".lower()
    bound = entry.texts("escadre.trigger")
    if any(fnmatchcase(known, pattern) for pattern in options.expected):
        severity, words = judged or EXPECTED
    elif judged:
        severity, words = max(judged[0], row.severity, key=("", "low", "medium", "high").index), judged[1]
    else:
        severity, words = row.severity, "Windows has no such consumer"
    if not bound:
        severity = lower(severity, "medium")
    values = {"name": row.name, "path": short(entry.text("escadre.wmi.path")), "line": short(entry.text("process.command_line")) or None}
    reason = _REASON(
        values
        | {"texts": [short(text) for text in texts[:_SHOWN]] or ["no text"], "query": [short(query) for query in bound[:_SHOWN]] or None}
        | {"words": words, "expected": row.expected}
    )
    matched = entry.values("escadre.wmi.path", "process.command_line", "escadre.trigger") | {"escadre.settings": [t[:_KEPT] for t in texts]}
    return Judgement(severity, reason, matched, wmi_target(entry, list(dict.fromkeys(payload))))


JUDGE = RowJudge(WmiConsumerOptions, judge)
