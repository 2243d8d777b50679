"""Definitions of other collectors in SCOUT's words, and how their globs become patterns."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scout.targets.patterns import literal
from scout.targets.target import CollectionTarget, PathTest

CAP = 4_000_000_000
"""bytes of data per file, where a definition has no limit of its own"""
ORDER = 40
"""place in the order of work"""
_CLASS = re.compile(r"\[([!^]?)([A-Za-z0-9_. -]+)\]")
_BRANCHES = 200
MAX_DEPTH = 10
"""levels of folders of a `**` that names no number, and the most that one may name: as Plaso reads them"""


class NotTranslated(ValueError):  # noqa: N818  (a reason for the analyst, not a defect)
    """A part of a definition that SCOUT cannot collect; the text is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignEntry:
    """Files that one part of a definition names. `os` is windows, or linux for every other system."""

    os: str
    paths: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    only: PathTest | None = None
    cap: int = CAP
    stream: bool = False
    groups: tuple[tuple[str, str], ...] = ()
    """role and file name of companions, as in `CollectionTarget`"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignDefinition:
    """One definition of another collector.

    name      as `--targets` takes it: `kape:Prefetch`
    includes  names of definitions that belong to it
    commands  what it would run: SCOUT runs nothing of a definition
    failures  its parts that are not collected, and why; empty where it loads
    """

    name: str
    what: str
    entries: tuple[ForeignEntry, ...] = ()
    includes: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()

    def targets(self) -> list[CollectionTarget]:
        """Return targets: one for all entries that are alike but for their paths; the others have a number (`kape:Prefetch#2`)."""
        alike: dict[object, list[ForeignEntry]] = {}
        for entry in self.entries:
            key = (entry.os, entry.exclude, entry.only, entry.cap, entry.stream, entry.groups)
            alike.setdefault(key, []).append(entry)
        out = []
        for number, entries in enumerate(alike.values(), 1):
            one = entries[0]
            target = CollectionTarget(
                id=self.name if number == 1 else f"{self.name}#{number}",
                what=self.what,
                why="Named on the command line",
                os=one.os,
                paths=tuple(dict.fromkeys(path for entry in entries for path in entry.paths)),
                exclude=one.exclude,
                only=one.only,
                stream=one.stream,
                groups=dict(one.groups),
                priority="O",
                order=ORDER,
                cap=one.cap,
                size="not known",
                access="N",
                unread="the artefacts choose by path and content",
            )
            out.append(target)
        return out


def component(text: str) -> str:
    """Return one component of a foreign glob as SCOUT writes it: `*`, `?` and classes stay, braces are text. Raises NotTranslated."""
    out, at = [], 0
    while at < len(text):
        found = _CLASS.match(text, at)
        if found:
            out.append(f"[{'!' if found.group(1) else '='}{found.group(2)}]")
            at = found.end()
        elif text[at] in "*?":
            out.append(text[at])
            at += 1
        else:
            out.append(literal(text[at]))
            at += 1
    return "".join(out)


def deep(prefix: str, rest: str, least: int, most: int) -> list[str]:
    """Return a pattern for each depth: `prefix`, then `least` to `most` folders or names of any kind, then `rest`."""
    middle = ["/".join(["*"] * number) for number in range(least, most + 1)]
    return ["/".join(part for part in (prefix, stars, rest) if part) for stars in middle]


def expand_stars(parts: list[str]) -> list[str]:
    """Return the patterns of a path with `**` and `**N`: one to N names of any kind in its place. Raises NotTranslated."""
    out = [""]
    for part in parts:
        found = re.fullmatch(r"\*\*(\d*)", part)
        if found:
            most = min(int(found.group(1) or MAX_DEPTH), MAX_DEPTH)
            out = [pattern for before in out for pattern in deep(before, "", 1, most)]
        else:
            out = [f"{before}/{component(part)}" if before else component(part) for before in out]
        if len(out) > _BRANCHES:
            raise NotTranslated("too many ** in one path")
    return out
