"""Links in places where a mechanism reads: the content is that of the file to which the link leads within the collection.

systemd, cron, the shells and sshd open a link like the file behind it. The file behind it is read as if it stood in the place of the link.
So are the files of a folder behind a link (`/etc/cron.d` → `/opt/jobs`).
"""

from __future__ import annotations

import posixpath
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from commodore import catalogue
from commodore.engine.inputs import below_root

_MOST_BELOW = 1_000_000
"""Paths that are looked at behind links to folders."""
_MOST_STEPS = 40
"""Links on one way; Linux follows as many (path_resolution(7))."""


class Led(NamedTuple):
    """A link that an artefact would read by its path. `to` is '' where `reason` says why its content is not read."""

    path: str
    member: int | None
    names: tuple[str, ...]
    to: str
    reason: str


def gathered(custody: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, int | None]]:
    """Return path → text and member of the links of custody."""
    links: dict[str, tuple[str, int | None]] = {}
    for said in custody:
        path, text = said.get("source"), said.get("link")
        if said.get("verdict") == "link" and isinstance(path, str) and path.startswith("/") and isinstance(text, str) and text:
            links[path] = text, said.get("member")
    return links


def find(links: Mapping[str, tuple[str, int | None]], taken: Mapping[str, int]) -> Iterator[Led]:
    """Yield the links that artefacts read by their path, sorted by path. `taken`: native path → ordinal of each member with content."""
    matcher = catalogue.matcher()
    texts = {path: text for path, (text, _) in links.items()}
    read: dict[str, str] = {}
    for path in sorted(texts):
        names = matcher.of_source(path, below_root(path))
        if not names:
            continue
        to = resolve(path, texts)
        own = matcher.of_source(to, below_root(to)) if to else ()
        reason = ""
        if not to:
            reason = "link: its links lead in a circle"
        elif to == "/dev/null":
            reason = "link to /dev/null: there is nothing to read"
        elif to not in taken:
            reason = f"link: it leads to {to}, which is not in this collection"
        elif set(names) <= set(own):
            reason = f"link: it leads to {to}, which is read there"
        elif to in read:
            reason = f"link: it leads to {to}, which is read as {read[to]}"
        else:
            read[to] = path
        yield Led(path, links[path][1], names, "" if reason else to, reason)
    yield from _below_folders(links, texts, taken, read)


def _below_folders(
    given: Mapping[str, tuple[str, int | None]], links: Mapping[str, str], taken: Mapping[str, int], read: dict[str, str]
) -> Iterator[Led]:
    """Yield the files that artefacts read by their path through a link to a folder, and nowhere else; and links to what is not there."""
    matcher = catalogue.matcher()
    there = sorted([*taken, *links])
    through: set[str] = set()
    looked = 0
    for link in sorted(links):
        to = resolve(link, links)
        if not to or to in taken or link == to or link.startswith(f"{to}/"):
            continue
        folder = to.rstrip("/") + "/"
        first = bisect_left(there, folder)
        if first == len(there) or not there[first].startswith(folder):
            if matcher.leads_below(link, below_root(link)):
                yield Led(link, given[link][1], (), "", f"link: it leads to {to}, which is not in this collection")
            continue
        for at in range(first, len(there)):
            if not there[at].startswith(folder) or looked >= _MOST_BELOW:
                break
            looked += 1
            path = f"{link}/{there[at][len(folder) :]}"
            names = matcher.of_source(path, below_root(path))
            if not names:
                continue
            end = resolve(path, links)
            if end not in taken or end in read or set(names) <= set(matcher.of_source(end, below_root(end))):
                continue
            read[end] = path
            through.add(link)
            yield Led(path, None, names, end, "")
        if link in through:
            yield Led(link, given[link][1], (), "", f"link: it leads to {to}, whose files are read in its place")


def resolve(path: str, links: Mapping[str, str]) -> str:
    """Return the path without links, as the kernel of the host resolves it; '' for a circle. `links`: path → text."""
    done, pending, steps = "/", [part for part in reversed(path.split("/")) if part], 0
    while pending:
        part = pending.pop()
        if part == ".":
            continue
        done = posixpath.dirname(done) if part == ".." else posixpath.join(done, part)
        if (text := links.get(done)) is not None:
            steps += 1
            if steps > _MOST_STEPS:
                return ""
            done = "/" if text.startswith("/") else posixpath.dirname(done)
            pending += [part for part in reversed(text.split("/")) if part]
    return done
