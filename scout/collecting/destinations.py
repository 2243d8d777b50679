r"""Destinations of links in places where a program of the host reads: units, cron, rc files, keys; on Windows every place.

A link is listed and never followed by the walk. Where a target's `follow` says that a program of the host opens the link, the regular file
to which it leads is taken too, under its own path. So are the files of a folder to which a link leads (`/etc/cron.d` → `/opt/jobs`,
`C:\Users` → `D:\Users`). Each step is looked up by its own name, so nothing outside the sources is reached.
"""

from __future__ import annotations

import stat
from typing import NamedTuple

from scout.collecting.volumes import HostVolumes
from scout.collecting.walk import explain, verdict_of
from scout.sources.source import EvidenceSource, Parts, spellings
from scout.sources.timed_calls import TimedCalls

_MOST_STEPS, _MOST_STEPS_LINUX = 63, 40
"""Links on one way: Windows goes through 63 reparse points, Linux through 40 (path_resolution(7))."""

_UNSAID = "the driver of the mounted volume does not say where it leads: examine the volume itself, with --image"


class Reached(NamedTuple):
    """Where a path leads: volume, path without links, mode."""

    source: EvidenceSource
    parts: Parts
    mode: int


class Nowhere(NamedTuple):
    """A path that leads to nothing that can be taken, and why: a clause for custody, behind the name of the link."""

    why: str


class StoppedStep(NamedTuple):
    """A step on the way of a path that could not be taken: where, and its verdict in custody."""

    source: EvidenceSource
    parts: Parts
    verdict: str
    error: str
    type: str = "file"


def resolved(
    source: EvidenceSource, timed: TimedCalls, parts: Parts, volumes: HostVolumes, links: list[tuple[EvidenceSource, Parts]] | None = None
) -> Reached | Nowhere | StoppedStep:
    """Return the path without links, resolved name by name. The links on the way are added to `links`."""
    done: Parts = ()
    pending, steps, mode = list(reversed(parts)), 0, stat.S_IFDIR
    while pending:
        part = pending.pop()
        if part in ("", "."):
            continue
        if part == "..":
            done, mode = done[:-1], stat.S_IFDIR
            continue
        done = (*done, part)
        try:
            if source.fold:
                found = timed.call(spellings, source, done[:-1], part)
                if not found:
                    return _nothing(source, done)
                done = (*done[:-1], found[0])
            mode = timed.call(source.status, done).st_mode
            if stat.S_ISLNK(mode):
                steps += 1
                if steps > (_MOST_STEPS if source.windows else _MOST_STEPS_LINUX):
                    return Nowhere("its links lead in a circle, or through too many links")
                text = timed.call(source.link, done)
                if links is not None:
                    links.append((source, done))
                onward = volumes.onward(source, done[:-1], text) if text else None
                if onward is None:
                    return Nowhere(f"it leads out of what is examined, to {text}: not followed" if text else _UNSAID)
                source, done, names = onward
                pending += reversed(names)
                mode = stat.S_IFDIR
                continue
        except (FileNotFoundError, NotADirectoryError):
            return _nothing(source, done)
        except OSError as e:
            return StoppedStep(source, done, verdict_of(e), explain(e))
        if pending and (reason := source.refusal(done)):
            return StoppedStep(source, done, "blocked", reason, "directory")
    return Reached(source, done, mode)


def _nothing(source: EvidenceSource, parts: Parts) -> Nowhere:
    return Nowhere(f"it leads to {source.native(parts)}, which is not there")
