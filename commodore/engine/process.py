"""`process`: inputs become partitions of a case; those that the case has are left, or redone."""

from __future__ import annotations

import errno
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from commodore.case.case import Case
from commodore.case.overview import OverviewPass
from commodore.case.partition import Partition, partitions
from commodore.case.passes import run as run_pass
from commodore.case.reader import grouped
from commodore.case.trust import Receipts
from commodore.engine import inputs, recognise
from commodore.engine.making import Making, left_out, making
from commodore.engine.pool import Pool
from commodore.engine.redo import Redo, stage
from commodore.engine.run import Progress, Run
from commodore.engine.summary import Summary
from commodore.engine.work import Setup
from scout.console import WRONG_USE, Complaint

QUEUED = 4
"""collections whose tasks may begin before the one in front of them is finished"""
_CASE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""errors of the case's disk, which end the run"""


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
    redo: Redo | None = None,
    receipts: Iterable[str | Path] = (),
    datasets: Iterable[str] = (),
    skip: Iterable[str] = (),
    known: Iterable[str | Path] = (),
    baselines: Iterable[str | Path] = (),
) -> Summary:
    """Read archives, directories and files into a case directory.

    identities   secret keys, as `scout.keys.load_identities` gives them
    rules, iocs  directories or files of Sigma rules; indicator lists
    workers      processes that parse (None: one per core)
    timeout      seconds without progress after which a unit is given up; memory: bytes that a worker may take beyond its start
    redo         which datasets of which hosts are made again. Without inputs, those that the case was made from are read
    receipts     receipt files and codes of the archives, in any order; also for archives that the case has already
    known, baselines files of what the site knows of its hosts: see `commodore.case.site`
    datasets, skip   names of the datasets to make (none: all), and of those to leave out; a later redo makes them

    A case that has some of the inputs takes the others; an interrupted run is continued. Raises Complaint.
    """
    start = time.perf_counter()
    target = Path(case)
    paths = [path for p in given for path in recognise.expanded(Path(p))]
    if redo is not None:
        paths = redo.inputs(target, paths)
    if not paths:
        raise Complaint("nothing to process.", "Give archives, directories laid out like a host, or evidence files.", WRONG_USE)
    setup = Setup(tuple(map(Path, rules)), tuple(map(Path, iocs)), tuple(map(Path, known)), tuple(map(Path, baselines)), cache, memory)
    summary = Summary(target)
    papers = Receipts(receipts)
    held = Case(target)
    held.check()
    collections = _recognised(paths, identities, summary, held.work / "unpacked")
    papers.alone = not summary.unread and sum(isinstance(one, inputs.ArchiveCollection) for one in collections) == 1
    detection = setup.load()
    summary.note_rules(detection)
    job = _Job(
        setup,
        making(detection, timeout, memory, left_out(datasets, skip)),
        workers or os.cpu_count() or 1,
        timeout,
        progress,
        redo,
        papers,
        summary,
    )
    try:
        job.into(held, collections)
    except OSError as e:
        if e.errno not in _CASE_ERRORS:
            raise
        raise Complaint(f"{case}: {e.strerror}.", "Make room and run the same command again; it goes on where it was.") from None
    summary.unused_receipts = papers.unused()
    summary.seconds = time.perf_counter() - start
    return summary


def _recognised(paths: list[Path], identities: Sequence[Any], summary: Summary, unpack_in: Path) -> list[inputs.EvidenceCollection]:
    found: dict[str, inputs.EvidenceCollection] = {}
    for path in paths:
        for collection in _collections(path, identities, summary, unpack_in, alone=len(paths) == 1):
            if found.setdefault(collection.id, collection) is not collection:
                summary.twice.append((str(path), str(found[collection.id].origin)))
    return sorted(found.values(), key=lambda collection: (collection.label, collection.id))


class _Queued(NamedTuple):
    """A run that the pool may begin."""

    run: Run
    collection: inputs.EvidenceCollection
    redone: tuple[str, list[str]] | None = None
    """host and datasets, where the case has an older partition of the collection"""


