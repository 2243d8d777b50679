"""Damage done to evidence, and what a parser must still hold to: no exception, records that can be written, and a ledger that adds up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from commodore.artefact import Artefact, Problem, Record, RecordBatch
from commodore.container import UnreadableError
from commodore.engine.assemble import line
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.schema import registry
from tests.commodore.described import golden_files

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
HOST = Host(
    "c", name="h", os="linux", timezone="Europe/Paris", users={"0": "root"}, profiles={"root": "/root"}, collected="2026-11-01T00:00:00Z"
)


def inputs(name: str) -> list[tuple[str, bytes]]:
    """(native path, content) of the golden input files of an artefact."""
    from commodore.catalogue import matcher

    found = [(f"/{path}", data) for path, data in golden_files(GOLDEN / name / "input")]
    return [(path, data) for path, data in found if name in matcher().match(path[1:], data[:8192]).names]


def damaged(data: bytes, seed: int = 7) -> Iterator[bytes]:
    """Cut anywhere, each byte flipped in some bit, NUL holes, a doubled piece; for long input every nth place."""
    step = max(1, len(data) // 300)
    for at in range(0, len(data), step):
        yield data[:at]
        yield data[:at] + bytes([data[at] ^ (1 << (at * seed % 8))]) + data[at + 1 :]
        if at % (step * 5) == 0:
            yield data[:at] + bytes(3) + data[at:]
            yield data[:at] + data[at // 2 :]
            yield data[at:]
    yield b""


def offered(artefact: Artefact, evidence: Evidence, host: Host = HOST):
    """What `parse` of an artefact gets: the evidence, or what the shared container in which it reads offers it (None: nothing)."""
    if artefact.holds is None:
        return evidence
    try:
        return artefact.holds.open(evidence, host).offer(artefact.holds)
    except UnreadableError:
        return None


def items(module, evidence: Evidence, host: Host = HOST) -> Iterator[Record | Problem]:
    """What a parser gives, and, where it reads in a shared container, the trouble with that."""
    holds = module.ARTEFACT.holds
    if holds is None:
        yield from each(module.parse(evidence, host))
        return
    try:
        opened = holds.open(evidence, host)
    except UnreadableError as e:
        yield Problem(str(e))
        return
    if (content := opened.offer(holds)) is not None:
        yield from each(module.parse(content, host))
    yield from opened.problems()


def each(found: Iterator[Record | RecordBatch | Problem]) -> Iterator[Record | Problem]:
    """Records one by one."""
    for item in found:
        yield from item.each() if isinstance(item, RecordBatch) else (item,)


def survives(module, source: str, data: bytes, *, adds_up: bool = True, host: Host = HOST) -> tuple[list[Record], list[Problem]]:
    """Parse, check what every parser promises, and give back what came."""
    evidence = Evidence(source, data, facts={"mtime": "2026-10-31T20:00:00Z"})
    records: list[Record] = []
    problems: list[Problem] = []
    content = offered(module.ARTEFACT, evidence, host)
    for item in items(module, evidence, host):
        (records if isinstance(item, Record) else problems).append(item)
    fields = registry()
    for record in records:
        unknown = [name for name in record.fields if name not in fields]
        assert not unknown, unknown
        assert all(value is not None for value in record.fields.values()), record
        line(record.fields).decode()
    assert len({r.locator for r in records}) == len(records), "two records have one locator"
    if adds_up and content is not None:
        assert module.expected(content) == len(records) + sum(p.lost for p in problems), (source, data, records, problems)
    return records, problems
