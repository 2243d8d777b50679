r"""The Windows key of Windows NT: AppInit DLLs, and programs that load with a user's session (Load, Run)."""

from __future__ import annotations

from commodore.registry import COMMAND_FIELDS, commands, each_value, registry_artefact

ARTEFACT, parse, expected = registry_artefact(
    name="windows_load",
    title="AppInit DLLs, Load and Run",
    about="AppInit_DLLs: libraries that Windows loads into every program with a window, if LoadAppInit_DLLs is 1. Load and Run: "
    "programs that start when a user logs on. IconServiceLib: a library that winlogon loads. All are empty or absent on most hosts.",
    proves_not="That a library was loaded: with Secure Boot Windows ignores AppInit_DLLs.",
    keys=(r"Software\Microsoft\Windows NT\CurrentVersion\Windows",),
    read=each_value(
        commands(), names=("AppInit_DLLs", "LoadAppInit_DLLs", "RequireSignedAppInit_DLLs", "Load", "Run", "IconServiceLib"), data=True
    ),
    fields=COMMAND_FIELDS,
    needs=("system_root",),
    category=("registry", "configuration"),
    action="registry-autostart-observed",
    attack=("T1546.010", "T1547.001"),
    message="The value {registry.path!q} is [{registry.data.strings!q}|empty].",
    sources=("AppInit DLLs and Secure Boot, Microsoft Learn", "Load and Run values of the Windows key, Microsoft KB 179365"),
)
