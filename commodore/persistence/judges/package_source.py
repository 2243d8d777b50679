"""Judge a source of packages, or a script that a package runs when it is installed."""

from __future__ import annotations

import re

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, worst
from commodore.persistence.judges import startup_line
from commodore.persistence.judging import NoOptions, RowJudge, RowText
from commodore.persistence.linux import FOREIGN, line_target
from commodore.persistence.suspicion import Suspicion
from commodore.sentence import sentence, short

_REASON = sentence("{name}: {path} (line {number}) has {line!q}: {words}; expected: {expected}.")
_BARE = re.compile(
    r"(?i)^\s*(?:deb\b|uris:|baseurl\s*=|mirrorlist\s*=|(?:extra-)?index-url\s*=|registry\s*=)[^#]{0,400}?(?:https?|ftp)://(?:\d{1,3}\.){3}\d{1,3}"
)
_FOREIGN = re.compile(rf": it (?:{FOREIGN.pattern})|lies in a folder that everybody")
_UNSIGNED = re.compile(r"(?i)\btrusted\s*[=:]\s*yes|allow-insecure\s*[=:]\s*yes|^\s*gpgcheck\s*=\s*0")


def judge(row: RowText, entry: AutostartEntry, options: NoOptions) -> Judgement | None:
    """Judge a line of a script by its command, a source by its address and signature."""
    path, line = entry.text("file.path"), entry.text("escadre.line")
    if "/dpkg/info/" in path or path.endswith(".sh"):
        judgement = startup_line.judge(row, entry, options)
        return judgement if judgement and judgement.severity and _FOREIGN.search(judgement.reason) else None
    found = []
    if _BARE.search(line):
        found.append(("it", Suspicion("high", "takes packages from a server by its bare address")))
    if _UNSIGNED.search(line):
        found.append(("it", Suspicion("medium", "takes packages without a signature")))
    severity, words = worst(found) or EXPECTED
    values = {"name": row.name, "path": short(path), "number": entry.record.get("escadre.line_number"), "line": short(line.strip())}
    reason = _REASON(values | {"words": words, "expected": row.expected})
    return Judgement(severity, reason, entry.values("file.path", "escadre.line"), line_target(entry, path.rpartition("/")[2], []))


JUDGE = RowJudge(NoOptions, judge)
