r"""Winlogon: programs and libraries that Windows loads when a user logs on, from `…\Windows NT\CurrentVersion\Winlogon`."""

from __future__ import annotations

from collections.abc import Iterator

from commodore.artefact import Artefact, Problem, Record
from commodore.containers.registry import Keys, RegistryView
from commodore.host import Host
from commodore.readers.hives import fields
from commodore.readers.hives.patterns import FoundKey
from scout.formats.regf import Value

_CURRENT = "Software\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon"
KEYS = Keys(_CURRENT, f"{_CURRENT}\\Notify\\*", "Software\\Microsoft\\Windows\\CurrentVersion\\Policies\\System")

ARTEFACT = Artefact(
    name="winlogon",
    title="Winlogon",
    about="Programs and libraries that Windows starts when a user logs on: Userinit, Shell, Taskman, mpnotify, GinaDLL, VmApplet, System, "
    "UIHost, notification packages. Each value has a known default. Userinit and Shell are lists with commas, to which an attacker adds an "
    "element.",
    holds=KEYS,
    targets=("WR01", "WR03", "WR04"),
    needs=("profiles", "users", "system_root"),
    fields=(*fields.REGISTRY_FIELDS, "process.command_line", "process.executable", "process.name", "user.name", "user.id"),
    times=fields.TIMES,
    kind="state",
    category=("registry", "configuration"),
    type=("info",),
    action="registry-winlogon-value-observed",
    attack=("T1547.004",),
    message="The Winlogon value {registry.path!q} [is `{process.command_line}`|holds no command ({registry.data.type})].",
    sources=(*fields.SOURCES, "Winlogon and Winlogon Notification Packages, Microsoft Win32 documentation"),
)

_WINLOGON = frozenset(
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
_VALUES = {
    "winlogon": _WINLOGON,
    "notify": frozenset({"dllname", "logon", "logoff", "startup", "shutdown"}),
    "system": frozenset({"shell"}),  # replaces the user's shell
}


def parse(hive: RegistryView, host: Host) -> Iterator[Record | Problem]:
    """Yield one record per value."""

    def setting(found: FoundKey, value: Value) -> Iterator[Record]:
        kind = "notify" if "\\notify\\" in found.path.lower() else found.path.rpartition("\\")[2].lower()
        if value.name.lower() in _VALUES[kind]:
            yield _single(hive.command(found.key, value, host))

    return hive.each_value(setting)


def _single(record: Record) -> Record:
    """Remove the program where the value is a list of several."""
    if "," in record.fields.get("process.command_line", "").strip(", "):
        record.fields.pop("process.executable", None)
        record.fields.pop("process.name", None)
    return record
