"""Write the indicators that a case found in the formats of other programs: STIX 2.1, MISP, and lists that a person reads, defanged.

Sources: OASIS, "STIX Version 2.1" (2.7 identifiers, 3.2 common properties, 4.7 Indicator, 9 patterning); MISP core format.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from commodore.case import private
from commodore.case.reader import CaseReader
from commodore.spreadsheet import line
from scout import __version__

FORMATS = ("stix", "misp", "ioc-csv", "ioc-text")
_NAMESPACE = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
"""the namespace of deterministic identifiers (STIX 2.1, section 2.9)"""
_PATTERNS = {
    "md5": "file:hashes.MD5", "sha1": "file:hashes.'SHA-1'", "sha256": "file:hashes.'SHA-256'", "domain": "domain-name:value",
    "filename": "file:name", "url": "url:value", "path": "file:name", "mutex": "mutex:name",
}  # fmt: skip
_MISP = {
    "md5": ("Payload delivery", "md5"), "sha1": ("Payload delivery", "sha1"), "sha256": ("Payload delivery", "sha256"),
    "ip": ("Network activity", "ip-dst"), "cidr": ("Network activity", "ip-dst"), "domain": ("Network activity", "domain"),
    "url": ("Network activity", "url"), "path": ("Artifacts dropped", "filename"), "filename": ("Artifacts dropped", "filename"),
    "mutex": ("Artifacts dropped", "mutex"), "pipe": ("Artifacts dropped", "named pipe"),
}  # fmt: skip
_TLP = {
    "WHITE": "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
    "GREEN": "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
    "AMBER": "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82",
    "RED": "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
}
_TLP["CLEAR"] = _TLP["WHITE"]


class FoundIndicator(NamedTuple):
    """An indicator of findings. `first`, `last`: RFC 3339 UTC, '' where no record has a time; `why`: the reason of the first finding."""

    type: str
    value: str
    hosts: tuple[str, ...]
    first: str
    last: str
    records: int
    why: str
    tlp: str = ""


def found(case: Path) -> list[FoundIndicator]:
    """Return the indicators that findings of a case name: those that were looked for and found, and the hashes of files to remove."""
    gathered: dict[tuple[str, str], FoundIndicator] = {}
    for finding in CaseReader(case).findings():
        for kind, value in _of(finding):
            one = FoundIndicator(
                kind,
                value,
                (finding["host.name"],),
                finding.get("escadre.first") or "",
                finding.get("escadre.last") or "",
                finding["count"],
                finding["message"],
                finding.get("threat.indicator.marking.tlp", ""),
            )
            gathered[kind, value] = _merged(gathered.get((kind, value)), one)
    return [gathered[key] for key in sorted(gathered)]


def _of(finding: Any) -> Iterator[tuple[str, str]]:
    kind, _, value = finding["rule.id"].partition(":")
    if finding["rule.category"] == "ioc" and kind in _MISP and value:
        yield kind, value
    target = finding.get("target") or {}
    facts = [target.get("file") or {}, *(target.get("payload_files") or {}).values()]
    for one in facts:
        if isinstance(one, dict) and re.fullmatch(r"[0-9a-f]{64}", str(one.get("sha256") or "")):
            yield "sha256", str(one["sha256"])


def _merged(before: FoundIndicator | None, one: FoundIndicator) -> FoundIndicator:
    if before is None:
        return one
    firsts = [time for time in (before.first, one.first) if time]
    return before._replace(
        hosts=tuple(sorted({*before.hosts, *one.hosts})),
        first=min(firsts, default=""),
        last=max(before.last, one.last),
        records=before.records + one.records,
        tlp=before.tlp or one.tlp,
    )


def write(case: Path, target: Path, form: str) -> tuple[Path, int]:
    """Write the indicators into a private file below `target`. Returns its path and the number of indicators."""
    indicators = found(case)
    name, lines = {
        "stix": ("indicators.stix.json", _stix),
        "misp": ("indicators.misp.json", _misp),
        "ioc-csv": ("indicators.csv", _csv),
        "ioc-text": ("indicators.txt", _text),
    }[form]
    private.folder(target)
    with private.created(target / name) as out:
        out.writelines(lines(indicators))
    return target / name, len(indicators)


def defanged(kind: str, value: str) -> str:
    """Return an indicator as a person reads it: nothing in it can be opened by accident."""
    if kind in ("domain", "ip", "cidr", "url"):
        host, slash, rest = value.partition("/")
        return host.replace(".", "[.]").replace(":", "[:]") + slash + rest
    return value


def pattern(kind: str, value: str) -> str:
    """Return the STIX pattern of an indicator."""
    text = value.replace("\\", "\\\\").replace("'", "\\'")
    if kind in ("ip", "cidr"):
        return f"[{'ipv6' if ':' in value else 'ipv4'}-addr:value = '{text}']"
    if kind == "path":
        folder, separator, name = text.rpartition("\\\\" if "\\" in text else "/")
        if name and folder + separator:
            return f"[file:name = '{name}' AND file:parent_directory_ref.path = '{folder or separator}']"
    if kind == "pipe":  # STIX has no object of its own for it
        return f"[file:name = '\\\\\\\\.\\\\pipe\\\\{text}']"
    if kind == "url":
        return f"[url:value LIKE '%{text.replace('%', '_')}']"
    return f"[{_PATTERNS[kind]} = '{text}']"


def _moment(time: str) -> str:
    """Return an RFC 3339 time with milliseconds, as STIX has it."""
    base, _, fraction = time.rstrip("Z").partition(".")
    return f"{base}.{fraction[:3].ljust(3, '0')}Z"


def _stix(indicators: Iterable[FoundIndicator]) -> Iterator[bytes]:
    epoch = "1970-01-01T00:00:00.000Z"
    author = f"identity--{uuid.uuid5(_NAMESPACE, 'escadre')}"
    objects: list[dict[str, Any]] = [
        {
            "type": "identity",
            "spec_version": "2.1",
            "id": author,
            "created": epoch,
            "modified": epoch,
            "name": "Escadre",
            "identity_class": "system",
        }
    ]
    for one in indicators:
        said = pattern(one.type, one.value)
        seen = _moment(one.first) if one.first else epoch
        made: dict[str, Any] = {
            "type": "indicator",
            "spec_version": "2.1",
            "id": f"indicator--{uuid.uuid5(_NAMESPACE, said)}",
            "created_by_ref": author,
            "created": seen,
            "modified": max(seen, _moment(one.last) if one.last else seen),
            "name": f"{one.type} {defanged(one.type, one.value)}",
            "description": one.why,
            "indicator_types": ["malicious-activity"],
            "pattern": said,
            "pattern_type": "stix",
            "valid_from": seen,
            "labels": [f"host:{host}" for host in one.hosts],
        }
        if one.tlp in _TLP:
            made["object_marking_refs"] = [_TLP[one.tlp]]
        objects.append(made)
    listed = "".join(str(one["id"]) for one in objects)
    bundle = {"type": "bundle", "id": f"bundle--{uuid.uuid5(_NAMESPACE, listed)}", "objects": objects}
    yield orjson.dumps(bundle, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _misp(indicators: Iterable[FoundIndicator]) -> Iterator[bytes]:
    attributes = []
    for one in indicators:
        category, kind = _MISP[one.type]
        attribute: dict[str, Any] = {
            "uuid": str(uuid.uuid5(_NAMESPACE, f"{one.type}:{one.value}")),
            "type": kind,
            "category": category,
            "value": one.value,
            "to_ids": True,
            "comment": f"{', '.join(one.hosts)}: {one.why}",
        }
        if one.tlp:
            attribute["Tag"] = [{"name": f"tlp:{one.tlp.lower()}"}]
        attributes.append(attribute)
    event = {"info": f"Indicators found by Escadre {__version__}", "analysis": "1", "threat_level_id": "2", "Attribute": attributes}
    yield orjson.dumps({"Event": event}, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _csv(indicators: Iterable[FoundIndicator]) -> Iterator[bytes]:
    yield line(["type", "value", "hosts", "first_seen", "last_seen", "count", "tlp", "description"]).encode()
    for one in indicators:
        shown = defanged(one.type, one.value)
        yield line([one.type, shown, " ".join(one.hosts), one.first, one.last, str(one.records), one.tlp, one.why]).encode()


def _text(indicators: Iterable[FoundIndicator]) -> Iterator[bytes]:
    for one in indicators:
        yield f"{one.type}: {defanged(one.type, one.value)}\n".encode("utf-8", "backslashreplace")
