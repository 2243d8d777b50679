"""The work of a worker process: it takes tasks from a pipe and returns compressed lines and the accounts of each job."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zstandard

from commodore import catalogue
from commodore.case.jsonl import LEVEL
from commodore.case.view import CaseView
from commodore.engine import reading, unit
from commodore.engine.assemble import Assembler, line
from commodore.engine.bounds import BATCH, DERIVED, Problems, Room, serialised
from commodore.engine.results import CHOSEN, FRAME, HITS, STOPPED, Result, SalvagedPart, UnitAccount
from commodore.engine.scratch import Sealed
from commodore.engine.searching import JobSearch, together
from commodore.engine.tasks import Job, Task
from commodore.engine.unit import RAISED, Note
from commodore.evidence import Evidence
from commodore.hits import Hit
from commodore.host import Host
from commodore.record import FAILED, Problem, Raised
from commodore.sweep.found import DATASET, SEARCHES

if TYPE_CHECKING:
    from commodore.detection import Detection
    from commodore.sweep.finder import FoundInUnit

OUT_OF_MEMORY = 75
"""exit code of a worker in which a parser ran out of memory beside others"""
BEAT = 0.5
"""seconds between two reports of progress"""


@dataclass
class Setup:
    """The settings of a worker. Forked workers inherit `detection`; others load it again from its cache."""

    rules: tuple[Path, ...] = ()
    iocs: tuple[Path, ...] = ()
    known: tuple[Path, ...] = ()
    baselines: tuple[Path, ...] = ()
    cache: Path | None = None
    memory: int = 1 << 30
    detection: Detection | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"detection": None}

    def load(self) -> Detection:
        """Return the detection, loaded if it was not inherited."""
        if self.detection is None:
            self.detection = load_detection(self.rules, self.iocs, self.cache, self.known, self.baselines)
        return self.detection


def load_detection(
    rules: tuple[Path, ...], iocs: tuple[Path, ...], cache: Path | None, known: tuple[Path, ...] = (), baselines: tuple[Path, ...] = ()
) -> Detection:
    """Return the compiled rules, indicators and persistence table, and what the site knows."""
    from commodore.case import site
    from commodore.detection import Detection

    return Detection.load(rules, iocs, cache, site.load(known, baselines))


def prepared(setup: Setup, pipe: Connection) -> Worker:
    """Return the worker of this process. It ignores SIGINT (the parent handles it), and its address space is capped.

    The collector of garbage leaves out what is there at the start: rules and modules, which stay to the end.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit(setup.memory)
    worker = Worker(setup.load(), pipe)
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    return worker


def _limit(memory: int) -> None:
    """Address space: what is there now and `memory` bytes more. Where the system has no such limit, the parent watches."""
    if sys.platform == "linux":
        import resource

        now = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (now + memory, now + memory))


