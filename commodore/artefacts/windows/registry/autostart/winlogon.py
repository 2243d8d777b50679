r"""Winlogon: programs and libraries that Windows loads when a user logs on, from `…\Windows NT\CurrentVersion\Winlogon`."""

from __future__ import annotations

from typing import Any

from commodore.registry import COMMAND_FIELDS, At, each_value, registry_artefact
from scout.formats.regf import Value

_CURRENT = "Software\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon"
_WINLOGON = (
    *("userinit", "shell", "taskman", "mpnotify", "ginadll", "vmapplet", "system", "uihost", "savedumpstart", "appsetup"),
    *("leasetimeoutshell", "alternateshells", "servicecontrollerstart", "lsastart"),
)
_VALUES = {
    "winlogon": _WINLOGON,
    "notify": ("dllname", "logon", "logoff", "startup", "shutdown"),
    "system": ("shell",),  # replaces the user's shell
}


def _setting(at: At, value: Value) -> dict[str, Any] | None:
    kind = "notify" if "\\notify\\" in at.found.path.lower() else at.parts[-1].lower()
    if value.name.lower() not in _VALUES[kind]:
        return None
    made = at.command(value.text)
    if "," in value.text.strip(", "):  # a list of several programs
        return {name: made[name] for name in made if name == "process.command_line"}
    return made


ARTEFACT, parse, expected = registry_artefact(
    name="winlogon",
    title="Winlogon",
    about="Programs and libraries that Windows starts when a user logs on: Userinit, Shell, Taskman, mpnotify, GinaDLL, VmApplet, System, "
    "UIHost, notification packages. Each value has a known default. Userinit and Shell are lists with commas, to which an attacker adds an "
    "element.",
    proves_not="That the program ran, or who changed the value and when: policy and set-up write this key too.",
    keys=(_CURRENT, f"{_CURRENT}\\Notify\\*", "Software\\Microsoft\\Windows\\CurrentVersion\\Policies\\System"),
    read=each_value(_setting, names=tuple(name for names in _VALUES.values() for name in names), data=True),
    fields=COMMAND_FIELDS,
    needs=("system_root",),
    category=("registry", "configuration"),
    action="registry-winlogon-value-observed",
    attack=("T1547.004",),
    message="The Winlogon value {registry.path!q} [is `{process.command_line}`|holds no command ({registry.data.type})].",
    version=2,
    sources=("Winlogon and Winlogon Notification Packages, Microsoft Win32 documentation",),
)
