"""Destinations of links in places where a mechanism of the host reads: units, cron, rc files, sudoers, keys.

A link is listed and never followed by the walk. Where a target's `follow` says that a program of the host opens the link, the regular file
to which it leads is taken too, under its own path. Each step is looked up by its own name, so nothing outside the source is reached.
"""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterable, Iterator

from scout.collecting.walk import FoundPath, explain, measured, verdict_of
from scout.sources.source import EvidenceSource, Parts
from scout.sources.timed_calls import TimedCalls

MOST_STEPS = 40
"""Links on one way; Linux follows as many (path_resolution(7))."""


def destinations(source: EvidenceSource, timed: TimedCalls, links: Iterable[FoundPath], known: Collection[Parts]) -> Iterator[FoundPath]:
    """Yield the file to which each link leads, once, with the wants of the link. Not those in `known`, and nothing but regular files."""
    seen = set(known)
    for link in links:
        found = _destination(source, timed, link)
        if found is not None and found.parts not in seen:
            seen.add(found.parts)
            yield found


def _destination(source: EvidenceSource, timed: TimedCalls, link: FoundPath) -> FoundPath | None:
    """Resolve the link name by name. None where it leads to nothing, in a circle, or to what is no regular file."""
    done: Parts = ()
    pending, steps = list(reversed(link.parts)), 0
    while pending:
        part = pending.pop()
        if part in ("", "."):
            continue
        if part == "..":
            done = done[:-1]
            continue
        done = (*done, part)
        try:
            status = timed.call(source.status, done)
            if stat.S_ISLNK(status.st_mode):
                steps += 1
                if steps > MOST_STEPS:
                    return None
                text = timed.call(source.link, done)
                done = () if text.startswith("/") else done[:-1]
                pending += reversed(text.split("/"))
                continue
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as e:
            return FoundPath(done, link.wants, verdict=verdict_of(e), error=explain(e))
        if pending and (reason := source.refusal(done)):
            return FoundPath(done, link.wants, "directory", verdict="blocked", error=reason)
    if not done or not stat.S_ISREG(status.st_mode):
        return None
    return measured(source, timed, done, link.wants)
