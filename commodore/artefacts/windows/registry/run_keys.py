r"""Run keys: commands that Windows starts at logon, from `…\CurrentVersion\Run` and its relatives in machine and user hives."""

from __future__ import annotations

from collections.abc import Iterator

from commodore.artefact import Artefact, Problem, Record
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers import hives
from scout.formats.regf import Hive, Key

ARTEFACT = Artefact(
    name="run_keys",
    title="Run keys",
    about="Commands that Windows starts at logon or start-up: Run, RunOnce, RunOnceEx, RunEx, RunServices, policy Run and their "
    "Wow6432Node and Terminal Server copies. "
    "Proves that the command was registered, not that it ran; the time is the key's, which all its values share.",
    match=(*hives.SOFTWARE, *hives.USERS),
    magic=hives.MAGIC,
    targets=("WR01", "WR03", "WR04"),
    group=hives.GROUP,
    needs=("profiles", "users", "system_root"),
    fields=(*hives.REGISTRY_FIELDS, "process.command_line", "process.executable", "process.name", "user.name", "user.id"),
    times=hives.TIMES,
    kind="state",
    category=("registry", "configuration"),
    type=("info",),
    action="registry-run-key-observed",
    attack=("T1547.001",),
    message="The run key value {registry.path!q} [starts `{process.command_line}`|holds no command ({registry.data.type})].",
    sources=(*hives.SOURCES, "Run and RunOnce Registry Keys, Microsoft Win32 documentation", "RunOnceEx Registry Key, Microsoft KB 310593"),
)

_PARENTS = ("Microsoft\\Windows\\CurrentVersion", "Wow6432Node\\Microsoft\\Windows\\CurrentVersion")
_SHADOW = "\\Terminal Server\\Install\\Software\\Microsoft\\Windows\\CurrentVersion"
"""below `Windows NT\\CurrentVersion`: what a program set while a terminal server was in install mode, copied to each user"""
_KEYS = ("Run", "RunOnce", "RunOnce\\Setup", "RunOnceEx", "RunEx", "RunServices", "RunServicesOnce", "Policies\\Explorer\\Run")
_WITH_SECTIONS = ("RunOnceEx", "RunEx")


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:
    """One record per value."""
    return hives.read(evidence, host, lambda hive, at: _records(hive, at, host))


def _records(hive: Hive, at: hives.Mount, host: Host) -> Iterator[Record]:
    for path in _paths():
        key = hive.find(path)
        if key is not None:
            yield from _values(key, at, host, sections=path.endswith(_WITH_SECTIONS))


def _paths() -> Iterator[str]:
    """Below the root of hives.SOFTWARE, and below `Software` of a user's hive."""
    for software in ("", "Software\\"):
        parents = [software + parent for parent in _PARENTS]
        parents += [parent.replace("Windows\\", "Windows NT\\") + _SHADOW for parent in parents]
        for parent in parents:
            yield from (f"{parent}\\{name}" for name in _KEYS)


def _values(key: Key, at: hives.Mount, host: Host, *, sections: bool) -> Iterator[Record]:
    """Values of a key; where it has sections, those of their keys and of `Depend` below them too."""
    for value in key.values():
        yield Record(hives.locator(key, value), hives.command_value_fields(at, key, value, host), hives.state(value))
    if sections and key.path.count("\\") < 12:
        for section in key.subkeys():
            yield from _values(section, at, host, sections=True)


def expected(evidence: Evidence) -> int | None:
    """Values that the keys say they have."""
    return hives.promised(evidence, lambda hive: sum(_promised(hive, path) for path in _paths()))


def _promised(hive: Hive, path: str) -> int:
    key = hive.find(path)
    stack = [key] if key else []
    total = 0
    while stack:
        key = stack.pop()
        total += key.value_count
        if path.endswith(_WITH_SECTIONS) and key.path.count("\\") < 12:
            stack.extend(key.subkeys())
    return total
