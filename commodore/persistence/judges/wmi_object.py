"""Judge an object of WMI that is not expected at all, or only with known settings: timers, classes that carry data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, worst
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.suspicion import of_command
from commodore.persistence.windows import wmi_target
from commodore.sentence import sentence, short

_REASON = sentence("{name}: {path!q}[ has {texts!q}]: {words}; expected: {expected}.")
_ENCODED = re.compile(
    r"[A-Za-z0-9+/=]{400,}|(?:[0-9a-fA-F]{2}[ ,]?){400,}|TVqQAAMAAAA"
    r"|(?:JAB|SQB[Fu]|aQB[lu]|[cU]ABv|H4sIA|TV[qp]Q|TVro|TVoA)[A-Za-z0-9+/=]{60,}"
)
"""Long texts of one alphabet; shorter ones that begin as PowerShell in UTF-16, gzip or a program does"""
_SHOWN, _EXAMINED, _KEPT = 3, 64 << 10, 1000


@dataclass(frozen=True, slots=True)
class WmiObjectOptions:
    """What decides.

    expected  shell patterns of paths, lower case, that are expected
    only      `payload`: only classes with a property that holds encoded data or a command are entries
    """

    expected: tuple[str, ...]
    only: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: WmiObjectOptions) -> Judgement | None:
    """Judge the object by its path, or by what its properties hold."""
    path = entry.text("escadre.wmi.path")
    texts = [text for text in entry.texts("escadre.settings") if not text.startswith(("[", "CreatorSID="))]
    severity, words = row.severity, "Windows has none"
    if "payload" in options.only:
        found = [carrier for text in texts if (carrier := _carried(text))]
        if not found:
            return None
        severity, words = row.severity, found[0]
    if any(fnmatchcase(path.lower(), pattern) for pattern in options.expected):
        severity, words = EXPECTED
    values = {"name": row.name, "path": short(path), "texts": [short(text) for text in texts[:_SHOWN]] or None, "words": words}
    matched = entry.values("escadre.wmi.path") | {"escadre.settings": [text[:_KEPT] for text in texts]}
    return Judgement(severity, _REASON(values | {"expected": row.expected}), matched, wmi_target(entry, []))


def _carried(text: str) -> str:
    """Return what a property carries, as a clause; '' for an ordinary value."""
    name, _, value = text.partition("=")
    if _ENCODED.search(value[:_EXAMINED]):
        return f"its property {short(name)} holds {len(value)} characters of encoded data"
    judged = worst([("", suspicion) for suspicion in of_command(value, "windows")], "high") if " " in value else None
    return f"its property {short(name)} holds a command that {judged[1]}" if judged else ""


JUDGE = RowJudge(WmiObjectOptions, judge)
