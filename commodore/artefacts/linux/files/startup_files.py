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
from commodore.readers.lines import BOM, Line, fields
from commodore.readers.sshd_keywords import REPEATED
from commodore.readers.unread_files import why_unread
from scout.formats.startup import StartupEntry, languages
from scout.formats.startup.includes import can_include

ARTEFACT = Artefact(
    name="startup_files",
    title="Files that start programs",
    about="One record per line that starts a program, loads a library or grants a right in a file that the persistence table names, and "
    "one record for each script itself. What a line does may depend on the lines around it.",
    match=file_patterns(),
    by_name=False,
    taken_in=True,
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
        "escadre.scope",
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
    message="[{file.path} has {escadre.line!q}|{file.path} is a script that starts by itself][ ({escadre.scope})]"
    "[, but {escadre.startup.passed_over}].",
    sources=("scout/formats/startup/languages.yaml names the source of each language",),
    version=5,
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
SCRIPTS = frozenset({"shell", "powershell", "batch", "autorun", "image"})
"""Languages in which the file as such is run, loaded or read by a shell"""


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:
    base = {"file.path": evidence.source, "user.name": owner(evidence.source, host)}
    if reason := why_unread(evidence, host):
        base["escadre.startup.passed_over"] = reason
    windows = evidence.source[1:3] == ":\\"
    below = evidence.source[3:].replace("\\", "/") if windows else evidence.source.lstrip("/")
    start = _start(evidence)
    if not windows and start.startswith((BOM, b"\0")):
        mark = "NUL bytes" if start[:1] == b"\0" else "a byte order mark"
        yield Problem(f"{mark} at the beginning: a program that does not skip this takes it as part of the first line", "line 1")
    for name, rows in _rows(below, "windows" if windows else "linux", evidence.facts.get("included_by") or {}).items():
        given = base | {"escadre.format": name, ROWS_FIELD: list(rows)}
        if name in SCRIPTS and evidence.length:
            yield from fenced(("script",), str, partial(_script, given))
        if name == "image" or (name in SCRIPTS and (start == b"\x7fELF" or start[:2] == b"MZ")):
            continue  # a compiled program, of EFI where it is a PE
        entries = startup.entries(languages()[name], evidence)
        entries = _FOLLOWED[name](entries) if name in _FOLLOWED else entries
        yield from fenced(entries, partial(_locator, name), partial(_entry, name, given))


def _rows(below: str, os: str, included_by: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """Return language → rows of a file, and those of the files that take it in, in the languages that take files in."""
    found = rows_of_file(below, os)
    for first in included_by.get(ARTEFACT.name, ()):
        found = {name: rows for name, rows in rows_of_file(first.lstrip("/"), os).items() if can_include(name)} | found
    return found


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


def _in_blocks(entries: Iterable[StartupEntry | T]) -> Iterator[StartupEntry | T]:
    """Yield the settings of a server with the `Match` block that they are in, and with the earlier line whose value it takes instead.

    sshd_config(5): for each keyword the first value counts, and a block lasts to the next one, or to the end of the file.
    """
    block = ""
    first: dict[tuple[str, str], int] = {}
    for entry in entries:
        if isinstance(entry, StartupEntry) and "key" in entry.parts:
            key = entry.parts["key"].lower()
            if key == "match":
                block = "" if entry.parts["value"].strip().lower() == "all" else f"Match {entry.parts['value']}"
            else:
                earlier = first.setdefault((block, key), entry.line.number)
                if earlier != entry.line.number and not REPEATED.fullmatch(key):
                    entry.parts["instead"] = f"sshd takes the value of line {earlier}"
                if block:
                    entry.parts["block"] = block
        yield entry


def _in_sections(entries: Iterable[StartupEntry | T]) -> Iterator[StartupEntry | T]:
    """Yield the commands of desktop entries, D-Bus services and hooks of pacman, with why nothing runs those of other sections.

    Sources: Desktop Entry Specification 1.5, sections 3, 6 and 11; D-Bus Specification; alpm-hooks(5).
    """
    section = ""
    for entry in entries:
        if isinstance(entry, StartupEntry):
            key = entry.parts.pop("key", "")
            if key.startswith("["):
                section = key
                continue
            if section and section not in _STARTED_SECTIONS:
                entry.parts["instead"] = f"nothing starts by itself what the section {section} names"
            elif key:
                entry.parts["instead"] = f"a program is only looked for by {key}, not started"
        yield entry


_STARTED_SECTIONS = ("[Desktop Entry]", "[KDE Desktop Entry]", "[D-BUS Service]", "[Action]")
_FOLLOWED = {"shell": _with_variables, "sshd": _in_blocks, "desktop": _in_sections}
"""languages in which a line depends on those before it"""


def _value(values: Mapping[str, str], variable: re.Match[str]) -> str:
    return values.get(variable[1] or variable[2], variable[0])


def _start(evidence: Evidence) -> bytes:
    with evidence.open() as stream:
        return stream.read(4)


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
    if "block" in parts:
        out["escadre.scope"] = parts["block"]
    if "instead" in parts:
        out.setdefault("escadre.startup.passed_over", parts["instead"])
    yield Record(_locator(language, entry), out)
