"""Judge a file of a package whose content is not the one that the package brought."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, lower
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.linux import line_target
from commodore.sentence import sentence, short
from scout.formats.linux_paths import one_path

_REASON = sentence("{path!q} is not the file that the package {package} brought: somebody replaced it[; {words}]; expected: {expected}.")


@dataclass(frozen=True, slots=True)
class PackageFileOptions:
    """Shell patterns: `grave` files that run or let someone in, `changed` files that packages or administrators change themselves."""

    grave: tuple[str, ...]
    changed: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: PackageFileOptions) -> Judgement | None:
    """Judge the file by its place: a program, library or unit is grave, any other file is not."""
    path = one_path(entry.text("file.path"))
    severity, words = lower(row.severity, "medium"), ""
    if any(fnmatchcase(path, pattern) for pattern in options.changed):
        severity, words = EXPECTED[0], "it is changed on many hosts"
    elif any(fnmatchcase(path, pattern) for pattern in options.grave):
        severity, words = row.severity, "it runs, or decides who comes in"
    values = {"path": short(path), "package": entry.text("package.name"), "words": words, "expected": row.expected}
    matched = entry.values("file.path", "file.hash.md5", "package.name")
    return Judgement(severity, _REASON(values), matched, line_target(entry, path.rsplit("/", 1)[-1], [path]))


JUDGE = RowJudge(PackageFileOptions, judge)
