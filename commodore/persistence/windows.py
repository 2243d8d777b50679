"""Judges of the Windows rows."""

from __future__ import annotations

import ntpath
import re
from typing import Any

from commodore.finding import FindingTarget, finding_target
from commodore.host import Host
from commodore.persistence.suspicion import Suspicion, is_interpreter, of_command, of_file
from commodore.persistence.table import Mechanism
from commodore.persistence.verdict import Verdict, lower, matched, short, worst
from commodore.readers import commandline

_ACCESSIBLE = re.compile(r"(?i)\.(?:exe|dll|scr|com|pif|bat|cmd|ps1|vbs|vbe|js|jse|wsf|wsh|hta|cpl|jar|py|sct)\Z")
_LINKS = re.compile(r"(?i)\.(?:lnk|url|pif|appref-ms)\Z")
_NAMED = re.compile(
    r"(?i)(?:(?<![a-z])[a-z]:|(?<![\\\w:])\\\\[\w.-]+)[\\/][^\"'<>|*?;,\r\n]{1,250}?\.(?:exe|dll|scr|com|pif|bat|cmd|ps1|vbs|vbe|js|jse|wsf|hta|cpl|chm|lnk|jar|py|sct|msi)"
    r"(?![\w.])"
)
"""absolute paths of programs and scripts anywhere in a command line"""
_BELOW_ROOT = re.compile(r"(?!\\|[A-Za-z]:)[^\\/:%\"\s]+\\")
"""a path that the service manager reads from the Windows folder on"""
_IN_ROOT = re.compile(r"(?i)[a-z]:\\(?:windows|winnt)\\(?!sysmon(?:64a?)?\.exe)[^\\]+\.exe")
_SHELLS = re.compile(r"(?i)(?:\A|[\\/])(?:cmd|powershell|pwsh|wscript|cscript|mshta|regsvr32)(?:\.exe)?\Z")
_OF_WINDOWS = re.compile(
    r"(?i)\A(?:[a-z]:\\windows\\|[a-z]:\\winnt\\|[a-z]:\\program files(?: \(x86\))?\\|[a-z]:\\programdata\\microsoft\\)"
)


def command(m: Mechanism, record: dict[str, Any], host: Host) -> Verdict | None:
    """A registry value whose data is a command line."""
    line = _line(record)
    found, payload = examine(line, record, host)
    judged = worst(found)
    if judged is None:
        return None
    severity, words = judged
    reason = f"{m.name} {short(record.get('registry.path', ''))} starts `{short(line)}`: {words}; expected: {m.expected}."
    return Verdict(severity, reason, matched(record, "registry.path", "process.command_line"), registry_target(record, payload))


def startup_file(m: Mechanism, record: dict[str, Any], host: Host) -> Verdict | None:
    """A file in a startup folder: programs and scripts are not expected, shortcuts are judged by what they start."""
    path = record.get("file.path") or record.get("escadre.source", "")
    name = re.split(r"[\\/]", path)[-1]
    if name.lower() in ("desktop.ini", ""):
        return None
    line = _line(record)
    found, payload = examine(line, record, host) if line else ([], [])
    found += [("its name", s) for s in of_file(name, "windows")]
    judged = worst(found)
    if _ACCESSIBLE.search(name):
        judged = ("high", f"{name} is a program or script, not a shortcut")
    elif judged is None and not _LINKS.search(name):
        judged = ("medium", f"{name} is neither a shortcut nor desktop.ini")
    elif judged is None and not line:
        judged = ("low", "what the shortcut opens is not known")
    if judged is None:
        return None
    severity, words = judged
    opens = f" and opens `{short(line)}`" if line else ""
    reason = f"{short(path)} is opened at each logon{opens}: {words}; expected: {m.expected}."
    return Verdict(
        severity,
        reason,
        matched(record, "file.path", "process.command_line", "file.target_path"),
        finding_target(path=path, name=name, payload=payload, data=line or None),
    )


def list_value(m: Mechanism, record: dict[str, Any], host: Host) -> Verdict | None:
    """A value that is a list parted by commas, of which the expected elements are known; every other one is guilty."""
    data = _line(record)
    user = record.get("registry.key", "").lower().startswith("software\\")  # so in a user's hive, whatever its file is called
    expected = m.options["user" if user else "machine"]
    root = (host.system_root or "C:\\Windows").lower()
    elements = [e.strip().strip('"').strip() for e in data.split(",")]
    guilty = [
        e
        for e in elements
        if e and commandline.expand_windows(e, root).lower().replace("c:\\windows", root, 1) not in _rooted(expected, root)
    ]
    if not guilty:
        return None
    payload = [p for e in guilty for p in examine(e, record, host)[1]]
    shown = ", ".join(f"`{short(e)}`" for e in guilty[:5])
    reason = f"{short(record.get('registry.path', ''))} has {shown} beside what is expected: {m.expected}."
    return Verdict(
        m.severity,
        reason,
        matched(record, "registry.path", "registry.data.strings"),
        {**registry_target(record, payload), "elements": guilty},
    )


