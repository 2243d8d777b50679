"""Parse one unit with one artefact: records as they will be written, and the account for the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from commodore.artefact import Problem, Record
from commodore.catalogue import Known
from commodore.engine.assemble import Assembler
from commodore.engine.computers import several
from commodore.evidence import Evidence
from commodore.host import Host

RAISED = "raised"
BATCH = 64
"""records that go through detection and are serialised together"""


class Outcome(NamedTuple):
    """The result of one artefact on one unit."""

    expected: int | None
    parsed: int
    carved: int
    problems: list[Problem]
    failed: str = ""
    """`raised` where the parser raised an exception"""
    out_of_memory: bool = False


def parse(known: Known, evidence: Evidence, host: Host, take: Callable[[list[dict[str, Any]]], None], content: Any = None) -> Outcome:
    """Read a unit and pass finished records to `take` in batches. A parser that raises is a problem, never the end of the run.

    `content` is what the parser gets: what an opened container offers; None: the evidence.
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
    problems: list[Problem] = []
    expected = promised(known, content, problems)
    parsed, carved, error = _run(lambda: known.parse(content, host), assembler, problems, take)
    problems += [Problem(f"locator given twice: {locator}", locator) for locator in assembler.duplicates]
    carved = max(carved, min(parsed, sum(p.carved for p in problems)))
    return Outcome(expected, parsed - carved, carved, problems, RAISED if error else "", isinstance(error, MemoryError))


def promised(known: Known, content: Any, problems: list[Problem]) -> int | None:
    """Return how many records the format's own headers promise; None where they do not say."""
    if known.expected is None:
        return None
    try:
        return known.expected(content)
    except Exception as e:  # evidence is hostile; what the count cannot say, the parser still may
        problems.append(Problem(f"the count of expected records failed: {type(e).__name__}: {e}"))
        return None


def _run(
    parser: Callable[[], Iterator[Record | Problem]],
    assembler: Assembler,
    problems: list[Problem],
    take: Callable[[list[dict[str, Any]]], None],
) -> tuple[int, int, Exception | None]:
    """Drain a parser. Return the number of records, how many of them were carved, and the exception that ended it."""
    count = carved = 0
    error: Exception | None = None
    batch: list[dict[str, Any]] = []
    make = assembler.record
    try:
        for item in parser():
            if isinstance(item, Record):
                batch.append(make(item))
                count += 1
                if item.state == "carved":
                    carved += 1
                if len(batch) >= BATCH:
                    take(batch)
                    batch = []
            else:
                problems.append(item)
    except (MemoryError, RecursionError) as e:
        error = e.with_traceback(None)  # the frames hold the parser's memory
        problems.append(Problem(f"the parser gave up: {type(e).__name__}"))
    except Exception as e:  # a defect of a parser must not cost the records of others
        error = e.with_traceback(None)
        problems.append(Problem(f"the parser failed: {type(e).__name__}: {e}"))
    if batch:
        take(batch)
    return count, carved, error
