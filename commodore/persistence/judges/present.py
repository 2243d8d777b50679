"""Judge the presence of a file or service where only known ones are expected. The suspicious lines of a file are entries too."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement
from commodore.persistence.judges import startup_line
from commodore.persistence.judging import NoOptions, RowJudge, RowText
from commodore.persistence.linux import line_target
from commodore.persistence.windows import examine, service_target
from commodore.sentence import sentence, short
from scout.formats.windows_paths import last_name

_REASON = sentence("{name}: {path} is there[, and {vouched}][ ({ignored})]; expected: {expected}.")


@dataclass(frozen=True, slots=True)
class PresentOptions:
    """`expected`: shell patterns of native paths."""

    expected: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: PresentOptions) -> Judgement | None:
    """Judge the file by its path and package, and each of its lines as a line of a script. A list of files tells of those of no package."""
    if entry.record.get("escadre.line_number") is not None:
        return startup_line.judge(row, entry, NoOptions())
    if entry.text("escadre.state") in ("deleted", "carved"):
        return None
    service, path = entry.text("service.name"), entry.text("file.path", "registry.path")
    if entry.text("event.dataset") == "file_listing" and entry.flag("escadre.file.in_package") is not False:
        return None
    vouched = "" if service else entry.context.files.of(path).vouched
    expected = vouched or any(fnmatchcase(path, pattern) for pattern in options.expected)
    severity = EXPECTED[0] if expected else row.severity
    reason = _REASON(
        {
            "name": row.name,
            "path": short(service or path),
            "vouched": f"it {vouched}" if vouched else "",
            "expected": row.expected,
            "ignored": entry.text("escadre.startup.passed_over"),
        }
    )
    if entry.text("registry.path"):
        target = service_target(
            entry, "ImagePath", entry.text("process.command_line"), examine(entry.text("process.command_line"), entry)[1]
        )
    else:
        target = line_target(entry, service or last_name(path), [] if service else [path])
    return Judgement(severity, reason, entry.values("file.path", "registry.path", "service.name"), target)


JUDGE = RowJudge(PresentOptions, judge)
