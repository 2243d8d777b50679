"""Judge a registry setting that intruders change, by its number or text."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.windows import registry_target
from commodore.sentence import sentence, short

_REASON = sentence("{name}: {path} is {data!q}: {words}; expected: {expected}.")


@dataclass(frozen=True, slots=True)
class SettingOptions:
    """`changed`: shell patterns, in lower case, of `value name=data` that is not the normal state; numbers in decimal."""

    changed: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: SettingOptions) -> Judgement | None:
    """Compare the setting with the states that are not normal."""
    texts = entry.texts("registry.data.strings")
    written = f"{entry.text('registry.value')}={' '.join(texts)}".lower()
    changed = any(fnmatchcase(written, pattern) for pattern in options.changed)
    severity, words = (row.severity, "changed from the normal state") if changed else EXPECTED
    values = {"name": row.name, "path": short(entry.text("registry.path")), "data": short(" ".join(texts)), "words": words}
    matched = entry.values("registry.path", "registry.data.strings")
    return Judgement(severity, _REASON(values | {"expected": row.expected}), matched, registry_target(entry, []))


JUDGE = RowJudge(SettingOptions, judge)
