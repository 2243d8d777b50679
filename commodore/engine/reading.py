"""Read one job with all its artefacts. A shared container is opened once and offered to the artefacts that read in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from commodore.artefact import Problem
from commodore.catalogue import Known
from commodore.container import Holds, Opened, UnreadableError
from commodore.engine import unit
from commodore.engine.bounds import Problems
from commodore.engine.unit import RAISED, Note, Outcome
from commodore.evidence import Evidence
from commodore.fence import raised
from commodore.host import Host
from commodore.record import FAILED, UNREAD


class Outlets(NamedTuple):
    """The functions that a reading calls."""

    take: Callable[[str, list[dict[str, Any]] | list[bytes], Note], int]
    """called with the artefact's name and finished records, or their lines; returns the bytes that they took"""
    starts: Callable[[str], None]
    """called with the artefact or container that is at work from now on"""
    plain: Callable[[str], bool]
    """artefact → whether its records are only written, and no rule reads them"""


def read(known: Iterable[Known], evidence: Evidence, host: Host, out: Outlets) -> Iterator[tuple[str, Outcome]]:
    """Yield the outcome of each artefact, and that of each container that was opened, by name."""
    containers: dict[str, list[tuple[Known, Holds]]] = {}
    for one in known:
        if (holds := one.artefact.holds) is not None:
            containers.setdefault(holds.container, []).append((one, holds))
        else:
            yield _parse(one, evidence, evidence, host, out)
    for container, readers in containers.items():
        yield from _container(container, readers, evidence, host, out)


def _parse(one: Known, content: Any, evidence: Evidence, host: Host, out: Outlets) -> tuple[str, Outcome]:
    name = one.artefact.name
    out.starts(name)
    return name, unit.parse(one, evidence, host, partial(out.take, name), content, plain=out.plain(name))


def _container(
    container: str, readers: list[tuple[Known, Holds]], evidence: Evidence, host: Host, out: Outlets
) -> Iterator[tuple[str, Outcome]]:
    """Open a container for its readers. Its own trouble comes last, once for all of them."""
    out.starts(container)
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
            yield _parse(one, content, evidence, host, out)
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
    return None if content is None else unit.promised(one, content, lambda _: None)
