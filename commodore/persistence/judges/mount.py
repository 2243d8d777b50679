"""Judge a mount that hides what is below it: a process in /proc, or a folder from which programs start."""

from __future__ import annotations

import re

from commodore.finding import finding_target
from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import Judgement
from commodore.persistence.judging import NoOptions, RowJudge, RowText
from commodore.sentence import sentence, short

_REASON = sentence("{name}: {point!q} has {source!q} ({kind}) mounted over it[; {words}]; expected: {expected}.")
_PROCESS = re.compile(r"/proc/\d+(?:/(?:task|fd|exe|cmdline|maps|cwd|stat|status)\b.*)?")
_GUISE = re.compile(r"/(?:etc/(?:ld\.so\.preload|passwd|crontab|cron\.\w+|systemd(?:/.*)?)|usr/s?bin/[^/]+|usr/lib/systemd(?:/.*)?)")


def judge(row: RowText, entry: AutostartEntry, _: NoOptions) -> Judgement | None:
    """Judge by the place. Any other mount starts and hides nothing."""
    point = entry.text("file.path")
    if _PROCESS.fullmatch(point):
        severity, words = row.severity, "the process is hidden from ps and from each tool that reads /proc"
    elif _GUISE.fullmatch(point):
        severity, words = "medium", "tools see what is mounted, not what the disk has"
    else:
        return None
    values = {"name": row.name, "point": short(point), "source": short(entry.text("file.target_path") or "nothing")}
    reason = _REASON(values | {"kind": entry.setting("fstype") or "?", "words": words, "expected": row.expected})
    target = finding_target(path=point, name=point.rpartition("/")[2], payload=[])
    return Judgement(severity, reason, entry.values("file.path", "file.target_path"), target)


JUDGE = RowJudge(NoOptions, judge)
