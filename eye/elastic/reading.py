"""What a load reads of a case: the files of each family, and the records of their lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from commodore.case.jsonl import lines
from eye.case import finding_sources, sources
from eye.elastic import document

NESTED = 200
"""Levels of objects and lists over which a record is not sent: no JSON writer here takes 255, and no server 1,000."""


def families(case: Path) -> dict[str, list[tuple[str, Path]]]:
    """Return family → (dataset, file). A dataset whose first record is a state is of the family `state`."""
    result: dict[str, list[tuple[str, Path]]] = {}
    of: dict[str, str] = {}
    for source in sources(case):
        if source.dataset not in of:
            of[source.dataset] = _family(source.path)
        result.setdefault(of[source.dataset], []).append((source.dataset, source.path))
    if found := finding_sources(case):
        result["finding"] = [(source.dataset, source.path) for source in found]
    return result


def _family(path: Path) -> str:
    """Return the family of a file's first record that reads."""
    for line in lines(path):
        if record := parsed(line)[0]:
            return "state" if record.get("event.kind") == "state" else "logs"
    return "logs"


def read(line: bytes) -> tuple[dict[str, Any], str]:
    """Return the record of a line, and why it is none, '' where it is one."""
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as e:
        return {}, f"the line is no record ({e})"
    return (record, "") if isinstance(record, dict) else ({}, "the line is no record (not an object)")


def nested(line: bytes, record: dict[str, Any]) -> str:
    """Return why a record is not sent that is nested too deep, '' for another."""
    deep = line.count(b"{") + line.count(b"[") > NESTED and document.depth(record) > NESTED
    return f"the record has objects nested over {NESTED} levels" if deep else ""


def parsed(line: bytes) -> tuple[dict[str, Any], str]:
    """Return the record of a line, and why it is none or is not sent."""
    record, why = read(line)
    return record, why or nested(line, record)
