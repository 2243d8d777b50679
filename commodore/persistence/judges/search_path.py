"""Judge a list of folders in which Windows looks for programs or modules."""

from __future__ import annotations

import re

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import Judgement
from commodore.persistence.judging import NoOptions, RowJudge, RowText
from commodore.persistence.suspicion import of_file
from commodore.persistence.windows import plain, registry_target
from commodore.sentence import sentence, short
from scout.formats import commandline

_REASON = sentence("{name}: {path} lists {folder!q}: {words}; expected: {expected}.")
_WINDOWS = re.compile(r"(?i)[a-z]:\\(?:windows|winnt)(?:\\|\Z)")
_PROFILE = re.compile(r"(?i)[a-z]:\\users\\")


def judge(row: RowText, entry: AutostartEntry, _: NoOptions) -> Judgement | None:
    """Judge each folder by its place; None where all are expected.

    In the list of a machine, a folder of a user before those of Windows is unexpected too.
    """
    texts = [given for text in entry.strings for part in text.split(";") if (given := part.strip().strip('"'))]
    folders = [plain(commandline.expand_windows(text, entry.system_root)).rstrip("\\") for text in texts]
    machine = entry.text("registry.hive").upper().startswith("HKLM")
    first = next((number for number, folder in enumerate(folders) if _WINDOWS.match(folder)), 0)
    for number, folder in enumerate(folders):
        grave = next((s.words for s in of_file(f"{folder}\\x.dll", "windows") if s.severity == "high"), "")
        if grave or (machine and number < first and _PROFILE.match(folder)):
            words = f"a file there {grave}" if grave else "a user may write there, and it is searched before the folders of Windows"
            values = {"name": row.name, "path": short(entry.text("registry.path")), "folder": short(folder), "words": words}
            target = {**registry_target(entry, []), "elements": [texts[number]]}
            reason = _REASON(values | {"expected": row.expected})
            return Judgement(row.severity, reason, entry.values("registry.path", "registry.data.strings"), target)  # type: ignore[arg-type]
    return None


JUDGE = RowJudge(NoOptions, judge)
