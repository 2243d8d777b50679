"""Parse one unit with one artefact: records as they will be written, and the account for the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from commodore.artefact import Problem, Record, RecordBatch, SweepLayer
from commodore.catalogue import Known
from commodore.engine.assemble import Assembler
from commodore.engine.bounds import BATCH, Problems, Room, cut
from commodore.engine.computers import several
from commodore.evidence import Evidence
from commodore.fence import raised
from commodore.host import Host
from commodore.readers.lines import most_bytes
from commodore.record import FAILED

RAISED = "raised"
LINES = 128
"""lines that are passed on together"""
LONGEST_REASON = 500
"""characters of a reason that quotes an exception"""
Note = Callable[[Problem], None]


class RecordLines(NamedTuple):
    """Finished records as text: their number, and their lines in pieces."""

    number: int
    pieces: list[bytes]


Take = Callable[["list[dict[str, Any]] | RecordLines", Problems], int]
"""called with finished records, or their lines where `plain`, and the problems so far; returns the bytes that the records took, and adds a
problem for each one that could not be searched or written"""


Offer = Callable[[SweepLayer], None]
"""called with further bytes that a parser decoded"""
Plain = Callable[[RecordBatch], bool]
"""says of a batch whether its records are only written: nothing else looks at them"""


def apart(_: RecordBatch) -> bool:
    """Take every batch apart: each record is wanted."""
    return False


def whole(_: RecordBatch) -> bool:
    """Take no batch apart: only lines are wanted."""
    return True


def ignore(_: SweepLayer) -> None:
    """Drop a layer: no sweep was asked for."""


def drop(_: str, __: SweepLayer) -> None:
    """Drop the layer of an artefact: no sweep was asked for."""


class Outcome(NamedTuple):
    """The result of one artefact on one unit."""

    expected: int | None
    parsed: int
    carved: int
    problems: list[Problem]
    failed: str = ""
    """`raised` where the parser raised an exception"""
    out_of_memory: bool = False


def parse(
    known: Known,
    evidence: Evidence,
    host: Host,
    take: Take,
    content: Any = None,
    batch: int = BATCH,
    *,
    plain: Plain = apart,
    offer: Offer = ignore,
) -> Outcome:
    """Read a unit and pass finished records to `take` in batches. A parser that raises is a problem, never the end of the run.

    content  what the parser gets: what an opened container offers; None: the evidence
    batch    records that are passed on together at most
    plain    says of a batch of records whether nothing but their lines is wanted: it need not be taken apart
    offer    takes the layers that the parser yields
    """
    content = evidence if content is None else content
    assembler = Assembler(
        known.artefact,
        collection=evidence.collection,
        member=evidence.member,
        source=evidence.source,
        host_name=host.name,
        host_inferred="name" in host.inferred,
        host_field=known.artefact.host_field if several(evidence.source) else "",
    )
    problems, room = Problems(), Room(evidence.length, batch)
    expected = promised(known, content, problems.add, evidence)
    parsed, carved, beyond, error = drain(lambda: known.parse(content, host), assembler, problems, room, take, plain=plain, offer=offer)
    for locator in assembler.duplicates:
        problems.add(Problem(f"locator given twice: {locator}", locator))
    if room.full:
        problems.add(Problem("the records take much more room than the evidence: long values were cut, and `escadre.cut` names them"))
    carved = max(carved, min(parsed, problems.carved))
    failed = RAISED if error or problems.raised else ""
    expected = None if expected is None else expected + beyond
    return Outcome(expected, parsed - carved, carved, problems.listed(), failed, isinstance(error, MemoryError))


def promised(known: Known, content: Any, note: Note, evidence: Evidence) -> int | None:
    """Return how many records the format's own headers promise; None where they do not say, or promise more than the file has bytes."""
    if known.expected is None:
        return None
    try:
        expected = known.expected(content)
    except Exception as e:  # evidence is hostile; what the count cannot say, the parser still may
        note(Problem(f"the count of expected records failed: {type(e).__name__}: {e}"))
        return None
    if expected is not None and expected > max(evidence.length, 1) and expected > (size := most_bytes(evidence)):
        note(Problem(f"the format's headers promise {expected:,} records, which {size:,} bytes cannot hold"))
        return None
    return expected


def drain(
    parser: Callable[[], Iterator[Record | RecordBatch | Problem | SweepLayer]],
    assembler: Assembler,
    problems: Problems,
    room: Room,
    take: Take,
    *,
    plain: Plain = apart,
    offer: Offer = ignore,
) -> tuple[int, int, int, Exception | None]:
    """Drain a parser. Return the number of records, how many of them were carved, how many of those no header promises
    (`Artefact.unpromised`), and the exception that ended it.
    """
    count = carved = beyond = 0
    unpromised = assembler.artefact.unpromised
    counted = {"carved", *unpromised}
    error: Exception | None = None
    batch: list[dict[str, Any]] = []
    written = _Written(assembler)
    size, full = 1, room.full
    make, note = assembler.record, problems.add
    try:
        for item in parser():
            if isinstance(item, RecordBatch) and not full and plain(item):
                if written.add(item) >= LINES:
                    lines = written.lines()
                    count += lines.number
                    room.batch(take(lines, problems), lines.number)
                    full = room.full
                for _, _, state in item.records:
                    if state in counted:
                        carved += 1
                        beyond += state in unpromised
                continue
            for one in item.each() if isinstance(item, RecordBatch) else (item,):
                if not isinstance(one, Record):
                    if isinstance(one, SweepLayer):
                        offer(one)
                    else:
                        note(one)
                    continue
                try:
                    made = make(one)
                except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as e:  # one odd value costs its record
                    note(raised(e, str(one.locator)))
                    continue
                batch.append(cut(made) if full else made)
                count += 1
                carved += one.state in counted
                beyond += one.state in unpromised
                if len(batch) >= size:
                    ready, batch = batch, []
                    size, full = room.batch(take(ready, problems), size), room.full
    except Exception as e:  # a defect of a parser must not cost the records of others
        error = _ended(e, note)
    try:
        rest = written.lines()
    except Exception as e:  # its batches hold what no line can: as above
        error = error or _ended(e, note)
    else:
        count += rest.number
        if rest.number:
            take(rest, problems)
    if batch:
        take(batch, problems)
    return count, carved, beyond, error


def _ended(error: Exception, note: Note) -> Exception:
    """Note what ended a parser, and return it without its frames, which hold the parser's memory."""
    gave_up = isinstance(error, (MemoryError, RecursionError))
    said = f"the parser gave up: {type(error).__name__}" if gave_up else f"the parser failed: {type(error).__name__}: {error}"
    note(Problem(said[:LONGEST_REASON], kind=FAILED))
    return error.with_traceback(None)


class _Written:
    """Batches of records that are only written, until there are enough lines to pass on. `number`: records that wait."""

    def __init__(self, assembler: Assembler) -> None:
        self._assembler, self.number = assembler, 0
        self._batches: list[RecordBatch] = []

    def add(self, batch: RecordBatch) -> int:
        """Keep a batch; return the number of records that wait. Those that share the same fields become one batch."""
        last = self._batches[-1] if self._batches else None
        if last is not None and last.shared is batch.shared and last.own == batch.own:
            last.records.extend(batch.records)
        else:
            self._batches.append(batch._replace(records=list(batch.records)))
        self.number += len(batch.records)
        return self.number

    def lines(self) -> RecordLines:
        """Return what waits as text; nothing waits afterwards."""
        made = RecordLines(self.number, [self._assembler.text(batch) for batch in self._batches])
        self._batches, self.number = [], 0
        return made
