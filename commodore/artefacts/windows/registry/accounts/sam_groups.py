r"""Groups of the host and their members, from the SAM hive."""

from __future__ import annotations

from struct import unpack_from
from typing import Any

from commodore.registry import At, Made, Part, Problem, each_key, registry_artefact
from scout.formats.regf import Key
from scout.formats.regf.data import sid

_BASE = 0x34
"""where the texts and members of the value C begin"""
_LARGEST = 68
"""bytes of a SID at most"""


def _group(at: At, key: Key) -> Made:
    value = key.value("C")
    if value is None:
        return None
    raw = value.raw
    if len(raw) < _BASE:
        return [Problem(f"group of {len(raw)} bytes", key.name, lost=1)]
    rid, name_at, name_size = unpack_from("<I", raw)[0], *unpack_from("<II", raw, 0x10)
    text_at, text_size = unpack_from("<II", raw, 0x1C)
    members_at, members_size, count = unpack_from("<III", raw, 0x28)
    members: list[str] = []
    start, end = _BASE + members_at, min(_BASE + members_at + members_size, len(raw))
    while start < end and len(members) < count:
        found = sid(raw[start : start + _LARGEST])
        if not found:
            break
        members.append(found)
        start += 8 + 4 * raw[start + 1]
    made: dict[str, Any] = {
        "group.id": str(rid),
        "group.name": _text(raw, name_at, name_size),
        "group.domain": at.parts[2] if len(at.parts) > 2 else None,
        "escadre.description": _text(raw, text_at, text_size),
        "escadre.account.members": members or None,
    }
    short = [Problem(f"{len(members)} of {count} members of a group are there", key.name)] if len(members) < count else []
    if outside := [place for place, size in ((name_at, name_size), (text_at, text_size)) if _BASE + place + size > len(raw)]:
        short.append(Problem(f"{len(outside)} texts of a group lie outside its {len(raw)} bytes", key.name))
    return [Part("", made), *short]


def _text(raw: bytes, at: int, size: int) -> str | None:
    """Return a text of the value C; None where there is none, and where it lies outside."""
    end = _BASE + at + size
    return raw[_BASE + at : end].decode("utf-16-le", "backslashreplace") or None if end <= len(raw) else None


ARTEFACT, parse, expected = registry_artefact(
    name="sam_groups",
    title="Groups of the host",
    about="Each local group with its members by SID: Administrators, Remote Desktop Users and others. A member that should not be "
    "there is how an intruder keeps rights.",
    proves_not="When a member was added: the time is the last change of the group.",
    keys=(r"SAM\Domains\Builtin\Aliases\*", r"SAM\Domains\Account\Aliases\*"),
    read=each_key(_group),
    fields=("group.id", "group.name", "group.domain", "escadre.description", "escadre.account.members"),
    times={"@timestamp": "last write of the group's key: when a member was last added or removed, or the group changed"},
    category=("iam",),
    type=("group", "info"),
    action="group-observed",
    attack=("T1069.001", "T1098.007"),
    message="The group [{group.name!q}|without a name] ({group.id}) has [the members {escadre.account.members}|no member].",
    sources=("Security Account Manager keys, libyal winreg-kb", "[MS-SAMR] 3.1.1 Abstract data model"),
)
