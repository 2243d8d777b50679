"""The judge: a record that starts something by itself → is it what one expects there, and if not, why.

Each mechanism names one of these functions. A function gives None for what is expected, else a verdict whose reason is one sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from commodore.hits import DetectionRule, Hit
from commodore.host import Host
from commodore.persistence import linux, windows
from commodore.persistence.table import Mechanism, digest, mechanisms
from commodore.persistence.verdict import Verdict

JUDGES: dict[str, Callable[[Mechanism, dict[str, Any], Host], Verdict | None]] = {
    "command": windows.command,
    "startup_file": windows.startup_file,
    "list_value": windows.list_value,
    "service": windows.service,
    "service_dll": windows.service_dll,
    "task": windows.task,
    "debugger": windows.debugger,
    "cron": linux.cron,
    "unit": linux.unit,
    "preload": linux.preload,
    "ssh_key": linux.ssh_key,
}


class Judge:
    """The persistence table over records. Raises ValueError for a row that names a judge who is not here."""

    def __init__(self) -> None:
        self._by_dataset: dict[str, list[Mechanism]] = {}
        for m in mechanisms():
            if m.judge not in JUDGES:
                raise ValueError(f"{m.id}.yaml: judge `{m.judge}` is unknown: {', '.join(JUDGES)}")
            self._by_dataset.setdefault(m.dataset, []).append(m)
        self.digest = digest()

    @cached_property
    def rules(self) -> dict[str, DetectionRule]:
        """All rows as rules, by id."""
        return {m.id: m.rule for m in mechanisms()} | {FILE.id: FILE}

    def reads(self, dataset: str) -> bool:
        """Whether some row is about this dataset."""
        return dataset in self._by_dataset

    def hits(self, record: dict[str, Any], host: Host) -> Iterator[Hit]:
        """One hit per row that the record is not expected by; grouped by record, so that each gives its own finding."""
        for m in self._by_dataset.get(record.get("event.dataset", ""), ()):
            if not m.concerns(record):
                continue
            verdict = JUDGES[m.judge](m, record, host)
            if verdict is None:
                continue
            yield Hit(
                m.id,
                record["escadre.id"],
                record.get("@timestamp") or "",
                verdict.matched,
                group=record["escadre.id"],
                reason=verdict.reason,
                target={"mechanism": m.id, "kind": m.kind, "remove": m.remove, **verdict.target},
                host=record.get("host.name") or host.name,
                collection=record.get("escadre.collection") or host.collection,
                confidence="inferred",
                severity=verdict.severity,
            )


FILE = DetectionRule(
    "file",
    "File that a persistence mechanism starts",
    "persistence",
    "high",
    ruleset="persistence",
    reference="the finding of the mechanism that starts it",
)
"""the rule of findings on payload files"""
