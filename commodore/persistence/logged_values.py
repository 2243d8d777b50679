r"""A registry value that an event names, as a record of the dataset that reads its key from hives.

    value_record("HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run\\x", "C:\\x.exe")

A path of an event begins at HKLM, HKU, `\REGISTRY\MACHINE` or `\REGISTRY\USER`. The name of a value may hold a backslash, which a path does
not show: it is taken for the text behind the last one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from commodore.persistence.places import ROWS_FIELD, VALUES_DATASET, key_matcher, rows_of_value
from commodore.persistence.table import all_places

_MACHINE = re.compile(r"(?i)(?:HKLM|HKEY_LOCAL_MACHINE|\\REGISTRY\\MACHINE)\\(SOFTWARE|SYSTEM|SAM|SECURITY)\\(.+)\Z", re.DOTALL)
_USER = re.compile(r"(?i)(?:HKU|HKEY_USERS|\\REGISTRY\\USER)\\([^\\]+)\\(.+)\Z", re.DOTALL)
_OWN = re.compile(r"(?i)(HKCU|HKEY_CURRENT_USER)\\(.+)\Z", re.DOTALL)
_CONTROL_SET = re.compile(r"(?i)\A(?:CurrentControlSet|ControlSet\d{3})(?=\\)")
_WOW64 = re.compile(r"(?i)(?<=^software\\)wow6432node\\|(?<=^software\\classes\\)wow6432node\\")
_NUMBER = re.compile(r"(?i)[dq]word \((?:0x[0-9a-f]+-)?(0x[0-9a-f]+)\)")


def value_record(path: str, data: str) -> dict[str, Any] | None:
    """Return the record of a value; None for one that no row reads."""
    hive, key, normal, sid = _place(path)
    key, _, name = key.rpartition("\\")
    normal = normal.rpartition("\\")[0]
    if not key:
        return None
    number = _NUMBER.fullmatch(data.strip())
    text = str(int(number[1], 16)) if number else data
    record: dict[str, Any] = {
        "registry.path": f"{hive}\\{key}\\{name}",
        "registry.hive": hive,
        "registry.key": key,
        "registry.value": name,
        "registry.data.strings": [text] if text else [],
        "registry.data.type": "REG_DWORD" if number else "REG_SZ",
        **({"process.command_line": text} if text and not number else {}),
        **({"user.id": sid} if sid else {}),
    }
    if read := rows_of_value(normal, name, user=bool(sid)):
        return record | {"event.dataset": VALUES_DATASET, ROWS_FIELD: list(read)}
    for dataset, matcher in _datasets().items():
        if matcher.fullmatch(normal):
            image = {"escadre.ifeo.image": key.rpartition("\\")[2]} if dataset == "ifeo" else {}
            return record | {"event.dataset": dataset} | image
    return None


def _place(path: str) -> tuple[str, str, str, str]:
    """Return (hive, key in the hive, normalised path, SID or ''), all '' for another path; keys with the value."""
    if found := _MACHINE.match(path):
        top, below = found[1].upper(), found[2]
        if top == "SYSTEM":
            return "HKLM\\SYSTEM", below, "System\\" + _CONTROL_SET.sub("CurrentControlSet", below), ""
        normal = _WOW64.sub("", f"Software\\{below}") if top == "SOFTWARE" else f"{top}\\{below}"
        return f"HKLM\\{top}", below, normal, ""
    if found := _USER.match(path) or _OWN.match(path):
        sid, below = found[1], found[2]
        if sid.lower().endswith("_classes"):
            return f"HKU\\{sid}", below, _WOW64.sub("", f"Software\\Classes\\{below}"), sid[:-8]
        return f"HKU\\{sid}", below, _WOW64.sub("", below), sid
    return "", "", "", ""


@cache
def _datasets() -> Mapping[str, re.Pattern[str]]:
    """Return dataset → matcher of its keys, for the datasets of single values that rows judge."""
    from commodore import catalogue
    from commodore.containers.registry import Keys

    found = {}
    for name in sorted({row.dataset for row in all_places() if row.os == "windows"} - {VALUES_DATASET, "services"}):
        known = catalogue.artefacts().get(name)
        holds = known.artefact.holds if known else None
        if isinstance(holds, Keys) and "registry.value" in known.artefact.fields:  # type: ignore[union-attr]
            found[name] = key_matcher(holds.paths)
    return found
