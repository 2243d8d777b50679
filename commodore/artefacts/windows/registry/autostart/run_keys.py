r"""Run keys: commands that Windows starts at logon, from `…\CurrentVersion\Run` and the keys beside it, in machine and user hives."""

from __future__ import annotations

from commodore.registry import COMMAND_FIELDS, commands, each_value, registry_artefact

_NAMES = ("Run", "RunOnce", "RunOnce\\Setup", "RunOnceEx\\**", "RunEx\\**", "RunServices", "RunServicesOnce", "Policies\\Explorer\\Run")
_PARENTS = (
    "Software\\Microsoft\\Windows\\CurrentVersion",
    # what a program set while a terminal server was in install mode, copied to each user
    "Software\\Microsoft\\Windows NT\\CurrentVersion\\Terminal Server\\Install\\Software\\Microsoft\\Windows\\CurrentVersion",
)

ARTEFACT, parse, expected = registry_artefact(
    name="run_keys",
    title="Run keys",
    about="Commands that Windows starts at logon or start-up: Run, RunOnce, RunOnceEx, RunEx, RunServices, policy Run, and their copies "
    "for Wow6432Node and Terminal Server. Proves that the command was registered.",
    proves_not="That the command ran, or that this value was set at the time shown: all values of a key share one time.",
    keys=tuple(f"{parent}\\{name}" for parent in _PARENTS for name in _NAMES),
    read=each_value(commands(), data=True, counted=True),
    fields=COMMAND_FIELDS,
    needs=("system_root",),
    category=("registry", "configuration"),
    action="registry-run-key-observed",
    attack=("T1547.001",),
    message="The run key value {registry.path!q} [starts `{process.command_line}`|holds no command ({registry.data.type})].",
    version=2,
    sources=("Run and RunOnce Registry Keys, Microsoft Win32 documentation", "RunOnceEx Registry Key, Microsoft KB 310593"),
)
