"""Apply the persistence table to records: find entries that start by themselves and are not expected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from commodore.hits import DetectionRule, Hit
from commodore.host import Host
from commodore.persistence.data import digest
from commodore.persistence.entry import AutostartEntry
from commodore.persistence.index import RowIndex
from commodore.persistence.table import PersistenceRow, rows


class PersistenceJudge:
    """All rows, ready to judge records."""

    def __init__(self, table: Iterable[PersistenceRow] | None = None) -> None:
        self._rows = rows() if table is None else tuple(table)
        self._index = RowIndex(self._rows)
        self.digest = digest()

    @cached_property
    def rules(self) -> dict[str, DetectionRule]:
        """All rows as rules, by id."""
        return {row.id: row.rule for row in self._rows} | {FILE.id: FILE}

    def reads(self, dataset: str) -> bool:
        """Return whether some row is about this dataset."""
        return dataset in self._index

    def hits(self, record: dict[str, Any], host: Host) -> Iterator[Hit]:
        """Yield a hit for each row by which the record is not expected. Each record is a group, and so a finding, of its own."""
        entry = AutostartEntry(record, host)
        for row in self._index.concerned(record.get("event.dataset", ""), record):
            unexpected = row.judge(entry)
            if unexpected is None:
                continue
            yield Hit(
                row.id,
                record["escadre.id"],
                record.get("@timestamp") or "",
                unexpected.matched,
                group=record["escadre.id"],
                reason=unexpected.reason,
                target={"mechanism": row.id, "kind": row.kind, "remove": row.remove, **unexpected.target},
                host=record.get("host.name") or host.name,
                collection=record.get("escadre.collection") or host.collection,
                confidence="inferred",
                severity=unexpected.severity,
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
