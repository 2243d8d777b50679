"""Read one job with all its artefacts. A shared container is opened once and offered to the artefacts that read in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from commodore.artefact import Problem, SweepLayer
from commodore.catalogue import Known
from commodore.container import Holds, Opened, UnreadableError
from commodore.engine import unit
from commodore.engine.bounds import BATCH, Problems
from commodore.engine.unit import RAISED, Outcome
from commodore.evidence import Evidence
from commodore.fence import raised
from commodore.host import Host
from commodore.record import FAILED, UNREAD

Take = Callable[[str, list[dict[str, Any]] | unit.RecordLines, Problems], int]
"""called with the artefact's name, finished records or their lines, and the problems so far; returns the bytes that the records took"""
Parse = Callable[[Known, Any], tuple[str, Outcome]]
Starts = Callable[[str], None]
"""called with the artefact or container that is at work from now on"""


def read(
    known: Iterable[Known],
    evidence: Evidence,
    host: Host,
    take: Take,
    starts: Starts,
    batch: int = BATCH,
    plain: Callable[[str], unit.Plain] = lambda _: unit.apart,
    offer: Callable[[str, SweepLayer], None] = unit.drop,
) -> Iterator[tuple[str, Outcome]]:
    """Yield the outcome of each artefact, and that of each container that was opened, by name.

    batch    records that `take` gets together
    plain    artefact → what says of its batches whether they are only written: `take` may get their lines
    offer    gets the artefact's name and each layer that it decoded
    """

    def parse(one: Known, content: Any) -> tuple[str, Outcome]:
        name = one.artefact.name
        starts(name)
        return name, unit.parse(one, evidence, host, partial(take, name), content, batch, plain=plain(name), offer=partial(offer, name))

    containers: dict[str, list[tuple[Known, Holds]]] = {}
    for one in known:
        if (holds := one.artefact.holds) is not None:
            containers.setdefault(holds.container, []).append((one, holds))
        else:
            yield parse(one, evidence)
    for container, readers in containers.items():
        yield from _container(container, readers, evidence, host, parse, starts)


def _container(
    container: str, readers: list[tuple[Known, Holds]], evidence: Evidence, host: Host, parse: Parse, starts: Starts
) -> Iterator[tuple[str, Outcome]]:
    """Open a container for its readers. Its own trouble comes last, once for all of them."""
    starts(container)
    try:
        opened: Opened = readers[0][1].open(evidence, host)
        opened.expect([holds for _, holds in readers])
    except UnreadableError as e:
        yield container, _trouble(str(e))
        return
    except Exception as e:  # a defect of the container's reader must not cost the records of other artefacts
        yield container, _trouble(f"the file could not be opened: {type(e).__name__}: {e}", e)
        return
    used = False
    for one, holds in readers:
        try:
            content = opened.offer(holds)
        except Exception as e:  # as above
            yield one.artefact.name, _trouble(f"the search in the {container} failed: {type(e).__name__}: {e}", e)
            continue
        if content is not None:
            used = True
            yield parse(one, content)
    problems = Problems()
    try:
        for problem in opened.problems():
            problems.add(problem)
    except Exception as e:  # as above
        problems.add(raised(e, ""))
    listed = problems.listed()
    if listed or not used:
        yield container, Outcome(None, 0, 0, listed, RAISED if problems.raised else "")


def _trouble(reason: str, error: Exception | None = None) -> Outcome:
    return Outcome(None, 0, 0, [Problem(reason, kind=FAILED if error else UNREAD)], RAISED if error else "", isinstance(error, MemoryError))


def promised(one: Known, evidence: Evidence, host: Host) -> int | None:
    """Return what the format promises an artefact, None where that is unknown. The parser is not called."""
    content: Any = evidence
    if (holds := one.artefact.holds) is not None:
        try:
            content = holds.open(evidence, host).offer(holds)
        except Exception:
            content = None
    return None if content is None else unit.promised(one, content, lambda _: None, evidence)
