"""Judge a program that runs with more rights than who starts it: setuid, setgid, capabilities.

What a package of the host owns is expected, but no shell and no interpreter: an intruder sets the bit on one that is there. Where no
package database was read, the usual programs are expected by their path.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, lower
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.linux import line_target
from commodore.persistence.suspicion import is_interpreter, of_file
from commodore.sentence import sentence, short

_REASON = sentence("{path!q} {rights}[; {words}]; expected: {expected}.")
_LAYER = re.compile(r"\A/(?:var/lib/(?:docker|containers|containerd)|home/[^/]+/\.local/share/containers)/.*?/(?:diff|merged|fs)(?=/)")
_SNAP = re.compile(r"(?:/var/lib/snapd)?/snap/[^/]+/[^/]+(?=/)")
_POWERS = "setuid|setgid|dac_override|dac_read_search|sys_admin|sys_ptrace|sys_module|sys_rawio|chown|fowner|setfcap|bpf"
_GRAVE = re.compile(rf"cap_(?:{_POWERS})\b")


@dataclass(frozen=True, slots=True)
class PrivilegedOptions:
    """`known`: shell patterns of programs that have these rights on an ordinary host; `grave`: interpreters besides the usual ones."""

    known: tuple[str, ...]
    grave: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: PrivilegedOptions) -> Judgement | None:
    """Judge the program by what it is, who owns it, and whether a package has it."""
    path, capabilities = entry.text("file.path"), entry.text("escadre.file.capabilities")
    mode = int(entry.text("file.mode") or "0", 8)
    if not capabilities and not mode & 0o111:
        return None  # mandatory locking, or a file that nobody can start
    inner = _SNAP.sub("", _LAYER.sub("", path))
    severity, words = _severity(row, entry, options, path, inner)
    rights = f"has the capabilities {capabilities}" if capabilities else _rights(entry, mode)
    values = {"path": short(path), "rights": rights, "words": words, "expected": row.expected}
    matched = entry.values("file.path", "file.mode", "file.owner", "escadre.file.capabilities", "escadre.file.in_package")
    return Judgement(severity, _REASON(values), matched, line_target(entry, path.rsplit("/", 1)[-1], [path]))


def _severity(row: RowText, entry: AutostartEntry, options: PrivilegedOptions, path: str, inner: str) -> tuple[str, str]:
    owned, capabilities = entry.flag("escadre.file.in_package"), entry.text("escadre.file.capabilities")
    known = any(fnmatchcase(inner, pattern) for pattern in options.known)
    if known and (owned is not False or inner != path):
        return EXPECTED[0], ""
    shell = is_interpreter(inner, "linux") or any(fnmatchcase(inner.rsplit("/", 1)[-1], name) for name in options.grave)
    harmless = bool(capabilities) and not _GRAVE.search(capabilities)
    if shell and not known and not harmless:
        return _bounded(entry, "critical"), "it runs what its arguments name"
    odd = [s.words for s in of_file(path, "linux") if s.severity in ("high", "critical")] if inner == path else []
    if owned:
        return EXPECTED[0], ""
    if odd:
        return _bounded(entry, "critical"), f"it {odd[0]}"
    words = "no package owns it" if owned is False and inner == path else ""
    local = inner != path or path.startswith(("/opt/", "/usr/local/")) or owned is None or harmless
    return _bounded(entry, lower(row.severity, "medium") if local else row.severity), words


def _bounded(entry: AutostartEntry, severity: str) -> str:
    """Rights of another account than root are of medium severity at most, and so is a mere setgid."""
    if entry.text("escadre.file.capabilities"):
        return severity
    setuid = int(entry.text("file.mode") or "0", 8) & 0o4000
    return severity if setuid and entry.text("file.uid") in ("0", "") else lower(severity, "medium")


def _rights(entry: AutostartEntry, mode: int) -> str:
    users = [f"user {entry.text('file.owner', 'file.uid') or 'unknown'}"] if mode & 0o4000 else []
    groups = [f"group {entry.text('file.group', 'file.gid') or 'unknown'}"] if mode & 0o2000 else []
    return f"runs with the rights of {' and '.join(users + groups)}, whoever starts it"


JUDGE = RowJudge(PrivilegedOptions, judge)
