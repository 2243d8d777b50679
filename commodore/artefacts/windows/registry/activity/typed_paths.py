r"""TypedPaths: paths that a user typed into the address bar of Explorer."""

from __future__ import annotations

from commodore.readers.hives.secrets import without_password
from commodore.registry import At, each_value, registry_artefact
from commodore.registry.mru import MRU_FIELDS, MRU_TIMES, placed
from scout.formats.regf import Value


def _entry(at: At, value: Value) -> dict[str, object] | None:
    number = value.name[3:]
    if not number.isdecimal() or not value.text:
        return None
    return placed(at, int(number) - 1) | {"file.path": without_password(value.text, typed=True)}


ARTEFACT, parse, expected = registry_artefact(
    name="typed_paths",
    title="Paths typed into Explorer",
    about="Paths, commands and addresses that a user typed or pasted into the address bar of Explorer, the last one first. A path that is "
    "typed is known to the user; shares and hidden folders are often reached so.",
    proves_not="That the path exists or could be opened, or when any but the first was typed.",
    keys=(r"Software\Microsoft\Windows\CurrentVersion\Explorer\TypedPaths",),
    read=each_value(_entry, names=("url*",)),
    fields=(*MRU_FIELDS, "file.path"),
    times=MRU_TIMES,
    category=("file",),
    type=("access",),
    action="recent-item-observed",
    attack=("T1083",),
    message="[{user.name}|The user] typed {file.path!q} into Explorer[, at {@timestamp}].",
    sources=("Explorer keys, libyal winreg-kb",),
    version=2,
)
