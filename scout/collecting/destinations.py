"""Destinations of links in places where a mechanism of the host reads: units, cron, rc files, sudoers, keys.

A link is listed and never followed by the walk. Where a target's `follow` says that a program of the host opens the link, the regular file
to which it leads is taken too, under its own path. So are the files of a folder to which a link leads (`/etc/cron.d` → `/opt/jobs`). Each
step is looked up by its own name, so nothing outside the source is reached.
"""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterable, Iterator

from scout.collecting.walk import FoundPath, explain, measured, verdict_of
from scout.sources.source import EvidenceSource, Parts
from scout.sources.timed_calls import TimedCalls

MOST_STEPS = 40
"""Links on one way; Linux follows as many (path_resolution(7))."""


class StoppedStep:
    """A step on the way of a path that could not be taken: where, and its verdict in custody."""

    def __init__(self, parts: Parts, verdict: str, error: str, kind: str = "file") -> None:
        self.parts, self.verdict, self.error, self.type = parts, verdict, error, kind


def destinations(source: EvidenceSource, timed: TimedCalls, links: Iterable[FoundPath], known: Collection[Parts]) -> Iterator[FoundPath]:
    """Yield the file to which each link leads, once, with the wants of the link. Not those in `known`, and nothing but regular files."""
    seen = set(known)
    for link in links:
        found = _destination(source, timed, link)
        if found is not None and found.parts not in seen:
            seen.add(found.parts)
            yield found


def folder_behind(source: EvidenceSource, timed: TimedCalls, parts: Parts) -> Parts | None:
    """Return the folder to which a link leads; None where it leads to none, or to one that holds the link itself."""
    found = resolved(source, timed, parts)
    if not isinstance(found, tuple) or not stat.S_ISDIR(found[1]) or parts[: len(found[0])] == found[0]:
        return None
    return None if source.refusal(found[0]) else found[0]


def _destination(source: EvidenceSource, timed: TimedCalls, link: FoundPath) -> FoundPath | None:
    """Return what a link leads to. None where that is nothing, a circle, or no regular file."""
    found = resolved(source, timed, link.parts)
    if isinstance(found, StoppedStep):
        return FoundPath(found.parts, link.wants, found.type, verdict=found.verdict, error=found.error, place=link.place or link.parts)
    if found is None or not found[0] or not stat.S_ISREG(found[1]):
        return None
    return measured(source, timed, found[0], link.wants)._replace(place=link.place or link.parts)


def resolved(
    source: EvidenceSource, timed: TimedCalls, parts: Parts, links: list[Parts] | None = None
) -> tuple[Parts, int] | StoppedStep | None:
    """Return the path without links and its mode, resolved name by name; None where there is nothing, or a circle.

    The links on the way are added to `links`.
    """
    done: Parts = ()
    pending, steps, mode = list(reversed(parts)), 0, stat.S_IFDIR
    while pending:
        part = pending.pop()
        if part in ("", "."):
            continue
        if part == "..":
            done = done[:-1]
            continue
        done = (*done, part)
        try:
            mode = timed.call(source.status, done).st_mode
            if stat.S_ISLNK(mode):
                steps += 1
                if steps > MOST_STEPS:
                    return None
                text = timed.call(source.link, done)
                if links is not None:
                    links.append(done)
                done = () if text.startswith("/") else done[:-1]
                pending += reversed(text.split("/"))
                mode = stat.S_IFDIR
                continue
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as e:
            return StoppedStep(done, verdict_of(e), explain(e))
        if pending and (reason := source.refusal(done)):
            return StoppedStep(done, "blocked", reason, "directory")
    return done, mode
