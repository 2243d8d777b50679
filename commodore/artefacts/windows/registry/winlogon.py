r"""Winlogon: programs and libraries that Windows loads when a user logs on, from `…\Windows NT\CurrentVersion\Winlogon`."""

from __future__ import annotations

from collections.abc import Iterator

from commodore.artefact import Artefact, Problem, Record
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers import hives
from scout.formats.regf import Hive, Key, Value

ARTEFACT = Artefact(
    name="winlogon",
    title="Winlogon",
    about="What Windows starts when a user logs on: Userinit, Shell, Taskman, mpnotify, GinaDLL, VmApplet, System, UIHost, "
    "notification packages. "
    "Each value has an expected content; Userinit and Shell are lists parted by commas, and one element more is how an intruder stays.",
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
    action="registry-winlogon-value-observed",
    attack=("T1547.004",),
    message="The Winlogon value {registry.path!q} [is `{process.command_line}`|holds no command ({registry.data.type})].",
    sources=(*hives.SOURCES, "Winlogon and Winlogon Notification Packages, Microsoft Win32 documentation"),
)

_KEYS = tuple(
    f"{software}{node}Microsoft\\Windows NT\\CurrentVersion\\Winlogon" for software in ("", "Software\\") for node in ("", "Wow6432Node\\")
)
_POLICY = tuple(f"{software}Microsoft\\Windows\\CurrentVersion\\Policies\\System" for software in ("", "Software\\"))
"""`Shell` there replaces the user's shell"""
_VALUES = frozenset(
    {
        "userinit",
        "shell",
        "taskman",
        "mpnotify",
        "ginadll",
        "vmapplet",
        "system",
        "uihost",
        "savedumpstart",
        "appsetup",
        "leasetimeoutshell",
        "alternateshells",
        "servicecontrollerstart",
        "lsastart",
    }
)
_NOTIFY = ("dllname", "logon", "logoff", "startup", "shutdown")


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:
    """One record per value."""
    return hives.read(evidence, host, lambda hive, at: _records(hive, at, host))


def _records(hive: Hive, at: hives.Mount, host: Host) -> Iterator[Record]:
    for path in _KEYS:
        key = hive.find(path)
        if key is None:
            continue
        yield from (_record(key, value, at, host) for value in key.values() if value.name.lower() in _VALUES)
        notify = key.subkey("Notify")
        for package in notify.subkeys() if notify else ():
            yield from (_record(package, value, at, host) for value in package.values() if value.name.lower() in _NOTIFY)
    for path in _POLICY:
        key = hive.find(path)
        shell = key.value("Shell") if key else None
        if key is not None and shell is not None:
            yield _record(key, shell, at, host)


def _record(key: Key, value: Value, at: hives.Mount, host: Host) -> Record:
    fields = hives.command_value_fields(at, key, value, host)
    if "," in fields.get("process.command_line", "").strip(", "):  # a list: no single program
        fields.pop("process.executable", None)
        fields.pop("process.name", None)
    return Record(hives.locator(key, value), fields, hives.state(value))