def _rooted(expected: list[str], root: str) -> set[str]:
    return {e.replace("c:\\windows", root, 1) for e in expected} | set(expected)


def service(m: Mechanism, record: dict[str, Any], host: Host) -> Verdict | None:
    """The program of a service or driver; a disabled service weighs less."""
    line = record.get("process.command_line", "")
    root = host.system_root or "C:\\Windows"
    full = f"{root}\\{line}" if _BELOW_ROOT.match(line) else line
    found, payload = examine(full, record, host, relative=True)
    program = commandline.parse_windows(full, system_root=root).executable
    if _IN_ROOT.fullmatch(program):
        found.append((short(program), Suspicion("medium", "lies in the Windows folder itself, where remote control tools put theirs")))
    if _SHELLS.search(program):
        found.append(("it", Suspicion("medium", "runs a command interpreter, which is no service program")))
    judged = worst(found)
    if judged is None:
        return None
    severity, words = judged
    severity = lower(severity, "medium") if record.get("escadre.service.start") == "disabled" else severity
    name = f"{short(record.get('service.name', ''))} ({record.get('escadre.service.start', 'no start type')})"
    reason = f"Service {name} runs `{short(line)}`: {words}; expected: {m.expected}."
    return Verdict(
        severity,
        reason,
        matched(record, "service.name", "registry.path", "process.command_line"),
        service_target(record, "ImagePath", line, payload),
    )


def service_dll(m: Mechanism, record: dict[str, Any], host: Host) -> Verdict | None:
    """The library of a service in a shared host process."""
    raw = record["escadre.service.dll"]
    path = plain(commandline.expand_windows(raw, host.system_root or "C:\\Windows").strip().strip('"'))
    found = [(path, s) for s in of_file(path, "windows")]
    if not re.search(r"(?i)\.(?:dll|exe|cpl|ocx)\Z", path) and "\\" in path:
        found.append((path, Suspicion("high", "has not the name of a library")))
    if not _OF_WINDOWS.match(path) and path.lower() not in m.options["bare"]:
        words = "lies neither in Windows nor in the program folders" if "\\" in path else "is named without its folder"
        found.append((path, Suspicion("medium", words)))
    judged = worst(found)
    if judged is None:
        return None
    severity, words = judged
    reason = f"Service {short(record.get('service.name', ''))} loads `{short(raw)}`: {short(words, 300)}; expected: {m.expected}."
    return Verdict(
        severity,
        reason,
        matched(record, "service.name", "registry.path", "escadre.service.dll"),
        service_target(record, "ServiceDll", raw, [path]),
    )


def task(m: Mechanism, record: dict[str, Any], host: Host) -> Verdict | None:
    """The actions of a scheduled task; a disabled task weighs less."""
    lines = [str(line) for line in record.get("escadre.task.commands") or [_line(record)] if line]
    found: list[tuple[str, Suspicion]] = []
    payload: list[str] = []
    for line in lines:
        more, files = examine(line, record, host)
        found += more
        payload += files
    judged = worst(found)
    if judged is None:
        return None
    severity, words = judged
    name = str(record.get("escadre.task.path") or record.get("escadre.source", ""))
    if record.get("escadre.task.enabled") is False:
        severity = lower(severity, "medium")
    target = finding_target(
        path=record.get("file.path") or record.get("escadre.source", ""),
        name=name,
        data=lines,
        principal=_setting(record, "UserId") or _setting(record, "GroupId"),
        payload=list(dict.fromkeys(payload)),
    )
    reason = f"Scheduled task {short(name)} starts `{short('` and `'.join(lines), 300)}`: {words}; expected: {m.expected}."
    seen = matched(record, "escadre.task.path", "escadre.task.commands", "process.command_line")
    return Verdict(severity, reason, seen, target)


def debugger(m: Mechanism, record: dict[str, Any], host: Host) -> Verdict | None:
    """A program that is started in place of another one."""
    line = _line(record)
    image = str(record.get("escadre.ifeo.image") or "").lower()
    program = re.split(r"[\\/]", commandline.parse_windows(line).executable)[-1].lower()
    if not line.strip() or image in m.options["samples"]:
        return None
    found, payload = examine(line, record, host)
    judged = worst(found)
    if image in m.options["logon_screen"]:
        severity, words = "critical", f"{image} can be started before logon"
    elif judged:
        severity, words = judged
    elif program in m.options["debuggers"]:
        severity, words = "low", f"{program} is a debugger, which keeps {short(image)} from starting where nobody debugs it"
    else:
        severity, words = "high", f"{short(program)} is no debugger that is known"
    reason = f"Whenever {short(image)} is started, Windows starts `{short(line)}` instead: {words}; expected: {m.expected}."
    return Verdict(severity, reason, matched(record, "registry.path", "process.command_line"), registry_target(record, payload))