def _collections(
    path: Path, identities: Sequence[Any], summary: Summary, unpack_in: Path, *, alone: bool
) -> Sequence[inputs.EvidenceCollection]:
    """Return the collections of one path. Among several, a path that cannot be read is noted; wrong use of the command still ends it."""
    try:
        return recognise.collections(path, identities, unpack_in)
    except Complaint as complaint:
        if alone or complaint.code == WRONG_USE:
            raise
        summary.unread.append((str(path), f"{complaint.what} {complaint.do}".strip()))
    except Exception as e:  # evidence is hostile: whatever one input raises, the others are read
        if alone:
            raise Complaint(f"{path} cannot be read: {_words(e)}.", "Its header is damaged or forged; scout verify says more.") from e
        summary.unread.append((str(path), _words(e)))
    return []


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]


@dataclass
class _Job:
    """One call of `process`."""

    setup: Setup
    making: Making
    workers: int
    timeout: float
    progress: Progress | None
    redo: Redo | None
    receipts: Receipts
    summary: Summary

    def into(self, case: Case, collections: list[inputs.EvidenceCollection]) -> None:
        """Open the case, make the partitions that it lacks, redo those that were asked for, and sum up."""
        with case as held:
            held.note_rules(self.setup.load())
            with Pool(self.setup, self.workers, self.timeout) as pool:
                self._all(held, pool, collections)
            self._conclude(held)

    def _all(self, case: Case, pool: Pool, collections: list[inputs.EvidenceCollection]) -> None:
        """Run the collections in order. While one is finished, the tasks of the next ones are under way."""
        queued: deque[_Queued] = deque()
        try:
            for collection in collections:
                with self._fenced(collection, alone=len(collections) == 1):
                    if one := self._queued(case, pool, collection):
                        queued.append(one)
                if len(queued) > QUEUED:
                    self._finish(case, queued.popleft(), alone=False)
            while queued:
                self._finish(case, queued.popleft(), alone=len(collections) == 1)
        finally:
            for one in queued:
                one.run.close()

    @contextmanager
    def _fenced(self, collection: inputs.EvidenceCollection, *, alone: bool) -> Iterator[None]:
        """Fence one collection: where it cannot be read to its end, it is noted, and the others go on."""
        try:
            yield
        except Complaint as complaint:
            if alone:
                raise
            reason = f"{complaint.what} {complaint.do}".strip()
        except OSError as e:
            if e.errno in _CASE_ERRORS:
                raise
            reason = _words(e)
        except Exception as e:  # as above
            reason = _words(e)
        else:
            return
        self.summary.unread.append((str(collection.origin), reason))

    def _queued(self, case: Case, pool: Pool, collection: inputs.EvidenceCollection) -> _Queued | None:
        """Queue the run that a collection needs; None where the case has it already."""
        partition = case.partition(collection.id)
        about = partition.about()
        if about is None:
            return _Queued(self._run(collection, partition, pool, None, None), collection)
        only = self.redo.datasets(about, self.making) if self.redo is not None else None
        if not only and self.receipts and (judged := self.receipts.judged(about, about)) != about:
            partition.conclude(judged)
        if not only and self.redo is not None:
            return None
        if not only:
            self.summary.skipped.append(str(collection.origin))
            if about["made"]["rules"]["digest"] != self.making.rules["digest"]:
                self.summary.other_rules.append(str(collection.origin))
            return None
        staged = case.staged(collection.id)
        only = stage(partition, staged, only, self.making, about)
        return _Queued(self._run(collection, staged, pool, only, about), collection, (about["host"], sorted(only)))

    def _run(
        self,
        collection: inputs.EvidenceCollection,
        partition: Partition,
        pool: Pool,
        only: frozenset[str] | None,
        before: Mapping[str, Any] | None,
    ) -> Run:
        run = Run(collection, partition, pool, self.making, only, self.progress, partial(self.receipts.judged, before=before))
        run.queue()
        return run

    def _finish(self, case: Case, one: _Queued, *, alone: bool) -> None:
        with self._fenced(one.collection, alone=alone):
            self.summary.read += one.run.finish()
            if one.redone is not None:
                case.adopt(one.collection.id)
                self.summary.redone.append(one.redone)

    def _conclude(self, case: Case) -> None:
        """Sum up the whole case."""
        whole = run_pass(partitions(case.root), OverviewPass())
        self.summary.hosts, self.summary.severities, self.summary.findings = whole.hosts, whole.severities, whole.findings
        self.summary.unreproducible = whole.given_up
        self.summary.note_sources(self.setup.detection)
        self.summary.versions = grouped(whole.hosts)
        reproducible = {"reproducible": not whole.given_up, "given_up": whole.given_up}
        if any(case.about.get(key) != value for key, value in reproducible.items()):
            case.about.update(reproducible)
            case.save()
