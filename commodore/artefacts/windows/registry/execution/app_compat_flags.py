r"""AppCompatFlags: programs that the compatibility assistant watched, and compatibility modes set for programs."""

from __future__ import annotations

from typing import Any

from commodore.registry import At, each_value, registry_artefact
from scout.formats.regf import Value

_PARENT = r"Software\Microsoft\Windows NT\CurrentVersion\AppCompatFlags"


def _program(at: At, value: Value) -> dict[str, Any] | None:
    path = value.name.removeprefix("SIGN.MEDIA=").strip()
    if "\\" not in path and ":" not in path:
        return None
    made = {"escadre.execution.program": value.name} | at.program(path)
    return made | ({"escadre.settings": [f"Layers={value.text}"]} if at.parts[-1].lower() == "layers" and value.text else {})


ARTEFACT, parse, expected = registry_artefact(
    name="app_compat_flags",
    title="Compatibility assistant and compatibility modes",
    about="Programs of which the compatibility assistant took note when they ran or installed something (Store, Persisted), and "
    "programs with a compatibility mode (Layers), such as RUNASADMIN. Many are installers and tools from the Downloads folder.",
    proves_not="When a program ran: all entries of a key share its time. A mode in Layers can be set without a run.",
    keys=(f"{_PARENT}\\Compatibility Assistant\\Store", f"{_PARENT}\\Compatibility Assistant\\Persisted", f"{_PARENT}\\Layers"),
    read=each_value(_program),
    fields=("escadre.execution.program", "escadre.settings", "process.executable", "process.name"),
    category=("process",),
    action="program-presence-observed",
    attack=("T1546.011",),
    message="The compatibility assistant knows {escadre.execution.program!q}[ ({escadre.settings})].",
    sources=("Program Compatibility Assistant, Microsoft Learn", "AppCompatFlags keys, libyal winreg-kb"),
)
