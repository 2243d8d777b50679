"""Functions that the judges of Linux rows share: shell commands and their files, lines of text files as targets."""

from __future__ import annotations

import re

from commodore.finding import FindingTarget, finding_target
from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import lower
from commodore.persistence.suspicion import Suspicion, is_interpreter, of_command
from commodore.sentence import short
from scout.formats import commandline
from scout.formats.linux_paths import one_path

HIDDEN_LINE = ("the line", Suspicion("high", "has control characters that hide part of it on a terminal"))
FOREIGN = re.compile(r"loads|opens a connection|unpacks|gives a shell|runs something in|looks for programs|has the name")
"""Suspicions that concern a command in a file of a package too"""
_ESCAPED = re.compile(r"\\x([89a-f][0-9a-f])")
"""a byte that is no UTF-8, as the text of a record has it"""
_PROGRAM_FOLDERS = ("/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/")


def examine(line: str, user: str, entry: AutostartEntry) -> tuple[list[tuple[str, Suspicion]], list[str]]:
    """Return the (subject, suspicion) pairs of a shell command and of the files that it starts, and those files without interpreters."""
    typed = _ESCAPED.sub(_byte, line) if entry.record.get("escadre.line_bytes") else line
    target = commandline.parse_posix(typed, home=entry.host.profiles.get(user) or _home(entry.text("file.path")))
    found = [("it", s) for s in of_command(line, "linux")]
    files = [f.encode("utf-8", "backslashreplace").decode() for f in target.files if f.startswith("/")]
    for path in files:
        for s in entry.of_file(path, "linux"):
            own = s.severity == "medium" and user not in ("", "root")
            found.append((short(path), Suspicion(lower(s.severity, "low"), s.words) if own else s))
    return found, [f for f in files if not (is_interpreter(f, "linux") and one_path(f).startswith(_PROGRAM_FOLDERS))]


def _byte(found: re.Match[str]) -> str:
    """Return a byte that is no UTF-8 as Python has it in a name: a shell must not take its escape for syntax."""
    return bytes([int(found[1], 16)]).decode("utf-8", "surrogateescape")


def _home(path: str) -> str:
    """Return the home in which a file is, '' for other files: the account may be of a directory, or gone."""
    found = re.match(r"/home/[^/]+(?=/)|/root(?=/)", path)
    return found[0] if found else ""


def line_target(entry: AutostartEntry, name: str, payload: list[str]) -> FindingTarget:
    """Return one line of a text file without loss."""
    get = entry.record.get
    return finding_target(
        path=get("file.path") or get("escadre.source"),
        name=name,
        line=get("escadre.line"),
        line_bytes=get("escadre.line_bytes"),
        line_number=get("escadre.line_number"),
        payload=payload,
    )
