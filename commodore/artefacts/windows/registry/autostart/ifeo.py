"""Image file execution options: programs that Windows starts in place of, or after, another one."""

from __future__ import annotations

from typing import Any

from commodore.registry import COMMAND_FIELDS, At, commands, each_value, registry_artefact
from scout.formats.regf import Value

_PARENT = "Software\\Microsoft\\Windows NT\\CurrentVersion"


def _option(at: At, value: Value) -> dict[str, Any]:  # noqa: ARG001
    return {"escadre.ifeo.image": at.parts[5], "escadre.ifeo.filter": at.found.key.text("FilterFullPath") or None}


ARTEFACT, parse, expected = registry_artefact(
    name="ifeo",
    title="Image file execution options",
    about="Debugger: a program that Windows starts instead of the named image, for example instead of sethc.exe at the logon screen. "
    "VerifierDlls: libraries that are loaded into it. MonitorProcess below SilentProcessExit: a program that Windows starts when the image "
    "ends. Developers use them; on other machines none is expected.",
    proves_not="That the program ever started: Windows acts on the option only when the named image starts or ends.",
    keys=(
        f"{_PARENT}\\Image File Execution Options\\*",
        f"{_PARENT}\\Image File Execution Options\\*\\*",  # one key per filtered path, where UseFilter is set
        f"{_PARENT}\\SilentProcessExit\\*",
        f"{_PARENT}\\SilentProcessExit\\*\\*",
    ),
    read=each_value(commands(_option), names=("Debugger", "VerifierDlls", "MonitorProcess"), data=True),
    fields=("escadre.ifeo.image", "escadre.ifeo.filter", *COMMAND_FIELDS),
    needs=("system_root",),
    category=("registry", "configuration"),
    action="registry-image-option-observed",
    attack=("T1546.012",),
    message="The image option {registry.value!q} of {escadre.ifeo.image!q} [starts `{process.command_line}`|holds no command "
    "({registry.data.type})].",
    version=2,
    sources=("Image File Execution Options and Silent Process Exit, Microsoft Learn, GFlags",),
)
