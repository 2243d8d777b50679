"""Judge a registry value that is a list with commas, of which the expected elements are known. Every other element is unexpected."""

from __future__ import annotations

from dataclasses import dataclass

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.windows import examine, registry_target
from commodore.sentence import sentence, short
from scout.formats import commandline

SHOWN = 5
_REASON = sentence("{path} has [{elements!q} beside ]the expected {expected}.")


@dataclass(frozen=True, slots=True)
class ListValueOptions:
    r"""Expected elements in lower case, with `c:\windows` for the Windows folder: in machine hives, and in hives of users."""

    machine: tuple[str, ...]
    user: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: ListValueOptions) -> Judgement | None:
    """Compare each element with the expected ones."""
    user = entry.text("registry.key").lower().startswith("software\\")  # so in a user's hive, whatever the hive's file is called
    root = entry.system_root.lower()
    elements = [e.strip().strip('"').strip() for text in entry.strings for e in text.split(",")]
    expected = _rooted(options.user if user else options.machine, root)
    unexpected = [e for e in elements if e and commandline.expand_windows(e, root).lower().replace("c:\\windows", root, 1) not in expected]
    payload = [p for e in unexpected for p in examine(e, entry)[1]]
    shown = [short(e) for e in unexpected[:SHOWN]]
    reason = _REASON({"path": short(entry.text("registry.path")), "elements": shown, "expected": row.expected})
    matched = entry.values("registry.path", "registry.data.strings")
    return Judgement(
        row.severity if unexpected else EXPECTED[0], reason, matched, {**registry_target(entry, payload), "elements": unexpected}
    )


def _rooted(expected: tuple[str, ...], root: str) -> set[str]:
    return {e.replace("c:\\windows", root, 1) for e in expected} | set(expected)


JUDGE = RowJudge(ListValueOptions, judge)
