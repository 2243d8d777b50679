r"""RunMRU: commands that a user typed into the Run window."""

from __future__ import annotations

from commodore.readers.hives.secrets import without_password
from commodore.registry import COMMAND_FIELDS, registry_artefact
from commodore.registry.mru import MRU_TIMES, mru

ARTEFACT, parse, expected = registry_artefact(
    name="run_mru",
    title="Commands typed into the Run window",
    about="Commands that a user typed into, or chose in, the Run window of the Start menu, in the order of use. An intruder at the desktop "
    "uses it, and so does the user who is asked to paste a command there.",
    proves_not="That the command succeeded, or when any command but the first was given.",
    keys=(r"Software\Microsoft\Windows\CurrentVersion\Explorer\RunMRU",),
    read=mru(lambda at, value: at.command(without_password(value.text.removesuffix("\\1"))) or None),
    fields=COMMAND_FIELDS,
    needs=("system_root",),
    times=MRU_TIMES,
    category=("process",),
    type=("start",),
    action="recent-item-observed",
    attack=("T1204", "T1059"),
    message="[{user.name}|The user] gave the command `{process.command_line}` to the Run window[, at {@timestamp}].",
    sources=("Most recently used keys, libyal winreg-kb",),
    version=2,
)
