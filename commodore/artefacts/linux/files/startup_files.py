"""Files whose lines start programs: shell start-up files, boot scripts, hooks, sudoers, PAM, udev, desktop entries and their like."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

from commodore.artefact import Artefact, Problem, Record
from commodore.evidence import Evidence
from commodore.fence import fenced
from commodore.host import Host
from commodore.persistence.places import ROWS_FIELD, file_patterns, rows_of_file
from commodore.readers import startup
from commodore.readers.lines import Line, fields
from scout.formats.startup import StartupEntry, languages

ARTEFACT = Artefact(
    name="startup_files",
    title="Files that start programs",
    about="One record per line that starts a program, loads a library or grants a right in a file that the persistence table names, and "
    "one record for each script itself. What a line does may depend on the lines around it.",
    match=file_patterns(),
    by_name=False,
    targets=("LF04", "LF05", "LF09", "LF10", "LF11", "LF14", "LF17", "LF28", "LF36", "WP04", "WP05", "WS03"),
    needs=("profiles",),
    fields=(
        "escadre.format",
        "escadre.line",
        "escadre.line_bytes",
        "escadre.line_hidden",
        "escadre.line_length",
        "escadre.line_number",
        ROWS_FIELD,
        "escadre.settings",
        "escadre.startup.passed_over",
        "file.path",
        "file.target_path",
        "process.command_line",
        "user.name",
    ),
    kind="state",
    category=("configuration",),
    type=("info",),
    action="configuration-line-observed",
    attack=("T1037", "T1546"),
    message="[{file.path} has {escadre.line!q}|{file.path} is a script that starts by itself][, but {escadre.startup.passed_over}].",
    sources=("scout/formats/startup/languages.yaml names the source of each language",),
    version=3,
)
T = TypeVar("T")
LEFT_OUT = "(left out)"
"""Text in place of a password or its hash"""
MOST_VARIABLES = 1000
"""variables of one script that are followed"""
_SET = re.compile(r"(?:^|[;&|(]|\b(?:export|local|readonly)\s)\s*([A-Za-z_]\w*)=[\"\']?(/[^\s;&|\"\'$`()]*)[\"\']?(?=\s*(?:[;&|#)]|$))")
_ODD_PLACE = re.compile(r"^/(?:tmp|var/tmp|dev/shm|run)(?:/|$)|/\.[^./]")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_RUN = re.compile(r"(?:^|[;&|(]|\b(?:cd|sh|bash|dash|exec|nohup|setsid|source|then|do)\s|\A\.\s)\s*[\"\']?\$(?:\{(\w+)\}|(\w+))")
"""a variable where a shell takes a command, or the folder or script of one"""
_RUN_PARTS = re.compile(r"[A-Za-z0-9_-]+")
_HIDDEN = re.compile(rb"^[ \t]*Hidden[ \t]*=[ \t]*true[ \t\r]*$", re.MULTILINE)
SCRIPTS = frozenset({"shell", "powershell", "batch", "autorun"})
"""Languages in which the file as such is run or read by a shell"""


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:
    base = {"file.path": evidence.source, "user.name": owner(evidence.source, host)}
    if reason := passed_over(evidence):
        base["escadre.startup.passed_over"] = reason
    windows = evidence.source[1:3] == ":\\"
    below = evidence.source[3:].replace("\\", "/") if windows else evidence.source.lstrip("/")
    for name, rows in rows_of_file(below, "windows" if windows else "linux").items():
        given = base | {"escadre.format": name, ROWS_FIELD: list(rows)}
        if name in SCRIPTS and evidence.length:
            yield from fenced(("script",), str, partial(_script, given))
        if name in SCRIPTS and _is_program(evidence):
            continue
        entries = startup.entries(languages()[name], evidence)
        yield from fenced(_with_variables(entries) if name == "shell" else entries, partial(_locator, name), partial(_entry, name, given))


def passed_over(evidence: Evidence) -> str:
    """Return why the program that reads this folder leaves the file alone; '' where it reads it, as far as the file tells.

    sudoers(5), "Including other files"; run-parts(8) of Debian, which pam_motd calls; Desktop Application Autostart
    Specification, "Hidden".
    """
    folder, _, name = evidence.source.rpartition("/")
    if folder.endswith("/sudoers.d") and ("." in name or name.endswith("~")):
        return "sudo passes over names with a dot or with ~ at the end"
    if folder.endswith("/update-motd.d") and not _RUN_PARTS.fullmatch(name):
        return "run-parts passes over this name"
    if "/autostart" in folder and name.endswith(".desktop"):
        with evidence.open() as stream:
            if _HIDDEN.search(stream.read(1 << 16)):
                return "desktops do not start an entry with Hidden=true"
    return ""


def _script(given: dict[str, Any], locator: str) -> Iterator[Record]:
    yield Record(locator, given)


def _with_variables(entries: Iterable[StartupEntry | T]) -> Iterator[StartupEntry | T]:
    """Yield the entries of a shell script, with the variables in which earlier lines put a place where no program is installed."""
    values: dict[str, str] = {}
    for entry in entries:
        if isinstance(entry, StartupEntry) and "command" in entry.parts:
            command = entry.parts["command"]
            if len(values) < MOST_VARIABLES:
                values |= {name: value for name, value in _SET.findall(command) if _ODD_PLACE.search(value)}
            if values and "$" in command and any((m[1] or m[2]) in values for m in _RUN.finditer(command)):
                entry.parts["command"] = _VARIABLE.sub(partial(_value, values), command)
        yield entry


def _value(values: Mapping[str, str], variable: re.Match[str]) -> str:
    return values.get(variable[1] or variable[2], variable[0])


def _is_program(evidence: Evidence) -> bool:
    """Return whether the file is a compiled program (ELF, or PE of EFI). Zero bytes alone hide no lines: a shell runs such a file."""
    with evidence.open() as stream:
        start = stream.read(4)
        return start == b"\x7fELF" or start[:2] == b"MZ"


def owner(path: str, host: Host) -> str:
    """Return the account whose home the file is in, `root` or `SYSTEM` for all other files, which the system reads for everybody."""
    if path[1:3] == ":\\":
        parts = path.split("\\")
        return parts[2] if len(parts) > 3 and parts[1].lower() in ("users", "documents and settings") else "SYSTEM"
    homes = {home.rstrip("/"): name for name, home in host.profiles.items() if home.startswith("/") and home != "/"}
    folder = path
    while (folder := folder.rpartition("/")[0]) and folder != "":
        if folder in homes:
            return homes[folder]
        if folder.rpartition("/")[0] == "/home":
            return folder.rpartition("/")[2]
    return "root"


def _locator(language: str, entry: StartupEntry) -> str:
    return f"{language} line {entry.line.number}" + (f" entry {entry.number}" if entry.number > 1 else "")


def _without(line: Line, secret: str) -> Line:
    """Return the line with a note in place of a password or its hash, which no record holds."""
    return line._replace(raw=line.raw.replace(secret.encode(), LEFT_OUT.encode(), 1))


def _entry(language: str, base: dict[str, Any], entry: StartupEntry) -> Iterator[Record]:
    parts = entry.parts
    out = fields(_without(entry.line, parts["secret"]) if "secret" in parts else entry.line) | base
    if "command" in parts:
        out["process.command_line"] = parts["command"]
    if "path" in parts:
        out["file.target_path"] = parts["path"]
    if "user" in parts:
        out["user.name"] = parts["user"]
    if "value" in parts:
        out["escadre.settings"] = [f"{parts['key']}={parts['value']}" if "key" in parts else parts["value"]]
    elif "key" in parts:
        out["escadre.settings"] = [f"{parts['key']}={parts.get('command', '')}"]
    yield Record(_locator(language, entry), out)
