"""Judge a registry value whose presence alone is unexpected, but for known paths."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.windows import registry_target
from commodore.sentence import sentence, short

_REASON = sentence("{name}: {path} is there; expected: {expected}.")


@dataclass(frozen=True, slots=True)
class RegistryPresentOptions:
    """`expected`: shell patterns of registry paths with the value, lower case."""

    expected: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: RegistryPresentOptions) -> Judgement | None:
    """Report every value but the expected ones."""
    path = entry.text("registry.path")
    severity = EXPECTED[0] if any(fnmatchcase(path.lower(), pattern) for pattern in options.expected) else row.severity
    reason = _REASON({"name": row.name, "path": short(path), "expected": row.expected})
    return Judgement(severity, reason, entry.values("registry.path"), registry_target(entry, []))


JUDGE = RowJudge(RegistryPresentOptions, judge)