class Worker:
    """Run tasks. `pipe` reports which job and which artefact is at work, so that the parent knows what stopped; None in tests."""

    def __init__(self, detection: Detection, pipe: Connection | None = None) -> None:
        self._detection, self._pipe = detection, pipe
        self._known, self._beat, self._reported = catalogue.artefacts(), 0.0, ""
        self._declared = {name: known.artefact for name, known in self._known.items()}
        self._declared |= {name: made.artefact for name, made in catalogue.derivations().items()}
        self._sorters = catalogue.sorters()
        self._compressor = zstandard.ZstdCompressor(level=LEVEL)
        self._lines: dict[str, list[bytes]] = {}
        self._frames: dict[str, list[bytes]] = {}
        self._weights: dict[str, int] = {}
        self._counts: dict[str, int] = {}
        self._sources: dict[str, set[str]] = {}
        self._alone = self._spent = self._salvaging = False
        self._passed = 0
        """problems that were passed on"""
        self._search: JobSearch | None = None
        """the raw sweep of the job that is read"""

    def run(self, task: Task) -> Result:
        """Do all jobs of a task."""
        start = time.perf_counter()
        self._lines, self._frames, self._weights, self._counts = {}, {}, {}, {}
        self._sources, self._salvaging, self._passed = {}, task.salvage, 0
        self._reported = ""
        result = Result(task.number)
        self._alone, self._spent = len(task.jobs) < 2 and all(len(job.artefacts) < 2 for job in task.jobs), False
        if task.derive:
            result.accounts.append(self._derive(task))
        found = together(self._detection, task.jobs) if self._detection.searches and not task.given_up else [None] * len(task.jobs)
        for i, job in enumerate(task.jobs):
            self._alive("")
            if task.given_up:
                result.add(given_up(task, partial(self._promised, job, task.host)))
                continue
            result.accounts += self._read(job, task.host, found[i])
        for name in self._lines:
            self._close_frame(name)
        result.frames = {name: b"".join(frames) for name, frames in self._frames.items()}
        result.sources = {name: sorted(places) for name, places in self._sources.items() if places}
        result.counts, result.seconds, result.spent = self._counts, time.perf_counter() - start, self._spent
        return result

    def _out_of_memory(self) -> None:
        """End the process, unless the guilty parser is alone in the task: memory that it holds may be missing for its neighbours.

        Alone, it keeps the records that it gave before; the worker is replaced afterwards.
        """
        self._spent = True
        if not self._alone and self._pipe is not None:
            os._exit(OUT_OF_MEMORY)

    def _write(self, name: str, lines: Iterable[bytes]) -> int:
        """Add lines of a dataset as one piece of bytes: many small ones take several times their length in memory. Returns their bytes."""
        return self._hold(name, [b"".join(lines)])

    def _hold(self, name: str, pieces: list[bytes]) -> int:
        """Add pieces of a dataset, each of whole lines. Returns their bytes."""
        size = sum(map(len, pieces))
        self._lines.setdefault(name, []).extend(pieces)
        self._weights[name] = self._weights.get(name, 0) + size
        if self._weights[name] >= FRAME and not self._salvaging:
            self._close_frame(name)
        return size

    def _pass_on(self, problems: Problems) -> None:
        """Send to the parent what was read since the last time: this process may not live to return it."""
        lines = {name: b"".join(pieces) for name, pieces in self._lines.items() if pieces}
        self._lines, self._weights = {}, {}
        fresh = problems.kept(self._passed)
        self._passed += len(fresh)
        if self._pipe is not None:
            self._pipe.send(
                SalvagedPart(lines, {name: sorted(places) for name, places in self._sources.items()}, dict(self._counts), fresh)
            )

    def _close_frame(self, name: str) -> None:
        if self._weights.get(name):
            self._frames.setdefault(name, []).append(self._compressor.compress(b"".join(self._lines[name])))
            self._lines[name], self._weights[name] = [], 0

    def _promised(self, job: Job, host: Host, name: str) -> int | None:
        known = self._known.get(name)  # a container, which promises nothing, has no artefact of its name
        return reading.promised(known, _evidence(job, host.collection), host) if known else None

    def _alive(self, artefact: str | None = None) -> None:
        """Report to the parent that there is progress, and `artefact`, which reads from now on ("": the job has only one)."""
        artefact = self._reported if artefact is None else artefact
        now = time.monotonic()
        if self._pipe is not None and (artefact != self._reported or now - self._beat > BEAT):
            self._beat, self._reported = now, artefact
            self._pipe.send(artefact)

    def _read(self, job: Job, host: Host, found: FoundInUnit | None) -> list[UnitAccount]:
        accounts: list[UnitAccount] = []
        evidence = _evidence(job, host.collection)
        known = [self._known[name] for name in job.artefacts if name not in SEARCHES]

        def starts(name: str) -> None:
            if len(job.artefacts) > 1:
                self._alive(name)

        search = self._search = JobSearch.of(self._detection, evidence, job.border, host, self._alive)
        if search is not None:
            search.prepare(found)
            accounts += search.run(tuple(name for name in job.artefacts if name in SEARCHES), starts)
        offer = search.offer if search is not None else unit.drop
        for name, outcome in reading.read(known, evidence, host, partial(self._take, host), starts, self._batch, self._plain, offer):
            accounts.append(UnitAccount(job.member, job.source, name, *outcome[:4], job.offset, outcome.failed))
            if outcome.out_of_memory:
                self._out_of_memory()
        if search is not None:
            accounts += search.contents(known)
            self._search = None
            search.finish(partial(self._take, host, DATASET))
        return accounts

    @property
    def _batch(self) -> int:
        return 1 if self._salvaging else BATCH

    def _plain(self, name: str) -> unit.Plain:
        """Return what says of a batch of a dataset whether it is only written: no rule, no indicator and no derived dataset looks at it."""
        if self._salvaging or self._detection.reads(name):
            return unit.apart
        return self._sorters[name].passes if name in self._sorters else unit.whole

    def _take(self, host: Host, name: str, records: list[dict[str, Any]] | unit.RecordLines, problems: Problems) -> int:
        """Run detection on finished records of one dataset, then turn them into lines. Returns the bytes of the lines."""
        count = records.number if isinstance(records, unit.RecordLines) else len(records)
        self._counts[name] = self._counts.get(name, 0) + count
        if isinstance(records, unit.RecordLines):
            written = self._hold(name, records.pieces)
            self._alive()
            return written
        hits = self._matched(name, records, host, problems.add)
        if records:
            self._sources.setdefault(name, set()).update(self._detection.log_sources(name, records))
        if self._search is not None:
            self._search.look(name, records, hits)
        written = self._write(HITS + name, (line(hit._asdict()) for hit in hits)) if hits else 0
        lines = serialised(records, line)
        written += self._write(name, lines)
        self._sort(name, records, lines)
        if self._salvaging:
            self._pass_on(problems)
        else:
            self._alive()
        return written

    def _sort(self, name: str, records: list[dict[str, Any]], lines: list[bytes]) -> None:
        """Add what derived datasets read of the records that they chose to their lines."""
        if (sorter := self._sorters.get(name)) is None:
            return
        chosen: dict[str, list[bytes]] = {}
        for record, text in zip(records, lines, strict=True):
            for derived in sorter.who(record):
                part = sorter.choices[derived].part(record)
                chosen.setdefault(derived, []).append(text if part is record else line(part))
        for derived, some in chosen.items():
            self._write(f"{CHOSEN}{derived}/{name}", some)

    def _matched(self, name: str, records: list[dict[str, Any]], host: Host, note: Note) -> list[Hit]:
        """Return the hits on records. A record on which detection raises costs its own hits; it is kept, and noted."""
        declared = self._declared[name]
        try:
            hits = self._detection.match(declared, records, host)
        except MemoryError:
            raise
        except Exception as e:  # records hold hostile text, and each rule is another way to read it
            if len(records) == 1:
                note(unsearched(e, records[0]))
                return []
            hits = [hit for record in records for hit in self._matched(name, [record], host, note)]
        return hits

    def _derive(self, task: Task) -> UnitAccount:
        derivation = catalogue.derivations()[task.derive]
        host, name = task.host, task.derive
        assembler = Assembler(
            derivation.artefact,
            collection=host.collection,
            member=-1,
            source=f"derived/{name}",
            host_name=host.name,
            host_inferred="name" in host.inferred,
            host_field="host.name",  # of the records that it was made from
        )
        problems = Problems()
        view = CaseView(
            Path(task.case),
            host.collection,
            derivation.artefact,
            task.sorted,
            whole=task.whole,
            site=self._detection.site,
            indicator=self._detection.indicator,
        )
        count, _, _, error = unit.drain(
            lambda: derivation.derive(view, host), assembler, problems, Room(DERIVED, self._batch), partial(self._take, host, name)
        )
        self._spent = isinstance(error, MemoryError)
        failed = RAISED if error or problems.raised else ""
        return UnitAccount(-1, f"derived/{name}", name, None, count, 0, problems.listed(), 0, failed)


