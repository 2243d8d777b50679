"""Judge an object by its settings, as `Name=value`, and by the file that it names."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, worst
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.suspicion import of_file
from commodore.persistence.windows import registry_target
from commodore.sentence import sentence, short

_REASON = sentence("{name}: {path!q} has {texts!q}: {words}; expected: {expected}.")
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ObjectSettingsOptions:
    """What is unexpected. All are shell patterns in lower case.

    changed  settings that are not the normal state
    files    the files that are expected; a file in a suspicious place is high
    """

    changed: tuple[str, ...]
    files: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: ObjectSettingsOptions) -> Judgement | None:
    """Report settings that were changed, and a file that is not expected."""
    settings, file = entry.texts("escadre.settings"), entry.text("file.path")
    changed = [text for text in settings if any(fnmatchcase(text.lower(), pattern) for pattern in options.changed)]
    severity, words, texts = *EXPECTED, settings
    if changed:
        severity, words, texts = row.severity, "changed from the normal state", changed
    if file and not any(fnmatchcase(file.lower(), pattern) for pattern in options.files):
        judged = worst([(short(file), s) for s in of_file(file, "windows")], "high")
        severity, words = judged or (severity or row.severity, f"{short(file)} is not among the expected files")
        texts = [*texts, file]
    values = {"name": row.name, "path": short(entry.text("escadre.description", "registry.path")), "words": words}
    reason = _REASON(values | {"texts": [short(text) for text in texts[:_SHOWN]] or ["no settings"], "expected": row.expected})
    matched = entry.values("registry.path", "escadre.settings", "file.path")
    target = registry_target(entry, [file] if file[1:2] == ":" else [])
    target["name"] = entry.text("escadre.description") or entry.text("registry.key").rpartition("\\")[2]
    return Judgement(severity, reason, matched, target)


JUDGE = RowJudge(ObjectSettingsOptions, judge)
