"""`process`: the four passes over all inputs, into a case."""

from __future__ import annotations

import errno
import importlib.metadata
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any

import orjson

from commodore import __name__ as tool
from commodore.artefact import Problem
from commodore.case import findings, ledger, members
from commodore.case.case import Case, Journal
from commodore.engine import catalogue, gather, inputs, recognise
from commodore.engine.plan import Plan
from commodore.engine.pool import Pool
from commodore.engine.summary import Summary
from commodore.engine.unit import RAISED
from commodore.engine.work import Account, Result, Setup, Task, load_detection
from commodore.host import Host
from scout.console import WRONG_USE, Complaint

LIBRARIES = ("evtx", "libscca-python", "orjson", "escadre")
Progress = Callable[[str, str, int, int, int], None]
"""called with host, what is being read, bytes read, bytes to read, records so far"""


def process(
    given: Iterable[str | Path],
    case: str | Path,
    *,
    identities: Sequence[Any] = (),
    rules: Iterable[str | Path] = (),
    iocs: Iterable[str | Path] = (),
    workers: int | None = None,
    timeout: float = 60.0,
    memory: int = 1 << 30,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Read archives, directories and files into a case directory.

    identities   secret keys, as `scout.keys.load_identities` gives them
    rules, iocs  directories or files of Sigma rules; indicator lists
    workers      processes that parse (None: one per core)
    timeout      seconds without progress after which a unit is given up; memory: bytes that a worker may take beyond its start

    A case that has some of the inputs already takes up the others; an interrupted run is gone on with. Raises Complaint.
    """
    start = time.perf_counter()
    paths = [path for p in given for path in recognise.expanded(Path(p))]
    if not paths:
        raise Complaint("nothing to process.", "Give archives, directories laid out like a host, or evidence files.", WRONG_USE)
    setup = Setup(tuple(map(Path, rules)), tuple(map(Path, iocs)), cache, memory)
    summary = Summary(Path(case))
    collections = _recognised(paths, identities, summary)
    setup.detection = load_detection(setup.rules, setup.iocs, setup.cache)
    summary.rules = _rules(setup.detection)
    try:
        _into(Path(case), setup, collections, workers or os.cpu_count() or 1, timeout, progress, summary)
    except OSError as e:
        if e.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise
        raise Complaint(f"{case}: {e.strerror}.", "Make room and run the same command again; it goes on where it was.") from None
    summary.seconds = time.perf_counter() - start
    return summary


def _into(
    case: Path,
    setup: Setup,
    collections: list[inputs.Collection],
    workers: int,
    timeout: float,
    progress: Progress | None,
    summary: Summary,
) -> None:
    """Open the case, read what it does not have yet, and conclude."""
    with Case(case) as held:
        held.about["rules"] = summary.rules
        held.about.setdefault("schema", 1)
        held.about["versions"] = versions()
        held.settle({"detection": setup.detection.digest, "parsers": parsers()})
        with Pool(setup, workers, timeout) as pool:
            for collection in collections:
                if collection.id in held.collections():
                    summary.skipped.append(str(collection.origin))
                    continue
                summary.read += Run(held, pool, collection, progress).run()
        summary.hosts = held.about.get("collections", [])
        _conclude(held, setup.detection, summary)


def versions() -> dict[str, str]:
    """The tool and the libraries that decide what a record says."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = ""
    return {"tool": tool} | found


def parsers() -> dict[str, int]:
    """Artefacts and derived datasets with their versions."""
    known = [k.artefact for k in catalogue.artefacts().values()] + [d.artefact for d in catalogue.derivations().values()]
    return {a.name: a.version for a in known}


def _rules(detection: Any) -> dict[str, Any]:
    return {"loaded": detection.loaded, "indicators": detection.indicators, "refused": list(detection.refused), "digest": detection.digest}


def _recognised(paths: list[Path], identities: Sequence[Any], summary: Summary) -> list[inputs.Collection]:
    found: dict[str, inputs.Collection] = {}
    for path in paths:
        for collection in recognise.collections(path, identities):
            if found.setdefault(collection.id, collection) is not collection:
                summary.twice.append((str(path), str(found[collection.id].origin)))
    return sorted(found.values(), key=lambda collection: (collection.label, collection.id))


def _conclude(case: Case, detection: Any, summary: Summary) -> None:
    """The case pass: findings over all hosts, and what must be said about the whole."""
    summary.unreproducible = [row for host in summary.hosts for row in host.get("given_up", [])]
    case.about["reproducible"] = not summary.unreproducible
    case.about["given_up"] = summary.unreproducible
    case.save()
    findings.write(case, detection, summary)


class Run:
    """Facts, parse and derive passes over one collection."""

    def __init__(self, case: Case, pool: Pool, collection: inputs.Collection, progress: Progress | None) -> None:
        self._case, self._pool, self._collection, self._progress = case, pool, collection, progress
        self._journal = Journal(case, collection.id)
        self._host = Host(collection.id)
        self._told = 0.0
        self._read = 0

    def run(self) -> int:
        """Do what is left to do. Gives the bytes of input that were read."""
        with closing(self._journal) as journal:
            started = time.perf_counter()
            self._host = gather.host(self._collection, journal.folder)
            plan = Plan(self._collection, self._host, journal.folder)
            number = self._parse(plan)
            mismatches = self._members(plan)
            self._derive(number)
            journal.sync()
            self._account(plan, mismatches)
            self._case.finished(self._entry(time.perf_counter() - started))
        return self._collection.position()

    def _parse(self, plan: Plan) -> int:
        """The parse pass; gives the number of tasks."""
        count = 0

        def left() -> Iterator[Task]:
            nonlocal count
            for task in plan.tasks():
                count = task.number + 1
                if task.number >= self._journal.committed:
                    yield task

        for result in self._pool.run(left()):
            self._commit(result, plan)
        for sealed in self._journal.folder.glob("sealed-*"):
            sealed.unlink()
        return count

    def _commit(self, result: Result, plan: Plan | None = None) -> None:
        self._journal.commit(result)
        if self._progress is not None and time.monotonic() - self._told > 0.1:
            self._told = time.monotonic()
            now = plan.now if plan else "derived datasets"
            self._progress(self._host.name, now, self._collection.position(), self._collection.total, sum(self._journal.counts.values()))

    def _derive(self, number: int) -> None:
        """The derive pass: level by level; the datasets of one level are made in parallel."""
        whole = self._collection.ending()[0] == "complete"
        for level in catalogue.levels():
            self._journal.sync()
            tasks = [Task(n, self._host, [], name, str(self._case.root), whole) for n, name in enumerate(level, number)]
            for result in self._pool.run(task for task in tasks if task.number >= self._journal.committed):
                self._commit(result)
            number += len(level)

    def _members(self, plan: Plan) -> list[dict[str, Any]]:
        """Write this collection's members; gives the ledger lines of those whose content is not what custody says."""
        lines, mismatches = members.lines(self._collection, plan)
        self._journal.lines("members.jsonl", lines)
        return mismatches

    def _account(self, plan: Plan, mismatches: list[dict[str, Any]]) -> None:
        rows = [*plan.unread, *mismatches]
        accounts = sorted(self._journal.accounts, key=lambda a: (a.member, a.artefact, a.offset))
        readers: dict[int, tuple[str, str]] = {}
        for (member, path), units in groupby(accounts, key=lambda a: (a.member, a.source)):
            head = {"collection": self._collection.id, "member": member, "path": path}
            lines = ledger.of_member(head, _summed(units), plan.tried.get(member, ()))
            if lines[0]["artefact"]:
                readers[member] = path, lines[0]["artefact"]
            rows += lines
        rows += ledger.of_companions(plan.together, readers)
        rows.sort(key=lambda row: (row["member"] < 0, row["member"], row["artefact"] or ""))
        self._journal.part("ledger.jsonl", rows)
        self._read = sum(member >= 0 for member in readers)

    def _entry(self, seconds: float) -> dict[str, Any]:
        """What `case.json` says of this collection."""
        state, reason = self._collection.ending()
        self._journal.part(
            "metrics.jsonl",
            [
                {
                    "collection": self._collection.id,
                    "seconds": round(seconds, 3),
                    "worker_seconds": round(self._journal.seconds, 3),
                    "bytes": self._collection.position(),
                    "tasks": self._journal.committed,
                }
            ],
        )
        paths = {row["member"]: row["path"] for row in map(orjson.loads, (self._journal.folder / "members.jsonl").open("rb"))}
        given_up = [
            {"member": m, "path": paths.get(m, ""), "reason": r, "collection": self._collection.id} for m, r in self._journal.killed
        ]
        failed = {(a.member, a.source, a.artefact) for a in self._journal.accounts if a.failed == RAISED}
        rows = map(orjson.loads, (self._journal.folder / "ledger.jsonl").open("rb"))
        losses = len({(row["member"], row["path"]) for row in rows if _lossy(row)})
        return {
            "collection": self._collection.id,
            "input": self._collection.origin.name,
            "sha256": getattr(self._collection, "sha256", ""),
            "host": self._host.name,
            "os": self._host.os,
            "host_inferred": "name" in self._host.inferred,
            "recipients": _recipients(self._collection.header()),
            "state": state,
            "reason": reason,
            "members": len(paths),
            "read": self._read,
            "losses": losses,
            "records": dict(sorted(self._journal.counts.items())),
            "given_up": given_up,
            "failed": [{"member": member, "path": path, "artefact": artefact} for member, path, artefact in sorted(failed)],
        }


def _summed(units: Iterable[Account]) -> list[ledger.Account]:
    """The accounts of one member's artefacts, each summed over its units."""
    wholes = []
    for artefact, mine in groupby(units, key=lambda a: a.artefact):
        whole = ledger.Account(artefact)
        for unit in mine:
            whole.add(unit.expected, unit.parsed, unit.carved, [Problem(*p) for p in unit.problems], unit.offset)
        wholes.append(whole)
    return wholes


def _recipients(header: dict[str, Any]) -> list[str]:
    """Who the archive was made for, as its header says; empty for plain input."""
    given = header.get("recipients")
    return [text for text in given[:100] if isinstance(text, str)] if isinstance(given, list) else []


def _lossy(row: dict[str, Any]) -> bool:
    """Whether a ledger line speaks of something that an artefact should have read and could not, and sums it up."""
    return (
        bool(row["artefact"]) and row["parsed"] is not None and bool(row["reason"]) and not str(row["reason"]).startswith("read together")
    )
