r"""Office MRU: documents and folders that a user opened in Office, each with its own time."""

from __future__ import annotations

import re

from commodore.registry import At, Made, Problem, each_value, registry_artefact
from commodore.registry.mru import MRU_FIELDS, placed
from scout.formats.regf import Value
from scout.formats.regf.data import filetime

_ITEM = re.compile(
    r"(?:\[F(?P<flags>[0-9A-Fa-f]{8})\])(?:\[T(?P<time>[0-9A-Fa-f]{16})\])?(?:\[[A-Z][0-9A-Fa-f]*\])*\*(?P<path>.+)", re.DOTALL
)
_NUMBER = re.compile(r"(?i)(?:item |file)(\d+)")


def _entry(at: At, value: Value) -> Made:
    number, found = _NUMBER.fullmatch(value.name), _ITEM.fullmatch(value.text)
    if number is None or not value.text:
        return None
    if found is None and value.text.startswith("["):
        return [Problem(f"document of an unknown form: {value.text[:80]}", value.name, lost=1)]
    program = next((name for name in at.parts[4:] if name.lower() != "user mru"), "")
    made = placed(at, int(number[1]) - 1 if value.name.lower().startswith("file") else None) | {
        "escadre.mru.position": int(number[1]) - 1,
        "process.name": program,
        "file.type": "dir" if at.parts[-1].lower() == "place mru" else "file",
        "file.path": found["path"] if found else value.text,
    }
    when = filetime(int(found["time"], 16)) if found and found["time"] else ""
    return made | ({"@timestamp": when} if when else {})


_OFFICE = r"Software\Microsoft\Office\*\*"

ARTEFACT, parse, expected = registry_artefact(
    name="office_mru",
    title="Documents opened in Office",
    about="Documents (File MRU) and folders (Place MRU) that a user opened in Word, Excel and other programs of Office, in the order "
    "of use. From Office 2010 on each entry has the time at which it was opened last; also by accounts that sign in to Office (User "
    "MRU). Of Office 97 to 2003 the lists of Excel, PowerPoint and their like (Recent Files, Recent File List); Word keeps its own in a "
    "form that is not published.",
    proves_not="That the document is still there, was changed, or that its macros ran.",
    keys=(
        *(f"{_OFFICE}{user}\\{kind} MRU" for user in ("", "\\User MRU\\*") for kind in ("File", "Place")),
        *(f"{_OFFICE}\\{old}" for old in ("Recent Files", "Recent File List")),
    ),
    read=each_value(_entry, names=("Item *", "File*")),
    fields=(*MRU_FIELDS, "process.name", "file.path", "file.type"),
    times={
        "@timestamp": "last opening of the document by its entry (T); absent where the entry has none (Office 2007); of the first entry of "
        "Office 97 to 2003 the last write of the key"
    },
    category=("file",),
    type=("access",),
    action="recent-item-observed",
    attack=("T1204.002",),
    message="[{user.name}|The user] opened {file.path!q} in {process.name}[, last at {@timestamp}].",
    sources=("Office most recently used keys, libyal winreg-kb",),
    version=2,
)
