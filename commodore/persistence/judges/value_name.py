"""Judge a registry value whose name, not its data, is the library that is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, worst
from commodore.persistence.judges.known_value import known
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.windows import plain, registry_target, unexpected
from commodore.sentence import sentence, short
from scout.formats import commandline

_REASON = sentence("{name}: {path} names {library!q}: {words}; expected: {expected}.")


@dataclass(frozen=True, slots=True)
class KnownName:
    r"""`expected`: shell patterns of names in lower case, with `c:\windows` for the Windows folder."""

    expected: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: KnownName) -> Judgement | None:
    """Judge the place of the library."""
    library = plain(commandline.expand_windows(entry.text("registry.value"), entry.system_root))
    if "\\" not in library:
        return None
    severity, words = EXPECTED
    if not known(library, entry.system_root.lower(), options.expected):
        severity, words = worst([("it", s) for s in entry.of_file(library, "windows")], "high") or unexpected(row, entry, [library])
    values = {"name": row.name, "path": short(entry.text("registry.path")), "library": short(library), "words": words}
    target = registry_target(entry, [library])
    return Judgement(severity, _REASON(values | {"expected": row.expected}), entry.values("registry.path"), target)


JUDGE = RowJudge(KnownName, judge)
