r"""Links in places where a mechanism reads: the content is that of the file to which the link leads within the collection.

systemd, cron, the shells and sshd open a link like the file behind it; Windows does so with symbolic links and junctions. The file behind
it is read as if it stood in the place of the link. So are the files of a folder behind a link (`/etc/cron.d` → `/opt/jobs`).

Here every path is one of a single tree: `C:\Users\Ada` is `/c:/users/ada`. Sources: path_resolution(7); [MS-FSCC] 2.1.2.4 and 2.1.2.5.
"""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from commodore import catalogue
from commodore.engine.inputs import below_root
from scout.formats import windows_links

_MOST_BELOW = 1_000_000
"""Paths that are looked at behind links to folders."""
_MOST_STEPS = 40
"""Links on one way; Linux follows as many (path_resolution(7)), Windows up to 63 reparse points."""
_DRIVE = re.compile(r"[A-Za-z]:\\")


class Led(NamedTuple):
    """A link that an artefact would read by its path. `to` is '' where `reason` says why its content is not read."""

    path: str
    member: int | None
    names: tuple[str, ...]
    to: str
    reason: str


def gathered(custody: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, int | None]]:
    """Return path → text and member of the links of custody; of those that the collector followed, the end."""
    links: dict[str, tuple[str, int | None]] = {}
    for said in custody:
        path, text = said.get("source"), said.get("leads") or said.get("link")
        if said.get("verdict") == "link" and isinstance(path, str) and _rooted(path) and isinstance(text, str) and text:
            links[path] = text, said.get("member")
    return links


def _rooted(path: str) -> bool:
    return path.startswith("/") or _DRIVE.match(path) is not None


def one_tree(path: str) -> str:
    """Return a native path as one of the single tree."""
    return "/" + path.replace("\\", "/").lower() if _DRIVE.match(path) else path


def _shown(path: str) -> str:
    """Return a path of the single tree as its system writes it."""
    return path[1:].replace("/", "\\") if re.match("/[a-z]:/", path) else path


def _text(path: str, text: str) -> str:
    """Return the text of the link at a native path as one of the single tree: absolute, or relative to the folder of the link."""
    if not _DRIVE.match(path):
        return text
    said = windows_links.read(text)
    if said.volume is None or said.volume.startswith("{"):
        return f"/{text.lstrip('/')}"  # no path of this host
    names = "/".join(said.names).lower()
    return f"/{(said.volume or path[0]).lower()}:/{names}" if said.absolute else names


def find(links: Mapping[str, tuple[str, int | None]], taken: Mapping[str, int]) -> Iterator[Led]:
    """Yield the links that artefacts read by their path, sorted by path. `taken`: native path → ordinal of each member with content."""
    matcher = catalogue.matcher()
    native = {one_tree(path): path for path in (*taken, *links)}
    there = {one_tree(path) for path in taken}
    texts = {one_tree(path): _text(path, text) for path, (text, _) in links.items()}
    read: dict[str, str] = {}
    for path in sorted(links):
        names = matcher.of_source(path, below_root(path))
        if not names:
            continue
        end = resolve(one_tree(path), texts)
        to = native.get(end) or _shown(end)
        own = matcher.of_source(to, below_root(to)) if to else ()
        reason = ""
        if not end:
            reason = "link: its links lead in a circle"
        elif end == "/dev/null":
            reason = "link to /dev/null: there is nothing to read"
        elif end not in there:
            reason = f"link: it leads to {to}, which is not in this collection"
        elif set(names) <= set(own):
            reason = f"link: it leads to {to}, which is read there"
        elif to in read:
            reason = f"link: it leads to {to}, which is read as {read[to]}"
        else:
            read[to] = path
        yield Led(path, links[path][1], names, "" if reason else to, reason)
    yield from _below_folders(links, texts, native, there, read)


def _below_folders(
    given: Mapping[str, tuple[str, int | None]], links: Mapping[str, str], native: Mapping[str, str], taken: set[str], read: dict[str, str]
) -> Iterator[Led]:
    """Yield the files that artefacts read by their path through a link to a folder, and nowhere else; and links to what is not there."""
    matcher = catalogue.matcher()
    there = sorted(native)
    through: set[str] = set()
    looked = 0
    for link in sorted(links):
        to = resolve(link, links)
        if not to or to in taken or link == to or link.startswith(f"{to}/"):
            continue
        folder, source = to.rstrip("/") + "/", native[link]
        first = bisect_left(there, folder)
        if first == len(there) or not there[first].startswith(folder):
            if matcher.leads_below(source, below_root(source)):
                yield Led(source, given[source][1], (), "", f"link: it leads to {_shown(to)}, which is not in this collection")
            continue
        for at in range(first, len(there)):
            if not there[at].startswith(folder) or looked >= _MOST_BELOW:
                break
            looked += 1
            path = _below(source, native[there[at]], there[at][len(folder) :].count("/") + 1)
            names = matcher.of_source(path, below_root(path))
            if not names:
                continue
            end = resolve(one_tree(path), links)
            to_read = native.get(end, "")
            if end not in taken or to_read in read or set(names) <= set(matcher.of_source(to_read, below_root(to_read))):
                continue
            read[to_read] = path
            through.add(link)
            yield Led(path, None, names, to_read, "")
        if link in through:
            yield Led(source, given[source][1], (), "", f"link: it leads to {_shown(to)}, whose files are read in its place")


def _below(folder: str, path: str, parts: int) -> str:
    """Return the last parts of a native path, below another folder of the same system."""
    mark = "\\" if _DRIVE.match(folder) else "/"
    return mark.join((folder, *path.split(mark)[-parts:]))


def resolve(path: str, links: Mapping[str, str]) -> str:
    """Return the path without links, as the kernel of the host resolves it; '' for a circle. `links`: path → text, of the single tree."""
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
