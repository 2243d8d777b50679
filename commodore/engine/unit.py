"""Parse one unit with one artefact: records as they will be written, and the account for the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from commodore.artefact import Problem, Record, RecordBatch
from commodore.catalogue import Known
from commodore.engine.assemble import Assembler
from commodore.engine.bounds import Problems, Room, cut
from commodore.engine.computers import several
from commodore.evidence import Evidence
from commodore.fence import raised
from commodore.host import Host
from commodore.record import FAILED

RAISED = "raised"
LINES = 512
"""lines that are passed on together"""
LONGEST_REASON = 500
"""characters of a reason that quotes an exception"""
Note = Callable[[Problem], None]
Take = Callable[["list[dict[str, Any]] | list[bytes]", Note], int]
"""called with finished records, or with their lines where `plain`; returns the bytes that they took, and notes each record that could not
be searched or written"""


class Outcome(NamedTuple):
    """The result of one artefact on one unit."""

    expected: int | None
    parsed: int
    carved: int
    problems: list[Problem]
    failed: str = ""
    """`raised` where the parser raised an exception"""
    out_of_memory: bool = False


def parse(known: Known, evidence: Evidence, host: Host, take: Take, content: Any = None, *, plain: bool = False) -> Outcome:
    """Read a unit and pass finished records to `take` in batches. A parser that raises is a problem, never the end of the run.

    `content` is what the parser gets: what an opened container offers; None: the evidence. `plain`: nothing but the lines of records is
    wanted, so that a batch of them need not be taken apart.
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
    problems, room = Problems(), Room(evidence.length)
    expected = promised(known, content, problems.add)
    parsed, carved, beyond, error = drain(lambda: known.parse(content, host), assembler, problems, room, take, plain=plain)
    for locator in assembler.duplicates:
        problems.add(Problem(f"locator given twice: {locator}", locator))
    if room.full:
        problems.add(Problem("the records take much more room than the evidence: long values were cut, and `escadre.cut` names them"))
    carved = max(carved, min(parsed, problems.carved))
    failed = RAISED if error or problems.raised else ""
    expected = None if expected is None else expected + beyond
    return Outcome(expected, parsed - carved, carved, problems.listed(), failed, isinstance(error, MemoryError))


def promised(known: Known, content: Any, note: Note) -> int | None:
    """Return how many records the format's own headers promise; None where they do not say."""
    if known.expected is None:
        return None
    try:
        return known.expected(content)
    except Exception as e:  # evidence is hostile; what the count cannot say, the parser still may
        note(Problem(f"the count of expected records failed: {type(e).__name__}: {e}"))
        return None


def drain(
    parser: Callable[[], Iterator[Record | RecordBatch | Problem]],
    assembler: Assembler,
    problems: Problems,
    room: Room,
    take: Take,
    *,
    plain: bool = False,
) -> tuple[int, int, int, Exception | None]:
    """Drain a parser. Return the number of records, how many of them were carved, how many of those no header promises
    (`Artefact.unpromised`), and the exception that ended it.
    """
    count = carved = beyond = 0
    unpromised = assembler.artefact.unpromised
    error: Exception | None = None
    batch: list[dict[str, Any]] = []
    lines: list[bytes] = []
    size = 1
    make, note = assembler.record, problems.add

    apart = {"carved", *unpromised}

    def recovered(state: str) -> None:
        nonlocal carved, beyond
        carved += 1
        beyond += state in unpromised

    try:
        for item in parser():
            if isinstance(item, RecordBatch) and plain and not room.full:
                lines += assembler.lines(item)
                count += len(item.records)
                for record in item.records:
                    if record.state in apart:
                        recovered(record.state)
                if len(lines) >= LINES:
                    ready_lines, lines = lines, []
                    room.batch(take(ready_lines, note), len(ready_lines))
                continue
            for one in item.each() if isinstance(item, RecordBatch) else (item,):
                if not isinstance(one, Record):
                    note(one)
                    continue
                try:
                    made = make(one)
                except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as e:  # one odd value costs its record
                    note(raised(e, str(one.locator)))
                    continue
                batch.append(cut(made) if room.full else made)
                count += 1
                if one.state in apart:
                    recovered(one.state)
                if len(batch) >= size:
                    ready, batch = batch, []
                    size = room.batch(take(ready, note), size)
    except (MemoryError, RecursionError) as e:
        error = e.with_traceback(None)  # the frames hold the parser's memory
        note(Problem(f"the parser gave up: {type(e).__name__}", kind=FAILED))
    except Exception as e:  # a defect of a parser must not cost the records of others
        error = e.with_traceback(None)
        note(Problem(f"the parser failed: {type(e).__name__}: {e}"[:LONGEST_REASON], kind=FAILED))
    if lines:
        take(lines, note)
    if batch:
        take(batch, note)
    return count, carved, beyond, error
