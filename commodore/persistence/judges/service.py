"""Judge the program of a service or driver. A disabled service is of medium severity at most."""

from __future__ import annotations

import re

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, lower, worst
from commodore.persistence.judging import NoOptions, RowJudge, RowText
from commodore.persistence.suspicion import Suspicion
from commodore.persistence.windows import examine, service_target
from commodore.sentence import sentence, short
from scout.formats import commandline

_BELOW_ROOT = re.compile(r"(?!\\|[A-Za-z]:)[^\\/:%\"\s]+\\")
"""A relative path, which the service manager completes with the Windows folder."""
_IN_ROOT = re.compile(r"(?i)[a-z]:\\(?:windows|winnt)\\(?!sysmon(?:64a?)?\.exe)[^\\]+\.exe")
_ABSOLUTE = re.compile(r"(?i)[a-z]:\\")
_MOST_PARTS = 32
"""parts of a path between blanks that are tried"""
_SHELLS = re.compile(r"(?i)(?:\A|[\\/])(?:cmd|powershell|pwsh|wscript|cscript|mshta|regsvr32)(?:\.exe)?\Z")
_REASON = sentence("Service {name!q} ([{start}|no start type]) runs {line!q}: {words}; expected: {expected}.")


def judge(row: RowText, entry: AutostartEntry, _: NoOptions) -> Judgement | None:
    """Judge the command line of the service."""
    line = entry.text("process.command_line")
    full = f"{entry.system_root}\\{line}" if _BELOW_ROOT.match(line) else line
    found, payload = examine(full, entry, relative=True)
    program = commandline.parse_windows(full, system_root=entry.system_root).executable
    if _IN_ROOT.fullmatch(program):
        found.append((short(program), Suspicion("medium", "lies in the Windows folder itself, where remote control tools put theirs")))
    if _SHELLS.search(program):
        found.append(("it", Suspicion("medium", "runs a command interpreter, which is no service program")))
    if other := _in_the_way(full, entry):
        found.append((short(other), Suspicion("high", "is started in place of a path with blanks and without quotes")))
        payload = [other]
    severity, words = worst(found) or EXPECTED
    start = entry.text("escadre.service.start")
    values = {"name": short(entry.text("service.name")), "start": start, "line": short(line), "words": words, "expected": row.expected}
    return Judgement(
        lower(severity, "medium") if start == "disabled" else severity,
        _REASON(values),
        entry.values("service.name", "registry.path", "process.command_line"),
        service_target(entry, "ImagePath", line, payload),
    )


def _in_the_way(line: str, entry: AutostartEntry) -> str:
    """Return the collected file that Windows starts for an unquoted path with blanks before the file that is meant; '' without one."""
    if not _ABSOLUTE.match(line):
        return ""
    parts = line.split(" ")[:_MOST_PARTS]
    for number in range(1, len(parts)):
        before = " ".join(parts[:number])
        if before.lower().endswith(".exe"):
            return ""
        if entry.context.files.of(f"{before}.exe").sha256:
            return f"{before}.exe"
    return ""


JUDGE = RowJudge(NoOptions, judge)
