"""Findings of one host: its hits folded, each removable finding completed with the facts that HUNTER needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from commodore import catalogue, persistence
from commodore.case import private
from commodore.case.jsonl import frames, lines, objects
from commodore.case.partition import Partition
from commodore.engine.assemble import line
from commodore.hits import Hit


def fold(partition: Partition, detection: Any, host: str) -> dict[str, int]:
    """Write the findings of a partition whose records, hits and members are there. Returns the number of findings by severity."""
    collection = partition.collection

    def hits() -> Iterator[Hit]:
        yield from detection.of_members(objects(partition.members), collection, host)
        yield from detection.of_links(objects(partition.members), catalogue.matcher().by_path, collection, host)
        for dataset in partition.hit_datasets():
            for text in lines(partition.hits(dataset)):
                yield Hit(**orjson.loads(text))

    counts: dict[str, int] = {}

    def counted(findings: Iterator[dict[str, Any]]) -> Iterator[bytes]:
        for finding in findings:
            severity = finding["escadre.severity"]
            counts[severity] = counts.get(severity, 0) + 1
            yield line(finding)

    members = {collection: persistence.Members(objects(partition.members))}
    found = detection.completed(detection.findings(hits()), members)
    private.write(partition.findings, frames(counted(found)), durable=False)
    return counts