# --- shared


def examine(line: str, record: dict[str, Any], host: Host, *, relative: bool = False) -> tuple[list[tuple[str, Suspicion]], list[str]]:
    """(subject, suspicion) pairs of a command line and of the files that it starts; and those files, interpreters left out."""
    env = _environment(record, host)
    target = commandline.parse_windows(line, system_root=host.system_root or "C:\\Windows", env=env)
    files = list(dict.fromkeys(plain(f) for f in target.files if f))
    found = [("it", s) for s in of_command(line, "windows")]
    whole = commandline.expand_windows(line[: commandline.LONGEST], host.system_root or "C:\\Windows", env)
    for path in {plain(p.replace("/", "\\")): None for p in _NAMED.findall(whole)}:
        if path not in files:  # not what starts first: an argument, or behind an `&`
            found += [(short(path), Suspicion("medium", s.words)) for s in of_file(path, "windows") if s.severity == "high"]
    for path in files:
        if "\\" in path or not relative:
            found += [(short(path), s) for s in of_file(path, "windows") if "\\" in path or not s.words.startswith("is a script")]
    payload = [f for f in files if re.match(r"(?i)[a-z]:\\|\\\\", f) and not is_interpreter(f, "windows")]
    return found, list(dict.fromkeys(payload))


def plain(path: str) -> str:
    r"""An absolute path without `.`, `..` and doubled separators."""
    return ntpath.normpath(path) if re.match(r"(?i)[a-z]:\\", path) and re.search(r"\\\.{0,2}\\", path) else path


def _environment(record: dict[str, Any], host: Host) -> dict[str, str]:
    """Variables of the user whose hive or folder it is, as far as known."""
    profile = host.profiles.get(record.get("user.id", "")) or host.profiles.get(record.get("user.name", "")) or ""
    if not profile:
        found = re.match(r"(?i)([a-z]:\\(?:users|documents and settings)\\[^\\]+)\\", record.get("escadre.source", ""))
        profile = found.group(1) if found else "C:\\Users\\" + str(record.get("user.name") or "user")
    local = profile + "\\AppData\\Local"
    return {
        "USERPROFILE": profile,
        "APPDATA": profile + "\\AppData\\Roaming",
        "LOCALAPPDATA": local,
        "TEMP": local + "\\Temp",
        "TMP": local + "\\Temp",
    }


def _line(record: dict[str, Any]) -> str:
    line = record.get("process.command_line")
    if isinstance(line, str) and line:
        return line
    strings = record.get("registry.data.strings")
    if strings:
        return str(strings[0])
    parts = [record.get("process.executable") or "", *(record.get("process.args") or [])]
    return " ".join(str(p) for p in parts if p)


def registry_target(record: dict[str, Any], payload: list[str]) -> FindingTarget:
    """A value, lossless: key, name, data, type and original bytes."""
    return finding_target(
        path=record.get("registry.path"),
        hive=record.get("registry.hive"),
        key=record.get("registry.key"),
        name=record.get("registry.value"),
        data=record.get("registry.data.strings"),
        data_type=record.get("registry.data.type"),
        data_bytes=record.get("registry.data.bytes"),
        hive_file=record.get("escadre.source"),
        written=record.get("escadre.registry.last_written"),
        payload=payload,
    )


def service_target(record: dict[str, Any], value: str, data: str, payload: list[str]) -> FindingTarget:
    """A service as a whole, and the value that is guilty, lossless."""
    values = record.get("escadre.service.values") or {}
    return finding_target(
        path=record.get("registry.path"),
        hive=record.get("registry.hive"),
        key=record.get("registry.key"),
        name=record.get("service.name"),
        value=value,
        data=data,
        **{k: values[f"{value}.{k}"] for k in ("data_type", "data_bytes", "value_key") if f"{value}.{k}" in values},
        start=record.get("escadre.service.start"),
        account=_setting(record, "ObjectName"),
        control_set=record.get("escadre.service.control_set"),
        hive_file=record.get("escadre.source"),
        written=record.get("escadre.registry.last_written"),
        payload=payload,
    )


def _setting(record: dict[str, Any], name: str) -> str | None:
    """Return the value of a setting of the object, or None."""
    start = f"{name.lower()}="
    return next((text[len(start) :] for text in record.get("escadre.settings") or () if text.lower().startswith(start)), None)
