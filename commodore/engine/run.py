"""One collection becomes one partition of a case: facts, parse and derive passes, ledger, findings, manifest.

A run is a pure unit: what it needs comes in as arguments, what it makes is the partition, and no other file is touched. So runs of several
collections can go on at once, in other processes or on other machines, and their partitions be put together afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from itertools import chain, groupby
from typing import Any

from commodore import catalogue
from commodore.artefact import Problem
from commodore.case import ledger, private, trust
from commodore.case.jsonl import frames
from commodore.case.partition import Partition
from commodore.engine import findings, gather, inputs, members
from commodore.engine.journal import Journal, dump
from commodore.engine.making import Making
from commodore.engine.plan import Plan
from commodore.engine.pool import Pool, Stream
from commodore.engine.results import CHOSEN, Result, UnitAccount
from commodore.engine.sorting import SortedLines
from commodore.engine.tasks import Task
from commodore.engine.unit import RAISED
from commodore.host import Host
from commodore.sweep.found import DATASET, SEARCHES

Progress = Callable[[str, str, int, int, int], None]
"""called with host, what is being read, bytes read, bytes to read, records so far"""
Judge = Callable[[dict[str, Any]], dict[str, Any]]
"""returns the manifest with the result of the receipts (`commodore.case.trust`)"""


class Run:
    """Makes a partition from a collection. `only`: the datasets that a redo makes; the others must be in the partition (`borrow`)."""

    def __init__(
        self,
        collection: inputs.EvidenceCollection,
        partition: Partition,
        pool: Pool,
        making: Making,
        only: frozenset[str] | None = None,
        progress: Progress | None = None,
        judge: Judge | None = None,
    ) -> None:
        self._collection, self._partition, self._pool = collection, partition, pool
        self._making, self._only, self._progress, self._judge = making, only, progress, judge
        self._host = Host(collection.id)
        self._open = ExitStack()
        self._journal: Journal
        self._plan: Plan
        self._parsing: Stream
        self._started = 0.0
        self._numbered = 0
        self._reported = 0.0
        self._read = 0
        self._searched: dict[str, dict[str, int]] = {}
        self._unreadable = 0
        """members without content: refused, denied, or links"""
        self._left_out: list[tuple[int, str, tuple[str, ...]]] = []
        """(member, path, artefacts) of jobs that this run does not do, because all its datasets are left out"""

    def run(self) -> int:
        """Do what is left to do. Returns the bytes of input that were read."""
        self.queue()
        return self.finish()

    def queue(self) -> None:
        """Let the pool begin with this collection when it has read all tasks of those before; `finish` commits the results."""
        self._parsing = self._pool.queue(self._left())

    def finish(self) -> int:
        """Commit the results and do the other passes. Returns the bytes of input that were read."""
        with self._open:
            with closing(self._pool.results(self._parsing)) as results:
                for result in results:
                    self._commit(result, self._plan.now)
            for sealed in self._partition.work.glob("sealed-*"):
                sealed.unlink()
            listed, count, mismatches = members.lines(self._collection, self._plan)
            private.write(self._partition.members, frames(listed), durable=False)
            self._derive(self._numbered)
            losses = self._account(self._plan, mismatches)
        counts = findings.fold(self._partition, self._pool.setup.load(), self._host.name)
        about = self._about(count, losses, counts)
        self._measure(time.perf_counter() - self._started)
        self._partition.conclude(self._judge(about) if self._judge is not None else about)
        return self._collection.position()

    def close(self) -> None:
        """Close the files of a run that was queued and is not finished."""
        self._open.close()

    def _begin(self) -> Plan:
        """Take up what an earlier run committed, and gather the facts of the host."""
        self._started = time.perf_counter()
        if not self._partition.begun(self._making.identity(self._only)):
            self._partition.begin(self._making.identity(self._only))
        self._journal = self._open.enter_context(Journal(self._partition))
        self._host = gather.host(self._collection, self._partition.work)
        return Plan(self._collection, self._host, self._partition.work, searches=self._pool.setup.load().searches)

    def _chosen(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """Yield the tasks of the datasets that this run makes, numbered without gaps."""
        number = 0
        for task in tasks:
            for job in task.jobs:
                wanted = tuple(name for name in job.artefacts if self._makes(name))
                if not wanted:
                    self._left_out.append((job.member, job.source, job.artefacts))
                job.artefacts = wanted
            task.jobs = [job for job in task.jobs if job.artefacts]
            if task.jobs:
                task.number = number
                number += 1
                yield task

    def _makes(self, name: str) -> bool:
        """Return whether this run makes a dataset, or does a search: it is not left out, and a redo makes it."""
        name = DATASET if name in SEARCHES else name
        return name in self._making.parsers and (self._only is None or name in self._only)

    def _left(self) -> Iterator[Task]:
        """Yield the tasks of the parse pass whose results are not committed. The collection is begun when the first one is wanted."""
        self._plan = self._begin()
        committed = self._journal.committed
        for task in self._chosen(self._plan.tasks()):
            self._numbered = task.number + 1
            if task.number >= committed:
                yield task

    def _commit(self, result: Result, now: str) -> None:
        self._journal.commit(result)
        if self._progress is not None and time.monotonic() - self._reported > 0.1:
            self._reported = time.monotonic()
            self._progress(self._host.name, now, self._collection.position(), self._collection.total, sum(self._journal.counts.values()))

    def _derive(self, number: int) -> None:
        """Run the derive pass: level by level; the datasets of one level are made in parallel."""
        whole = self._collection.ending()[0] == "complete"
        for level in catalogue.levels():
            self._journal.flush()
            chosen = [name for name in level if self._makes(name)]
            tasks = [
                Task(n, self._host, [], name, str(self._partition.root), whole, self._sorted(name)) for n, name in enumerate(chosen, number)
            ]
            with closing(self._pool.run(task for task in tasks if task.number >= self._journal.committed)) as results:
                for result in results:
                    self._commit(result, "derived datasets")
            number += len(chosen)

    def _sorted(self, derived: str) -> tuple[str, ...]:
        """Return the datasets whose records that a derived dataset chose are in files of their own."""
        chosen = catalogue.derivations()[derived].artefact.chosen
        return tuple(name for name in chosen if self._makes(name) and self._journal.whole(f"{CHOSEN}{derived}/{name}"))

    def _account(self, plan: Plan, mismatches: list[dict[str, Any]]) -> int:
        """Write the ledger. Returns the number of members that could not be read in part or whole."""
        rows = mismatches
        facts = {"collection": self._collection.id, "member": -1, "path": "facts of the host"}
        rows += [ledger.unread(facts, conflict) for conflict in self._host.conflicts]
        latest = {(a.member, a.source, a.artefact, a.offset): a for a in self._journal.accounts}  # a redo reads a container once more
        accounts = sorted(
            latest.values() if self._only is not None else self._journal.accounts, key=lambda a: (a.member, a.artefact, a.offset)
        )
        readers: dict[int, tuple[str, str]] = {}
        searches: list[dict[str, Any]] = []
        for (member, path), units in groupby(accounts, key=lambda a: (a.member, a.source)):
            head = {"collection": self._collection.id, "member": member, "path": path}
            whole = _summed(units)
            searches += [row for account in whole if account.artefact in SEARCHES for row in account.lines(head)]
            if not (parsed := [account for account in whole if account.artefact not in SEARCHES]):
                continue
            lines = ledger.of_member(head, parsed, plan.tried.get(member, ()))
            if lines[0]["artefact"]:
                readers[member] = path, lines[0]["artefact"]
            rows += lines
        rows += ledger.of_companions(plan.together, readers)
        for member, path, names in self._left_out if self._only is None else ():
            head = {"collection": self._collection.id, "member": member, "path": path}
            rows.append(ledger.unread(head, f"left out: {', '.join(names)}"))
        searches += [ledger.unread(head, reason, search) | {"searched": 0} for head, search, reason in plan.unsearched]
        self._searched = ledger.searched(searches)
        self._unreadable = plan.seen.unreadable
        ordered, read, lost = SortedLines(), set(), set()
        for row in chain(plan.unread(), rows, searches):
            if row["artefact"] and row["artefact"] not in SEARCHES and row["member"] >= 0:
                read.add(row["member"])
            if ledger.is_loss(row) and row["parsed"] is not None:
                lost.add((row["member"], row["path"]))
            ordered.add(ledger.order(row), memoryview(dump(row)).tobytes())  # a copy: orjson's own keeps its whole buffer
        self._read = len(read)
        private.write(self._partition.ledger, ordered, durable=False)
        return len(lost)

    def _measure(self, seconds: float) -> None:
        measured = {
            "collection": self._collection.id,
            "seconds": round(seconds, 3),
            "worker_seconds": round(self._journal.seconds, 3),
            "bytes": self._collection.position(),
            "tasks": self._journal.committed,
        }
        private.write(self._partition.metrics, [dump(measured)], durable=False)

    def _about(self, count: int, losses: int, found: dict[str, int]) -> dict[str, Any]:
        """Return the manifest."""
        state, reason = self._collection.ending()
        sha256, chain_heads = self._collection.proof()
        given_up = [
            {"member": m, "path": self._path(m), "reason": r, "collection": self._collection.id} for m, r in sorted(self._journal.killed)
        ]
        failed = {(a.member, a.source, a.artefact) for a in self._journal.accounts if a.failed == RAISED}
        return {
            "collection": self._collection.id,
            "input": self._collection.origin.name,
            "origin": str(self._collection.origin.resolve()),
            "sha256": sha256,
            "chain_heads": chain_heads,
            "receipt": trust.NOT_GIVEN if sha256 else "",
            "host": self._host.name,
            "os": self._host.os,
            "host_inferred": "name" in self._host.inferred,
            "recipients": _recipients(self._collection.header()),
            "state": state,
            "reason": reason,
            "members": count,
            "read": self._read,
            "searched": self._searched,
            "unreadable": self._unreadable,
            "losses": losses,
            "records": dict(sorted(self._journal.counts.items())),
            "log_sources": {name: sorted(places) for name, places in sorted(self._journal.sources.items())},
            "findings": dict(sorted(found.items())),
            "given_up": given_up,
            "failed": [{"member": member, "path": path, "artefact": artefact} for member, path, artefact in sorted(failed)],
            "made": self._making.as_dict(),
        }

    def _path(self, member: int) -> str:
        return next((account.source for account in self._journal.accounts if account.member == member), "")


def _summed(units: Iterable[UnitAccount]) -> list[ledger.Account]:
    """Return the accounts of one member's artefacts, each summed over its units."""
    wholes = []
    for artefact, mine in groupby(units, key=lambda a: a.artefact):
        whole = ledger.Account(artefact)
        for unit in mine:
            whole.add(unit.expected, unit.parsed, unit.carved, [Problem(*p) for p in unit.problems], unit.offset)
            whole.searched += unit.searched
        wholes.append(whole)
    return wholes


def _recipients(header: dict[str, Any]) -> list[str]:
    """Return for whom the archive was made, as its header says; empty for plain input."""
    given = header.get("recipients")
    return [text for text in given[:100] if isinstance(text, str)] if isinstance(given, list) else []
