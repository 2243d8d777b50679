"""Functions that the judges of Windows rows share: command lines and their files, registry values and services as targets."""

from __future__ import annotations

import ntpath
import re

from commodore.finding import FindingTarget, finding_target
from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED
from commodore.persistence.judging import RowText
from commodore.persistence.suspicion import Suspicion, is_interpreter, of_command, of_file
from commodore.sentence import short
from scout.formats import commandline

_NAMED = re.compile(
    r"(?i)(?:(?<![a-z])[a-z]:|(?<![\\\w:])\\\\[\w.-]+)[\\/][^\"'<>|*?;,\r\n]{1,250}?\.(?:exe|dll|scr|com|pif|bat|cmd|ps1|psm1|vbs|vbe|js|jse|wsf|wsh|hta|cpl|chm|lnk|jar|py|sct|msi|inf|ahk|a3x)"
    r"(?![\w.])"
)
"""Absolute paths of programs and scripts anywhere in a command line."""
_SHELLS = ("cmd", "powershell", "pwsh", "reg", "net", "sc", "schtasks")
"""Interpreters whose arguments name files that they need not start"""
_SHORT = {
    "progra~1": "Program Files",
    "progra~2": "Program Files (x86)",
    "progra~3": "ProgramData",
    "docume~1": "Documents and Settings",
    "locals~1": "Local Settings",
}
"""Short names that Windows gives to folders of its own"""
_FILE_ADDRESS = re.compile(r"(?i)\Afile:/{2,3}(?=[a-z]:)")
_LIBRARY = re.compile(r"(?i)\.(?:dll|ax|cpl|drv|ocx|sys|tsp)\Z")
_OF_WINDOWS = re.compile(r"(?i)[a-z]:\\(?:windows|winnt)\\")


def examine(line: str, entry: AutostartEntry, *, relative: bool = False) -> tuple[list[tuple[str, Suspicion]], list[str]]:
    """Return the (subject, suspicion) pairs of a command line and of the files that it starts, and those files without interpreters.

    `relative`: the line may begin with a path that is completed elsewhere; file names without a folder are not judged.
    """
    env = _environment(entry)
    target = commandline.parse_windows(line, system_root=entry.system_root, env=env)
    files = list(dict.fromkeys(plain(f) for f in target.files if f))
    found = [("it", s) for s in of_command(line, "windows")]
    program = re.split(r"[\\/]", target.executable)[-1].lower().removesuffix(".exe")
    named = "high" if is_interpreter(target.executable, "windows") and program not in _SHELLS else "medium"
    whole = commandline.expand_windows(line[: commandline.LONGEST], entry.system_root, env)
    for path in {plain(p.replace("/", "\\")): None for p in _NAMED.findall(whole)}:
        if path not in files:  # an argument, or a command after `&`: not what starts first
            severity = "medium" if path.lower().endswith(".lnk") else named
            found += [(short(path), Suspicion(severity, s.words)) for s in of_file(path, "windows") if s.severity == "high"]
    for path in files:
        if "\\" in path or not relative:
            found += [(short(path), s) for s in entry.of_file(path, "windows") if "\\" in path or not s.words.startswith("is a script")]
    payload = [f for f in files if re.match(r"(?i)[a-z]:\\|\\\\", f) and not is_interpreter(f, "windows")]
    return found, list(dict.fromkeys(payload))


def vouched(entry: AutostartEntry, payload: list[str]) -> str:
    r"""Return the clause that speaks for all files that an entry loads, or ''. A program of Windows itself may be abused by arguments."""
    words = [entry.context.files.of(path).signed for path in payload if _LIBRARY.search(path) or not _OF_WINDOWS.match(path)]
    return words[0] if words and len(words) == len(payload) and all(words) else ""


def unexpected(row: RowText, entry: AutostartEntry, payload: list[str]) -> tuple[str, str]:
    """Return (severity, phrase) of files that a row does not expect: none of either where a vendor's signature vouches for all of them."""
    good = vouched(entry, payload)
    return (EXPECTED[0], f"not among the usual ones, but it {good}") if good else (row.severity, "not among the expected ones")


def plain(path: str) -> str:
    r"""Return an absolute path without `.`, `..`, doubled and wrong separators, and with the long names of folders of Windows.

    The address of a local file (`file:///C:/x.dll`) is its path.
    """
    path = _FILE_ADDRESS.sub("", path, count=1)
    if not re.match(r"(?i)[a-z]:[\\/]", path):
        return path
    path = path.replace("/", "\\")
    if "~" in path:
        path = "\\".join(_SHORT.get(part.lower(), part) for part in path.split("\\"))
    return ntpath.normpath(path) if re.search(r"\\\.{0,2}\\", path) else path


def _environment(entry: AutostartEntry) -> dict[str, str]:
    """Return the variables of the user whose hive or folder holds the entry, as far as they are known."""
    profiles = entry.host.profiles
    profile = profiles.get(entry.text("user.id")) or profiles.get(entry.text("user.name")) or ""
    if not profile:
        found = re.match(r"(?i)([a-z]:\\(?:users|documents and settings)\\[^\\]+)\\", entry.text("escadre.source"))
        profile = found.group(1) if found else "C:\\Users\\" + (entry.text("user.name") or "user")
    local = profile + "\\AppData\\Local"
    return {
        "USERPROFILE": profile,
        "APPDATA": profile + "\\AppData\\Roaming",
        "LOCALAPPDATA": local,
        "TEMP": local + "\\Temp",
        "TMP": local + "\\Temp",
    }


def registry_target(entry: AutostartEntry, payload: list[str]) -> FindingTarget:
    """Return a registry value without loss: key, name, data, type and original bytes."""
    get = entry.record.get
    return finding_target(
        path=get("registry.path"),
        hive=get("registry.hive"),
        key=get("registry.key"),
        name=get("registry.value"),
        data=get("registry.data.strings"),
        data_type=get("registry.data.type"),
        data_bytes=get("registry.data.bytes"),
        hive_file=get("escadre.source"),
        written=get("escadre.registry.last_written"),
        payload=payload,
    )


def service_target(entry: AutostartEntry, value: str, data: str, payload: list[str]) -> FindingTarget:
    """Return a service and, without loss, that value of it which names the program or library."""
    get = entry.record.get
    values = get("escadre.service.values") or {}
    return finding_target(
        path=get("registry.path"),
        hive=get("registry.hive"),
        key=get("registry.key"),
        name=get("service.name"),
        value=value,
        data=data,
        **{k: values[f"{value}.{k}"] for k in ("data_type", "data_bytes", "value_key") if f"{value}.{k}" in values},
        start=get("escadre.service.start"),
        account=entry.setting("ObjectName"),
        control_set=get("escadre.registry.control_set"),
        hive_file=get("escadre.source"),
        written=get("escadre.registry.last_written"),
        payload=payload,
    )


def wmi_target(entry: AutostartEntry, payload: list[str]) -> FindingTarget:
    """Return an object of WMI: its namespace, class and path with keys, and for a consumer the bindings and filters that lead to it."""
    get = entry.record.get
    return finding_target(
        path=get("escadre.wmi.path"),
        name=entry.setting("Name") or get("escadre.wmi.class"),
        namespace=get("escadre.wmi.namespace"),
        wmi_class=get("escadre.wmi.class"),
        bindings=get("escadre.wmi.bindings"),
        filters=get("escadre.wmi.filters"),
        payload=payload,
    )
