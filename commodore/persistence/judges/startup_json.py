"""Judge one setting of a JSON file that starts a program or adds an extension."""

from __future__ import annotations

import re

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, worst
from commodore.persistence.judging import NoOptions, RowJudge, RowText
from commodore.persistence.linux import examine, line_target
from commodore.persistence.suspicion import Suspicion
from commodore.persistence.windows import examine as windows_examine
from commodore.sentence import sentence, short
from scout.formats.windows_paths import is_windows, last_name

_REASON = sentence("{name}: {path} (line {number}) has {setting!q}: {words}; expected: {expected}.")
_STORES = re.compile(r"(?i)https?://(?:clients2\.google\.com|edge\.microsoft\.com|addons\.mozilla\.org)/")
_STARTS = frozenset({"path", "command", "commandline", "exec"})
_BY_ITSELF = {"startonuserlogin=true": "it starts at logon", "runon=folderopen": "it runs when its folder is opened"}


def judge(row: RowText, entry: AutostartEntry, _: NoOptions) -> Judgement | None:
    """Judge a command by what it starts, an extension by its server, and a switch by its state."""
    path, setting = entry.text("file.path"), next(iter(entry.texts("escadre.settings")), "")
    key, _equals, value = setting.partition("=")
    value = value.replace("\\\\", "\\")
    found: list[tuple[str, Suspicion]] = []
    payload: list[str] = []
    if key.lower() in _STARTS and value:
        found, payload = windows_examine(value, entry) if is_windows(path) else examine(value, entry.text("user.name"), entry)
    elif words := _BY_ITSELF.get(setting.lower()):
        found = [("", Suspicion("medium", words))]
    elif ("http:" in setting or "https:" in setting) and not _STORES.search(setting):
        found = [("it", Suspicion("high", "is not from a store"))]
    severity, words = worst(found) or EXPECTED
    values = {"name": row.name, "path": short(path), "number": entry.record.get("escadre.line_number"), "words": words}
    reason = _REASON(values | {"setting": short(setting), "expected": row.expected})
    target = line_target(entry, last_name(path), payload)
    return Judgement(severity, reason, entry.values("file.path", "escadre.line"), {**target, "data": setting})


JUDGE = RowJudge(NoOptions, judge)
