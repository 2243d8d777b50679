r"""MuiCache: programs whose name in the user's language Explorer looked up."""

from __future__ import annotations

from typing import Any

from commodore.registry import At, each_value, registry_artefact
from scout.formats.regf import Value

_ENDINGS = {".friendlyappname": "file.pe.description", ".applicationcompany": "file.pe.company"}


def _program(at: At, value: Value) -> dict[str, Any] | None:
    name, text = value.name, value.text
    if "\\" not in name or name.startswith("@"):
        return None
    low = name.lower()
    ending, field = next(((e, f) for e, f in _ENDINGS.items() if low.endswith(e)), ("", "file.pe.description"))
    path = name[: len(name) - len(ending)]
    return {"escadre.execution.program": path, field: text or None} | at.program(path)


ARTEFACT, parse, expected = registry_artefact(
    name="mui_cache",
    title="MuiCache",
    about="Programs that Explorer started or showed for a user, with the description and the company that the file itself gives. Stays "
    "when the file is gone. A program that gives the name of another one shows here.",
    proves_not="That the program ran, or when: Explorer also reads the name of a program that it only shows, and no entry has a time.",
    keys=(r"Software\Classes\Local Settings\Software\Microsoft\Windows\Shell\MuiCache", r"Software\Microsoft\Windows\ShellNoRoam\MUICache"),
    read=each_value(_program),
    fields=("escadre.execution.program", "process.executable", "process.name", "file.pe.description", "file.pe.company"),
    times={"@timestamp": "last write of the key: when an entry, not necessarily this one, was added"},
    category=("process",),
    action="program-presence-observed",
    message="Explorer knew {escadre.execution.program!q}[ as {file.pe.description!q}][ of the company {file.pe.company!q}].",
    sources=("MUICache key, libyal winreg-kb; Forensic notes of NirSoft MUICacheView",),
)
