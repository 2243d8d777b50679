"""The case pass of this cut: hits of all hosts folded into findings, each removable one with what HUNTER needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import zstandard

from commodore import persistence
from commodore.case import case as cases
from commodore.case import jsonl
from commodore.engine import catalogue, work
from commodore.engine.assemble import line
from commodore.engine.summary import Summary
from commodore.finding import MOST_SEVERE_FIRST
from commodore.hits import Hit

SHOWN = 10


def write(case: cases.Case, detection: Any, summary: Summary) -> None:
    """Write `findings.jsonl.zst` and count what is in it."""

    def hits() -> Iterator[Hit]:
        for key, entry in sorted(case.collections().items()):
            listed = case.work / key / "members.jsonl"
            yield from detection.of_members(_rows(listed), key, entry["host"])
            yield from detection.of_links(_rows(listed), catalogue.matcher().by_path, key, entry["host"])
            path = case.work / key / "hits.zst"
            if path.exists():
                for text in jsonl.lines(path):
                    yield Hit(**orjson.loads(text))

    members = {key: persistence.Members(_rows(case.work / key / "members.jsonl")) for key in case.collections()}
    found = list(persistence.completed(detection.findings(hits()), members))
    for finding in found:
        severity = finding.get("escadre.severity", "informational")
        summary.severities[severity] = summary.severities.get(severity, 0) + 1
    summary.findings = sorted(found, key=lambda f: MOST_SEVERE_FIRST.index(f.get("escadre.severity", "informational")))[:SHOWN]
    compressor = zstandard.ZstdCompressor(level=work.LEVEL)
    cases.write(case.root / "findings.jsonl.zst", [compressor.compress(b"".join(map(line, found)))])


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        with path.open("rb") as stream:
            yield from map(orjson.loads, stream)
