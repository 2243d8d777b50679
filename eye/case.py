"""A case directory as the Eye reads it: parts (dataset and collection), records as they stream by, findings, what is known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from commodore.case.jsonl import lines
from commodore.finding import MOST_SEVERE_FIRST
from scout.console import COULD_NOT, WRONG_USE, Complaint


@dataclass(frozen=True, slots=True)
class Source:
    """One records file: what an index part is made from. `stamp` changes when the file does."""

    dataset: str
    collection: str
    path: Path
    stamp: str


def open_case(path: str | Path) -> Path:
    """The case directory, or a Complaint that says what is there instead."""
    case = Path(path)
    if not case.exists():
        raise Complaint(f"{case} is not there.", "Give the directory that `commodore process … -o CASE` wrote.", WRONG_USE)
    if not (case / "case.json").exists() and not (case / "records").is_dir():
        raise Complaint(
            f"{case} is no case: it has neither case.json nor records/.",
            "Give the directory that `commodore process … -o CASE` wrote.",
            WRONG_USE,
        )
    return case


def sources(case: Path) -> list[Source]:
    """All records files, in a stable order."""
    found = []
    for path in sorted((case / "records").glob("*/*.jsonl.zst")):
        stat = path.stat()
        found.append(Source(path.parent.name, path.name.removesuffix(".jsonl.zst"), path, f"{stat.st_size}:{stat.st_mtime_ns}"))
    return found


def records(path: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Each line with the object that it holds."""
    for number, line in enumerate(lines(path), 1):
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError as e:
            raise not_a_record(path, number, str(e)) from e
        if not isinstance(record, dict):
            raise not_a_record(path, number, "not an object")
        yield line, record


def not_a_record(path: Path, number: int, why: str) -> Complaint:
    """The complaint about a line that no record is."""
    return Complaint(f"{path}, line {number}: no record ({why}).", "Run `commodore process` again into a new case.", COULD_NOT)


def cannot_write(folder: Path, why: object) -> Complaint:
    """The complaint about an index that could not be written: no space, no right, or (Windows) a file that another program has open."""
    return Complaint(
        f"{folder} cannot be written: {why}.",
        "Look at the space and the rights there, end what has this index open (eye serve), and run `eye index` again.",
        COULD_NOT,
    )


def findings(case: Path) -> list[dict[str, Any]]:
    """All findings, most severe first, then by time; empty where there are none."""
    path = case / "findings.jsonl.zst"
    if not path.exists():
        return []
    found = [record for _, record in records(path)]
    order = {name: n for n, name in enumerate(MOST_SEVERE_FIRST)}
    found.sort(
        key=lambda f: (
            order.get(str(f.get("escadre.severity")), 9),
            str(f.get("escadre.first") or f.get("@timestamp") or "~"),
            str(f.get("escadre.id")),
        )
    )
    return found


def about(case: Path) -> dict[str, Any]:
    """The content of `case.json`, or an empty object."""
    try:
        found = json.loads((case / "case.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
