"""Findings of one host: its hits folded, each removable finding completed with the facts that HUNTER needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import orjson

from commodore import catalogue, persistence
from commodore.case import private
from commodore.case.jsonl import frames, lines, objects
from commodore.case.partition import Partition
from commodore.engine.assemble import line
from commodore.engine.inputs import below_root
from commodore.finding import Finding
from commodore.hits import Hit
from commodore.readers.copies import LineCopies

if TYPE_CHECKING:
    from commodore.detection import Detection


def _readers(artefact: str, path: str) -> Iterable[str]:
    """Return the artefacts that a line of the ledger concerns: for a container, and where no artefact read, those that the path names."""
    return catalogue.matcher().of_source(path, below_root(path)) if not artefact or artefact in catalogue.containers() else (artefact,)


def _of_linux(below: str) -> Iterable[str]:
    return catalogue.matcher().of_source(f"/{below}", below)


def fold(partition: Partition, detection: Detection, host: str) -> dict[str, int]:
    """Write the findings of a partition whose records, hits and members are there. Returns the number of findings by severity."""
    collection = partition.collection

    def hits() -> Iterator[Hit]:
        yield from detection.of_members(objects(partition.members), collection, host)
        yield from detection.of_links(objects(partition.members), _of_linux, collection, host)
        yield from detection.of_ledger(objects(partition.ledger), _readers, collection, host)
        for dataset in partition.hit_datasets():
            copies = LineCopies()
            for text in lines(partition.hits(dataset)):
                hit = Hit(**orjson.loads(text))
                if not hit.line or not copies.has((hit.rule, hit.group, hit.line), hit.member):
                    yield hit

    counts: dict[str, int] = {}

    def counted(findings: Iterator[Finding]) -> Iterator[bytes]:
        for finding in findings:
            severity = finding["escadre.severity"]
            counts[severity] = counts.get(severity, 0) + 1
            yield line(finding)

    members = {collection: persistence.Members(objects(partition.members))}
    found = detection.completed(detection.findings(hits()), members)
    private.write(partition.findings, frames(counted(found)), durable=False)
    return counts