def unsearched(error: Exception, record: Mapping[str, Any]) -> Raised:
    """Return the problem of a record on which detection raised."""
    reason = f"no rule was applied to this record: {type(error).__name__}: {error}"[:200]
    return Raised(reason, str(record.get("escadre.locator") or ""), kind=FAILED)


def given_up(task: Task, promised: Callable[[str], int | None]) -> Result:
    """Return the result of a task that stopped its worker: per artefact a problem, and the count that the format promised, if known."""
    result, reason = Result(task.number), task.given_up
    if task.derive:
        problems = [Problem(reason, kind=FAILED)]
        result.accounts.append(UnitAccount(-1, f"derived/{task.derive}", task.derive, None, 0, 0, problems, 0, STOPPED))
        result.killed.append((-1, reason))
    for job in task.jobs:
        problems = [Problem(reason, f"unit/{job.index}", kind=FAILED)]
        for name in job.artefacts:
            result.accounts.append(UnitAccount(job.member, job.source, name, promised(name), 0, 0, problems, job.offset, STOPPED))
            result.killed.append((job.member, f"{name}: {reason}"))
    return result


def _evidence(job: Job, collection: str) -> Evidence:
    content = job.content
    return Evidence(
        job.source,
        content if isinstance(content, bytes) else content.open if isinstance(content, Sealed) else lambda: content.open("rb"),
        size=job.size,
        collection=collection,
        member=job.member,
        facts=job.facts,
        offset=job.offset,
        index=job.index,
        companions={role: _evidence(c, collection) for role, c in job.companions.items()},
        path=content if isinstance(content, Path) else None,
    )
