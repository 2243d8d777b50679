"""Judge a systemd unit file or drop-in by every command that it would run and by the environment that it sets."""

from __future__ import annotations

import re

from commodore.finding import finding_target
from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, worst
from commodore.persistence.judging import NoOptions, RowJudge, RowText
from commodore.persistence.linux import examine
from commodore.persistence.suspicion import Suspicion, of_file
from commodore.sentence import sentence, short
from scout.formats.linux_paths import may_be_packaged, one_path
from scout.formats.unit_names import manager_home, whose
from scout.formats.unit_specifiers import filled

_PACKAGED = "/usr/lib/systemd/"
_LOADS = ("LD_PRELOAD", "LD_AUDIT")
"""Variables whose value is a list of libraries, separated by blanks or colons: ld.so(8)."""
_STARTERS = frozenset({"timer", "socket", "path"})
"""Kinds of units that start another one: systemd.timer(5), systemd.socket(5), systemd.path(5)."""
_ROOTS = frozenset({"Service.RootDirectory", "Service.RootImage"})
"""Settings in whose folder or image all programs of the unit are: systemd.exec(5)."""
_BINDS = frozenset({"Service.BindPaths", "Service.BindReadOnlyPaths"})
"""Settings that put files over others for the unit alone, as blank-separated `source[:destination[:options]]`: systemd.exec(5)."""
_PREFIX = re.compile(r"\A(Exec\w+)=[@\-:+!|]*\s*(.*)\Z", re.DOTALL)
_SHELL = re.compile(r"(?:\A|[=@\-:+!/\s])(?:ba|da|z|k|a)?sh(?:\s+-\w+)*\s*\Z")
_REASON = sentence(
    "[Drop-in {drop_in!q} of {of}|systemd unit {unit}] ({path}) "
    "[runs {command!q} and sets {settings!q}|runs {command!q}|sets {settings!q}|is present]"
    "[, but systemd refuses the file ({refused})][, but {ignored}]: {words}; expected: {expected}."
)


def judge(row: RowText, entry: AutostartEntry, _: NoOptions) -> Judgement | None:
    """Judge the commands, the environment and the name of the unit."""
    path, user = entry.text("file.path"), entry.text("user.name")
    commands = entry.texts("escadre.systemd.exec")
    found: list[tuple[str, Suspicion]] = []
    payload: list[str] = []
    grave = ""
    for command in commands:
        parts = _PREFIX.match(command)
        more, files = examine(_filled(parts.group(2) if parts else command, entry), user, entry)
        if user not in ("", "root") or entry.text("escadre.scope") == "user":  # users may start their own files
            more = [(subject, s) for subject, s in more if s.severity != "medium"]
        found += more
        payload += files
        if parts and not grave and any(s.severity == "high" for _, s in more):
            grave = parts.group(2)
    found += _place_of_relative(entry, commands) + _shell_on_a_socket(entry, commands)
    more, libraries, settings = _environment(entry, path)
    found += more
    payload += libraries
    if (started := _started(entry)) in entry.context.guilty_units:
        found.append((short(started), Suspicion("high", "is not expected itself")))
    if re.search(r"/\.[^/]*\Z", path):
        found.append((path, Suspicion("high", "is hidden")))
    severity, words = worst(found) or EXPECTED
    command = entry.text("process.command_line") or "; ".join(commands)
    name, drop_in = entry.text("service.name"), entry.text("escadre.systemd.drop_in")
    values = {
        "drop_in": short(drop_in),
        "of": short(whose(name)),
        "unit": short(name),
        "path": short(path),
        "command": short(grave or command),
        "settings": short(settings),
        "refused": "" if drop_in else entry.text("event.reason"),
        "ignored": entry.text("escadre.startup.passed_over"),
        "words": words,
        "expected": row.expected,
    }
    rests_on = ["file.path", "escadre.systemd.exec"]
    rests_on += ["process.env_vars", "escadre.settings"] if settings else []
    target = finding_target(
        path=path,
        name=name,
        data=command or settings,
        scope=entry.text("escadre.scope"),
        drop_in=drop_in or None,
        payload=list(dict.fromkeys(payload)),
    )
    return Judgement(severity, _REASON(values), entry.values(*rests_on), target)


