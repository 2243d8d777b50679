"""Apply the persistence table: find the entries in records of other datasets and judge them, and turn judged entries into hits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from commodore.finding import FindingTarget
from commodore.hits import DetectionRule, Hit
from commodore.host import Host
from commodore.persistence.context import NOTHING_KNOWN, JudgingContext
from commodore.persistence.data import digest
from commodore.persistence.entry import AutostartEntry
from commodore.persistence.index import RowIndex
from commodore.persistence.judgement import Judgement, lower
from commodore.persistence.table import PersistenceRow, all_places

GONE = ("deleted", "carved")
"""States of records of what is no longer there"""
DATASET = "persistence"
"""The dataset of judged entries, one record per row and record."""


class JudgedEntry(NamedTuple):
    """One row's judgement of one record, with the complete target."""

    row: PersistenceRow
    judgement: Judgement

    @property
    def target(self) -> dict[str, Any]:
        """The target with what the row says of it."""
        return {"mechanism": self.row.id, "kind": self.row.kind, "remove": self.row.remove, **self.judgement.target}


class PersistenceJudge:
    """All rows, ready to judge records."""

    def __init__(self, table: Iterable[PersistenceRow] | None = None) -> None:
        self._rows = all_places() if table is None else tuple(table)
        self._index = RowIndex(self._rows)
        self.digest = digest()

    @cached_property
    def rules(self) -> dict[str, DetectionRule]:
        """All rows as rules, by id."""
        return {row.id: row.rule for row in reversed(self._rows)} | {FILE.id: FILE}

    def reads(self, dataset: str) -> bool:
        """Return whether some row is about this dataset."""
        return dataset in self._index

    def entries(self, record: Mapping[str, Any], host: Host, context: JudgingContext = NOTHING_KNOWN) -> Iterator[JudgedEntry]:
        """Yield the judgement of each row that concerns a record of a source dataset; none for a record that starts nothing."""
        entry = AutostartEntry(record, host, context)
        for row in self._index.concerned(str(record.get("event.dataset") or ""), record):
            judgement = row.judge(entry)
            if judgement is not None:
                yield JudgedEntry(row, gone(judgement) if record.get("escadre.state") in GONE else judgement)


def gone(judgement: Judgement) -> Judgement:
    """Return the judgement of an entry that was deleted: nothing starts any more, and there is nothing to remove."""
    target: FindingTarget = {**judgement.target, "remove": "MM"}
    return Judgement(lower(judgement.severity, "medium"), f"Deleted, not live: {judgement.reason}", judgement.matched, target)


def hits(record: Mapping[str, Any], host: Host) -> Iterator[Hit]:
    """Yield the hit of a record of the dataset `persistence` that is not expected. It cites the record that the entry was read from."""
    severity = record.get("escadre.severity")
    if not severity:
        return
    source = (record.get("escadre.records_used") or [""])[0]
    yield Hit(
        record["rule.id"],
        source,
        record.get("@timestamp") or "",
        record.get("escadre.matched") or {},
        group=source,
        reason=record["message"],
        target=record.get("target"),
        host=record.get("host.name") or host.name,
        collection=record.get("escadre.collection") or host.collection,
        confidence="inferred",
        severity=severity,
    )


FILE = DetectionRule(
    "file",
    "File that a persistence mechanism starts",
    "persistence",
    "high",
    ruleset="persistence",
    reference="the finding of the mechanism that starts it",
)
"""The rule of findings on files that a mechanism starts."""
