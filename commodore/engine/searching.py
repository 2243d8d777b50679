"""The raw sweep in the engine: what surrounds a unit, and the search of one job with the records that it cites."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from commodore import catalogue
from commodore.artefact import SweepLayer
from commodore.catalogue import Known
from commodore.engine.assemble import Assembler, identity
from commodore.engine.bounds import BATCH, Problems
from commodore.engine.results import UnitAccount
from commodore.engine.stream import Piece
from commodore.engine.tasks import Job
from commodore.engine.unit import RAISED
from commodore.evidence import Evidence
from commodore.fence import raised
from commodore.hits import Hit
from commodore.host import Host
from commodore.record import FAILED, Problem
from commodore.sweep.found import AFTER, DATASET, INDICATORS, WINDOW, Border
from commodore.sweep.search import MemberSweep

if TYPE_CHECKING:
    from commodore.detection import Detection
    from commodore.sweep.finder import FoundInUnit

BEFORE = 64 << 10
"""bytes in front of a unit that go with it: no indicator is longer"""


class Borders:
    """The units of one member as they stream by, each with what surrounds it. A unit waits for the one behind it."""

    def __init__(self, header: int, *, counted: bool) -> None:
        self._header, self._counted, self._lines = header, counted, 0
        self._waiting: Piece | None = None
        self._before = b""

    def add(self, piece: Piece) -> Iterator[tuple[Piece, Border]]:
        """Take the next unit; yield the one before it."""
        yield from self._ready(piece.data[self._header : self._header + AFTER])
        self._waiting = piece

    def last(self) -> Iterator[tuple[Piece, Border]]:
        """Yield the last unit."""
        yield from self._ready(b"")

    def _ready(self, after: bytes) -> Iterator[tuple[Piece, Border]]:
        piece, self._waiting = self._waiting, None
        if piece is None:
            return
        yield piece, Border(self._header, self._before, after, self._lines if self._counted else -1, cut=True)
        self._before = piece.data[max(self._header, len(piece.data) - BEFORE) :]
        if self._counted:
            self._lines += piece.data.count(b"\n", self._header)


def together(detection: Detection, jobs: Sequence[Job]) -> list[FoundInUnit | None]:
    """Return what is in each small member of a task, searched together; None for a job that is searched alone."""
    small = [
        n
        for n, job in enumerate(jobs)
        if INDICATORS in job.artefacts and isinstance(job.content, bytes) and len(job.content) <= WINDOW and not job.border.cut
    ]
    found: list[FoundInUnit | None] = [None] * len(jobs)
    if len(small) > 1:
        try:
            made = detection.find_each([bytes(jobs[n].content) for n in small])  # type: ignore[arg-type]
        except Exception:  # each is searched alone then, and names its trouble
            return found
        for n, one in zip(small, made, strict=True):
            found[n] = one
    return found


class JobSearch:
    """The raw sweep of one job. Its own failures are problems of the search; the artefacts of the job read on."""

    def __init__(self, sweep: MemberSweep, detection: Detection, evidence: Evidence, host: Host) -> None:
        self._sweep, self._detection, self._evidence, self._host = sweep, detection, evidence, host

    @classmethod
    def of(cls, detection: Detection, evidence: Evidence, border: Border, host: Host, announce: Callable[[], None]) -> JobSearch | None:
        """Return the search; None where none was asked for."""
        sweep = detection.swept(evidence, border, announce)
        return None if sweep is None else cls(sweep, detection, evidence, host)

    def prepare(self, found: FoundInUnit | None) -> None:
        """Take what is in the member, where it was searched together with others."""
        self._sweep.prepared = found

    def run(self, names: tuple[str, ...], starts: Callable[[str], None]) -> Iterator[UnitAccount]:
        """Do the searches of the job; yield the account of each."""
        for name in names:
            starts(name)
            problems, before = Problems(), self._sweep.searched
            places = 0
            try:
                places = self._sweep.run(name)
            except MemoryError:
                problems.add(Problem("the search ran out of memory", kind=FAILED))
            except Exception as e:  # a defect of the search must not cost the records of the artefacts
                problems.add(raised(e, ""))
            for problem in self._sweep.problems():
                problems.add(problem)
            evidence = self._evidence
            failed = RAISED if problems.raised else ""
            searched = self._sweep.searched - before
            yield UnitAccount(evidence.member, evidence.source, name, None, places, 0, problems.listed(), evidence.offset, failed, searched)

    def look(self, dataset: str, records: list[dict[str, Any]], hits: list[Hit]) -> None:
        """Search values of finished records, and note which records have what was found."""
        self._sweep.look(dataset, records, ((hit.rule, hit.record) for hit in hits))

    def offer(self, artefact: str, layer: SweepLayer) -> None:
        """Search bytes that an artefact decoded."""
        evidence = self._evidence
        cites = ""
        if layer.locator:
            made = identity(evidence.collection, evidence.member, artefact)
            made.update(f"{layer.locator}\0".encode("utf-8", "surrogatepass"))
            cites = made.hexdigest()
        self._sweep.layer(artefact, layer, cites)

    def contents(self, known: Iterable[Known]) -> Iterator[UnitAccount]:
        """Search what artefacts find inside the member. Yields an account only of what could not be done."""
        for one in known:
            name, evidence = one.artefact.name, self._evidence
            if one.contents is None:
                continue
            problems = Problems()
            try:
                for layer in one.contents(evidence):
                    self.offer(name, layer)
            except MemoryError:
                problems.add(Problem(f"the search in the layers of {name} ran out of memory", kind=FAILED))
            except Exception as e:  # as in `run`
                problems.add(raised(e, ""))
            for problem in self._sweep.problems():
                problems.add(problem)
            if listed := problems.listed():
                search = self._detection.searches[0]
                failed = RAISED if problems.raised else ""
                yield UnitAccount(evidence.member, evidence.source, search, None, 0, 0, listed, evidence.offset, failed)

    def finish(self, take: Callable[[list[dict[str, Any]], Problems], int]) -> None:
        """Pass on the records of what was found."""
        assembler = Assembler(
            catalogue.artefacts()[DATASET].artefact,
            collection=self._evidence.collection,
            member=self._evidence.member,
            source=self._evidence.source,
            host_name=self._host.name,
            host_inferred="name" in self._host.inferred,
        )
        problems = Problems()
        batch: list[dict[str, Any]] = []
        for record in self._sweep.records():
            batch.append(assembler.record(record))
            if len(batch) >= BATCH:
                take(batch, problems)
                batch = []
        if batch:
            take(batch, problems)