def _filled(command: str, entry: AutostartEntry) -> str:
    """Return the command with the home of the user and the variables that the unit sets: systemd.unit(5), section Specifiers."""
    command = _specified(command, entry)
    values = dict(_specified(text, entry).split("=", 1) for text in entry.texts("process.env_vars") if "=" in text)
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda m: values.get(m[1] or m[2], m[0]), command) if values else command


def _specified(text: str, entry: AutostartEntry) -> str:
    path = entry.text("file.path")
    return filled(text, path, manager_home(path))


def _place_of_relative(entry: AutostartEntry, commands: list[str]) -> list[tuple[str, Suspicion]]:
    """Return the suspicions of the working folder where a command starts a file by a path that begins there."""
    folder = _specified(entry.text("process.working_directory"), entry)
    if not folder or not any(re.search(r"(?:\A|[\s=\"'])\./\S", command) for command in commands):
        return []
    return [(short(folder), s) for s in of_file(f"{folder.rstrip('/')}/x", "linux") if s.severity == "high"]


def _shell_on_a_socket(entry: AutostartEntry, commands: list[str]) -> list[tuple[str, Suspicion]]:
    """Return the suspicion of a shell whose input is a connection: systemd.exec(5), StandardInput."""
    if entry.setting("Service.StandardInput") != "socket" or not any(_SHELL.search(command) for command in commands):
        return []
    return [("it", Suspicion("high", "gives a shell to the network"))]


def _started(entry: AutostartEntry) -> str:
    """Return the unit that a timer, socket or path unit starts; '' for other units."""
    stem, _, kind = entry.text("service.name").rpartition(".")
    if kind not in _STARTERS:
        return ""
    return entry.setting(f"{kind.capitalize()}.Unit") or entry.setting("Socket.Service") or f"{stem}.service"


def _environment(entry: AutostartEntry, path: str) -> tuple[list[tuple[str, Suspicion]], list[str], str]:
    """Return the suspicions of the environment that the unit sets, the libraries that it loads, and the settings at fault."""
    found: list[tuple[str, Suspicion]] = []
    libraries: list[str] = []
    settings: list[str] = []
    for assignment in entry.texts("process.env_vars"):
        name, _, value = _specified(assignment, entry).partition("=")
        if name in _LOADS and not one_path(path).startswith(_PACKAGED):
            found.append(("it", Suspicion("high", "puts a library into the program that it starts")))
            libraries += [library for library in re.split(r"[\s:]+", value) if library.startswith("/")]
            settings.append(f"Environment={assignment}")
    for written in entry.texts("escadre.settings"):
        name, _, setting = _specified(written, entry).partition("=")
        if name in _BINDS and (grave := _bound(setting)):
            found += grave
            settings.append(written)
        if name in _ROOTS and (grave := [(short(setting), s) for s in of_file(f"{setting}/", "linux") if s.severity == "high"]):
            found += grave
            settings.append(written)
        if not name.endswith(".EnvironmentFile"):
            continue
        file = setting.lstrip("-")
        grave = [(short(file), s) for s in of_file(file, "linux") if s.severity == "high"]
        if grave and not file.startswith(("/etc/", "/run/")):
            found += grave
            settings.append(f"EnvironmentFile={setting}")
    return found, libraries, "; ".join(settings)


def _bound(setting: str) -> list[tuple[str, Suspicion]]:
    """Return the suspicions of files that are put over places of programs, libraries or settings."""
    found = []
    for source, _, rest in (part.lstrip("-").partition(":") for part in setting.split()):
        over = rest.partition(":")[0]
        if over and may_be_packaged(over) and any(s.severity == "high" for s in of_file(f"{source}/x", "linux")):
            found.append((short(source), Suspicion("high", f"is put over {short(over)}, from a folder where none is installed")))
    return found


JUDGE = RowJudge(NoOptions, judge)
