"""Find the computer that wrote an event log, from its records: loose logs of many computers become one host per computer."""

from __future__ import annotations

import io
import re
from collections import Counter
from pathlib import Path

import orjson

HEADER, CHUNK = 4096, 65536
"""bytes of the file header and of a chunk of an event log ([MS-EVEN6]; libevtx, Windows XML Event Log format)"""
FORWARDED = "forwardedevents.evtx"
"""name of the log in which Windows stores the events of other computers"""


def of_log(path: Path) -> Counter[str]:
    """Count the records of each computer in the first and the last chunk of a log. Empty where none can be read."""
    found: Counter[str] = Counter()
    try:
        with path.open("rb") as stream:
            head = stream.read(HEADER)
            if not head.startswith(b"ElfFile\0"):
                return found
            first = stream.read(CHUNK)
            size = stream.seek(0, io.SEEK_END)
            last = HEADER + (size - HEADER - 1) // CHUNK * CHUNK
            stream.seek(max(last, HEADER + CHUNK))
            for chunk in (first, stream.read(CHUNK)):
                if chunk:
                    found += _computers(head + chunk)
    except OSError:
        return found
    return found


def _computers(log: bytes) -> Counter[str]:
    """Return the computers of a log that is in memory, as far as it can be read."""
    from evtx import PyEvtxParser

    found: Counter[str] = Counter()
    try:
        for record in PyEvtxParser(io.BytesIO(log), number_of_threads=1).records_json():
            if isinstance(record, dict):
                found[_computer(record["data"])] += 1
    except Exception:
        return found
    del found[""]
    return found


def _computer(text: str) -> str:
    event = orjson.loads(text)
    name = (event.get("Event") or {}).get("System", {}).get("Computer")
    return name.strip() if isinstance(name, str) else ""


def hosts(logs: dict[Path, Counter[str]]) -> dict[Path, str]:
    """Return the host of each log: the computer that wrote most of its records. A log of forwarded events has none.

    Names are compared without case. A short name and the one full name that begins with it are the same computer.
    """
    names: Counter[str] = Counter()
    for found in logs.values():
        names.update(found)
    shown: dict[str, str] = {}
    for name, _ in sorted(names.items(), key=lambda item: (-item[1], item[0])):
        shown.setdefault(name.casefold(), name)
    full: dict[str, set[str]] = {}
    for low in shown:
        if "." in low:
            full.setdefault(low.partition(".")[0], set()).add(low)
    result = {}
    for path, found in logs.items():
        if found and path.name.casefold() != FORWARDED:
            low = min(found, key=lambda name: (-found[name], name)).casefold()
            longer = full.get(low, set())
            result[path] = shown[next(iter(longer))] if len(longer) == 1 else shown[low]
    return result


def several(source: str) -> bool:
    """Return whether each record of a log belongs to the computer that it names: forwarded events, and a log outside the root of a host.

    `source`: the native path of the log; without a drive or a leading slash, its path in the directory that was given.
    """
    return source.replace("\\", "/").rpartition("/")[2].casefold() == FORWARDED or not re.match(r"[A-Za-z]:\\|[/\\]", source)


def same(one: str, other: str) -> bool:
    """Return whether two names may be those of one computer: equal without case, or one is the short form of the other."""
    one, other = one.casefold(), other.casefold()
    return one == other or (("." not in one or "." not in other) and one.partition(".")[0] == other.partition(".")[0])
