"""Links in places where a mechanism reads: the content is that of the file to which the link leads within the collection.

systemd, cron, the shells and sshd open a link like the file behind it. The file behind it is read as if it stood in the place of the link.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from commodore import catalogue
from commodore.engine.inputs import below_root

_MOST_STEPS = 40
"""Links on one way; Linux follows as many (path_resolution(7))."""


class Led(NamedTuple):
    """A link that an artefact would read by its path. `to` is '' where `reason` says why its content is not read."""

    path: str
    member: int | None
    names: tuple[str, ...]
    to: str
    reason: str


def find(custody: Iterable[Mapping[str, Any]], taken: Mapping[str, int]) -> Iterator[Led]:
    """Yield the links that artefacts read by their path, sorted by path. `taken`: native path → ordinal of each member with content."""
    links: dict[str, tuple[str, int | None]] = {}
    for said in custody:
        path, text = said.get("source"), said.get("link")
        if said.get("verdict") == "link" and isinstance(path, str) and path.startswith("/") and isinstance(text, str) and text:
            links[path] = text, said.get("member")
    matcher = catalogue.matcher()
    texts = {path: text for path, (text, _) in links.items()}
    read: dict[str, str] = {}
    for path in sorted(texts):
        names = matcher.by_path(below_root(path))
        if not names:
            continue
        to = resolve(path, texts)
        own = matcher.by_path(below_root(to)) if to else ()
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
