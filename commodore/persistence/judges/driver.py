"""Judge the place of a driver."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, lower, worst
from commodore.persistence.judges.present import PresentOptions
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.windows import plain, service_target, vouched
from commodore.sentence import sentence, short
from scout.formats import commandline

_REASON = sentence("{name}: {service!q} loads {path!q}: {words}; expected: {expected}.")
_RELATIVE = re.compile(r"(?i)\A(?:\\SystemRoot\\|%SystemRoot%\\)?(?=system32\\|syswow64\\)")


def judge(row: RowText, entry: AutostartEntry, options: PresentOptions) -> Judgement | None:
    """Compare the file with the folders of drivers. What is suspicious about the place itself is said of the service, by its own row."""
    line, root = entry.text("process.command_line"), entry.system_root
    path = plain(commandline.expand_windows(_RELATIVE.sub(lambda _: f"{root}\\", line, count=1), root)).strip('"')
    path = re.sub(r"(?i)^(?:\\SystemRoot\\|(?!\\|[a-z]:|%))", lambda _: f"{root}\\", path)
    known = path.lower().replace(root.lower(), "c:\\windows", 1)
    severity, words = EXPECTED
    if not any(fnmatchcase(known, pattern) for pattern in options.expected):
        if worst([("it", s) for s in entry.of_file(path, "windows")], "high"):
            return None
        good = vouched(entry, [path])
        severity, words = (
            (EXPECTED[0], f"not in a folder of drivers, but it {good}") if good else (row.severity, "not in a folder of drivers")
        )
    if entry.text("escadre.service.start") == "disabled":
        severity = lower(severity, "medium")
    values = {"name": row.name, "service": short(entry.text("service.name")), "path": short(path), "words": words}
    payload = [path] if re.match(r"(?i)[a-z]:\\", path) else []
    matched = entry.values("service.name", "registry.path", "process.command_line")
    return Judgement(severity, _REASON(values | {"expected": row.expected}), matched, service_target(entry, "ImagePath", line, payload))


JUDGE = RowJudge(PresentOptions, judge)
