"""Judges of the Linux rows."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any

from commodore.artefacts.linux.files.systemd_units import whose
from commodore.finding import FindingTarget, finding_target
from commodore.host import Host
from commodore.persistence.suspicion import Suspicion, is_interpreter, of_command, of_file
from commodore.persistence.table import Mechanism
from commodore.persistence.verdict import Verdict, lower, matched, short, worst
from commodore.readers import commandline

_PACKAGED = re.compile(r"/(?:usr/)?lib/systemd/")
_LOADS = ("LD_PRELOAD", "LD_AUDIT")
"""variables whose value is a list of libraries, parted by blanks or colons: ld.so(8)"""
_PREFIX = re.compile(r"\A(Exec\w+)=[@\-:+!|]*\s*(.*)\Z", re.DOTALL)
_SERVICE_HOME = re.compile(r"/(?:var|srv|opt|usr|bin|sbin|nonexistent|run|dev|tmp)(?:/|\Z)")


def cron(m: Mechanism, record: dict[str, Any], host: Host) -> Verdict | None:
    """One entry of a crontab."""
    line = record.get("process.command_line", "")
    user = record.get("user.name", "")
    found, payload = examine(line, user, host)
    if record.get("escadre.cron.input"):
        more, files = examine(record["escadre.cron.input"], user, host)
        found, payload = found + more, list(dict.fromkeys(payload + files))
    for assignment in record.get("process.env_vars") or []:
        if assignment.startswith("LD_PRELOAD="):
            found.append(("the table", Suspicion("high", "puts a library into the programs it starts")))
        if assignment.startswith("PATH="):
            found += [("the table", s) for s in of_command(assignment, "linux")]
        if assignment.startswith("SHELL="):
            found += [("its shell", s) for s in of_file(assignment[6:], "linux")]
    if record.get("escadre.line_hidden"):
        found.append(("the line", Suspicion("high", "has control characters that hide part of it on a terminal")))
    name = str(record.get("file.path", "")).rsplit("/", 1)[-1]
    if name.startswith(".") and name != ".placeholder":
        found.append((f"the file {name}", Suspicion("high", "is hidden")))
    judged = worst(found)
    if judged is None:
        return None
    severity, words = judged
    when = f"{record.get('escadre.cron.schedule', '?')}, {record.get('file.path')}"
    reason = f"Cron runs `{short(line)}` as {user or '?'} ({when}): {words}; expected: {m.expected}."
    return Verdict(
        severity,
        reason,
        matched(record, "file.path", "process.command_line", "escadre.line"),
        {**line_target(record, name, payload), "data": line},
    )


def unit(m: Mechanism, record: dict[str, Any], host: Host) -> Verdict | None:
    """A unit file or drop-in: every command that it would run."""
    path = record.get("file.path", "")
    user = record.get("user.name", "")
    found: list[tuple[str, Suspicion]] = []
    payload: list[str] = []
    for command in record.get("escadre.systemd.exec") or []:
        parts = _PREFIX.match(command)
        more, files = examine(parts.group(2) if parts else command, user, host)
        if user not in ("", "root") or record.get("escadre.scope") == "user":  # a user's own files are his to start
            more = [(subject, s) for subject, s in more if s.severity != "medium"]
        found += more
        payload += files
    more, libraries, settings = _environment(record, path)
    found += more
    payload += libraries
    if re.search(r"/\.[^/]*\Z", path):
        found.append((path, Suspicion("high", "is hidden")))
    judged = worst(found)
    if judged is None:
        return None
    severity, words = judged
    command = record.get("process.command_line") or "; ".join(record.get("escadre.systemd.exec") or [])
    name = record.get("service.name", "")
    drop_in = record.get("escadre.systemd.drop_in")
    what = f"Drop-in {drop_in} of {whose(name)}" if drop_in else f"systemd unit {name}"
    deeds = [f"{verb} `{short(text)}`" for verb, text in (("runs", command), ("sets", settings)) if text]
    does = " and ".join(deeds) or "is there"
    reason = f"{short(what)} ({path}) {does}: {words}; expected: {m.expected}."
    rests_on = ["file.path", "escadre.systemd.exec"]
    if settings:
        rests_on += ["process.env_vars", "escadre.settings"]
    target = finding_target(
        path=path,
        name=name,
        data=command or settings,
        scope=record.get("escadre.scope", ""),
        drop_in=drop_in,
        payload=list(dict.fromkeys(payload)),
    )
    return Verdict(severity, reason, matched(record, *rests_on), target)


def _environment(record: dict[str, Any], path: str) -> tuple[list[tuple[str, Suspicion]], list[str], str]:
    """What the environment that a unit or drop-in gives does: suspicions, libraries, the settings that they come from."""
    found: list[tuple[str, Suspicion]] = []
    libraries: list[str] = []
    settings: list[str] = []
    for assignment in record.get("process.env_vars") or []:
        name, _, value = assignment.partition("=")
        if name in _LOADS and not _PACKAGED.match(path):
            found.append(("it", Suspicion("high", "puts a library into the program that it starts")))
            libraries += [library for library in re.split(r"[\s:]+", value) if library.startswith("/")]
            settings.append(f"Environment={assignment}")
    for written in record.get("escadre.settings") or []:
        name, _, setting = written.partition("=")
        if not name.endswith(".EnvironmentFile"):
            continue
        file = setting.lstrip("-")
        grave = [(short(file), s) for s in of_file(file, "linux") if s.severity == "high"]
        if grave and not file.startswith("/etc/"):
            found += grave
            settings.append(f"EnvironmentFile={setting}")
    return found, libraries, "; ".join(settings)


def preload(m: Mechanism, record: dict[str, Any], host: Host) -> Verdict | None:  # noqa: ARG001
    """An entry of ld.so.preload: not expected at all; a known library of a distribution weighs less."""
    path = record["dll.path"]
    bad = worst([(path, s) for s in of_file(path, "linux")], "high")
    known = any(fnmatchcase(path, p) for p in m.options["known"])
    severity = "critical" if bad else "medium" if known else "high"
    words = f"; {bad[1]}" if bad else ""
    reason = f"{record.get('file.path')} puts {short(path)} into every program{words}; expected: {m.expected}."
    return Verdict(
        severity,
        reason,
        matched(record, "file.path", "dll.path", "escadre.line"),
        {**line_target(record, path, [path] if path.startswith("/") else []), "data": path},
    )


def ssh_key(m: Mechanism, record: dict[str, Any], host: Host) -> Verdict | None:
    """A key that may log in. Only the site knows which are right: each is a finding, as grave as what it opens and how."""
    user, path = record.get("user.name", ""), record.get("file.path", "")
    forced = record.get("process.command_line", "")
    options = " ".join(record.get("escadre.settings") or []).lower()
    found = [("its forced command", s) for s in of_command(forced, "linux")] if forced else []
    for file in commandline.parse_posix(forced).files if forced else ():
        found += [(short(file), s) for s in of_file(file, "linux") if s.severity == "high"]
    if any(e.startswith(("LD_PRELOAD=", "LD_LIBRARY_PATH=")) for e in record.get("process.env_vars") or []):
        found.append(("its environment", Suspicion("high", "loads a library into the session")))
    if record.get("escadre.line_hidden"):
        found.append(("the line", Suspicion("high", "has control characters that hide part of it on a terminal")))
    severity, words = worst(found, "high") or _by_account(m, user, path, host, forced, options)
    key = f"{record.get('escadre.ssh.fingerprint', '?')} ({short(record.get('escadre.ssh.comment', '') or 'no comment', 60)})"
    reason = f"The key {key} may log in as {user or '?'} ({path}): {words}; expected: {m.expected}."
    name = record.get("escadre.ssh.fingerprint") or record.get("escadre.ssh.comment") or ""
    target = line_target(
        record,
        name,
        [f for f in commandline.parse_posix(forced).files if f.startswith("/") and not is_interpreter(f, "linux")] if forced else [],
    )
    return Verdict(severity, reason, matched(record, "file.path", "escadre.ssh.fingerprint", "escadre.ssh.comment", "escadre.line"), target)


def _by_account(m: Mechanism, user: str, path: str, host: Host, forced: str, options: str) -> tuple[str, str]:
    """Severity by whom the key opens, and how bound it is."""
    restricted = bool(forced) and any(fnmatchcase(forced.lower(), p) for p in m.options["restricted"])
    bound = "from=" in options or restricted
    home = path.split("/.ssh/")[0] if "/.ssh/" in path else host.profiles.get(user, "")
    if (user == "root" or home == "/root") and not bound:
        return "high", "it opens root from anywhere"
    if (
        _SERVICE_HOME.match(home)
        and user not in ("git", "gitea", "gitlab", "borg", "backup", "postgres", "ansible", "nagios", "jenkins")
        and not bound
    ):
        return "high", f"{user or home} is no account that a person logs in with"
    uid = next((int(k) for k, v in host.users.items() if v == user and k.isdigit()), None)
    if uid is not None and 0 < uid < 1000 and not bound and not home.startswith("/home/"):
        return "high", f"{user} is a system account"
    if bound:
        return "low", "it is bound to an address or a harmless command"
    return "medium", "whether it belongs there only the site knows"


def examine(line: str, user: str, host: Host) -> tuple[list[tuple[str, Suspicion]], list[str]]:
    """(subject, suspicion) pairs of a shell command and of the files that it starts; and those files, interpreters left out."""
    home = host.profiles.get(user, "")
    target = commandline.parse_posix(line, home=home)
    found = [("it", s) for s in of_command(line, "linux")]
    files = [f for f in target.files if f.startswith("/")]
    for path in files:
        for s in of_file(path, "linux"):
            own = s.severity == "medium" and user not in ("", "root")
            found.append((short(path), Suspicion(lower(s.severity, "low"), s.words) if own else s))
    return found, [f for f in files if not (is_interpreter(f, "linux") and re.match(r"/(?:usr/)?(?:local/)?s?bin/", f))]


def line_target(record: dict[str, Any], name: str, payload: list[str]) -> FindingTarget:
    """One line of a text file, lossless."""
    return finding_target(
        path=record.get("file.path") or record.get("escadre.source"),
        name=name,
        line=record.get("escadre.line"),
        line_bytes=record.get("escadre.line_bytes"),
        line_number=record.get("escadre.line_number"),
        payload=payload,
    )
