"""Walk an evidence source once for all patterns: each folder is listed at most once, in a fixed order.

Names come in order; those of a folder with very many come in pieces (`DirectorySource.pieces`), each in order, so that no more than one
piece is held. Of folders to be entered only the names are.

Links are reported, never followed. A folder that is its own ancestor (a circular bind mount) is not entered again. Every folder that is not
entered is reported.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Hashable, Iterator, Sequence
from time import monotonic
from typing import NamedTuple

from scout.archive.facts import type_of
from scout.packed import PackedNames
from scout.sources.directory import DirectorySource
from scout.sources.source import Blocked, EvidenceSource, Parts, SourceEntry
from scout.sources.timed_calls import CallTimedOut, TimedCalls
from scout.targets import patterns
from scout.targets.patterns import PatternNode, PatternTree

MAX_DEPTH = 100
MOST_NAMES = 500_000
"""wanted names of one folder of a file system that may hang: it may also make up names without end"""


class FoundPath(NamedTuple):
    """A path that a target wants. `verdict` is '' for a regular file that can be read, else its verdict in custody.

    size   bytes; `data` bytes that are really allocated (less for a sparse file)
    wants  what was given to the tree, in the order of the patterns
    place  the path at which the host reads it, where a link leads from there
    source the volume, where a link leads to another one than that of the link
    leads  native path of the end of a link
    """

    parts: Parts
    wants: tuple[Hashable, ...]
    type: str = "file"
    size: int = 0
    data: int = 0
    verdict: str = ""
    error: str = ""
    place: Parts = ()
    source: EvidenceSource | None = None
    leads: str = ""


class _Folder(NamedTuple):
    parts: Parts
    state: tuple[PatternNode, ...]
    ancestors: tuple[tuple[int, int], ...]


def walk(
    source: EvidenceSource,
    tree: PatternTree,
    timed: TimedCalls,
    on_folder: Callable[[Parts], None] | None = None,
    *,
    folder: Parts = (),
    place: Parts = (),
) -> Iterator[FoundPath]:
    """Everything that the patterns of `tree` want below the top of `source`; folders are read one after the other, names in order.

    With `folder` and `place`, what they want below `folder` as if it were at `place`.
    """
    state = tree.start()
    for name in place:
        state = tree.advance(state, name)
    yield from _walked(source, tree, timed, on_folder, _Folder(folder, state, ()))


def _walked(
    source: EvidenceSource, tree: PatternTree, timed: TimedCalls, on_folder: Callable[[Parts], None] | None, top: _Folder
) -> Iterator[FoundPath]:
    todo: list[Iterator[_Folder]] = [iter((top,))]
    while todo:
        folder = next(todo[-1], None)
        if folder is None:
            todo.pop()
            continue
        if on_folder is not None:
            on_folder(folder.parts)
        deeper, identity = PackedNames(), (0, 0)
        looked, more = _look(source, tree, folder), True
        spent, count = 0.0, 0
        while more:
            began = monotonic()
            try:
                if timed.seconds and (spent > timed.seconds or count >= MOST_NAMES):
                    raise CallTimedOut(f"its list did not end: {count:,} names in {spent:.0f} s, the rest was not asked for")
                entries, identity, more = timed.call(next, looked)
            except OSError as e:
                if folder.parts or not isinstance(e, FileNotFoundError):
                    yield FoundPath(folder.parts, below(folder.state), "directory", verdict=verdict_of(e), error=explain(e))
                break
            if identity in folder.ancestors:
                why = "the folder is its own ancestor: a mount in a circle"
                yield FoundPath(folder.parts, below(folder.state), "directory", verdict="blocked", error=why)
                break
            spent, count = spent + monotonic() - began, count + len(entries)
            for name, kind, state in entries:
                yield from _one(source, timed, (*folder.parts, name), kind, state, deeper)
                if source.streamed and kind != "link":
                    yield from _streams(source, timed, tree, folder, name, tuple(patterns.wanted(state)) if kind == "file" else ())
        if deeper:
            todo.append(_below(folder, identity, tree, deeper))


def _below(folder: _Folder, identity: tuple[int, int], tree: PatternTree, names: PackedNames) -> Iterator[_Folder]:
    """Yield the folders of these names, each when its turn comes."""
    ancestors = (*folder.ancestors, identity)
    for name in names:
        yield _Folder((*folder.parts, name), tree.advance(folder.state, name), ancestors)


def _one(
    source: EvidenceSource, timed: TimedCalls, parts: Parts, kind: str, state: tuple[PatternNode, ...], deeper: PackedNames
) -> Iterator[FoundPath]:
    wants = tuple(patterns.wanted(state))
    if kind == "folder":
        if not patterns.leads_on(state):
            return
        reason = source.refusal(parts) or (f"deeper than {MAX_DEPTH} folders" if len(parts) > MAX_DEPTH else "")
        if reason:
            yield FoundPath(parts, below(state), "directory", verdict="blocked", error=reason)
        else:
            deeper.append(parts[-1])
    elif kind == "link":
        wants = wants or below(state)
        if wants:
            yield FoundPath(parts, wants, "link", verdict="link")
    elif wants:
        yield measured(source, timed, parts, wants)


def _streams(
    source: EvidenceSource, timed: TimedCalls, tree: PatternTree, folder: _Folder, name: str, wants: tuple[Hashable, ...]
) -> Iterator[FoundPath]:
    """Yield the alternate streams of one name: with the file that is wanted, and where a pattern itself matches `name:stream`."""
    try:
        streams = timed.call(source.streams, (*folder.parts, name))
    except OSError:
        return  # the same record cannot be read for the file itself: its line has the error
    for stream in streams:
        full = f"{name}:{stream}"
        own = wants or tuple(patterns.wanted(tree.advance(folder.state, full)))
        if own:
            yield measured(source, timed, (*folder.parts, full), own)


def measured(source: EvidenceSource, timed: TimedCalls, parts: Parts, wants: tuple[Hashable, ...]) -> FoundPath:
    """Return a path that is wanted, with its size or the verdict why it has none. Raises CallTimedOut."""
    try:
        status = timed.call(source.status, parts)
    except OSError as e:
        return FoundPath(parts, wants, verdict=verdict_of(e), error=explain(e))
    if not stat.S_ISREG(status.st_mode):
        kind = type_of(status.st_mode)
        verdict, error = ("link", "") if kind == "link" else ("blocked", f"a {kind} is never opened")
        return FoundPath(parts, wants, kind, verdict=verdict, error=error)
    allocated = getattr(status, "st_blocks", status.st_size // 512 + 1) * 512
    return FoundPath(parts, wants, "file", status.st_size, min(status.st_size, allocated))


def _look(
    source: EvidenceSource, tree: PatternTree, folder: _Folder
) -> Iterator[tuple[list[tuple[str, str, tuple[PatternNode, ...]]], tuple[int, int], bool]]:
    """Yield the names of one folder that lead on or are wanted, with their states, in pieces; the identity of the folder; and whether more
    comes. Each step runs in the helper thread.
    """
    identity = source.identity(folder.parts)
    states: dict[str, tuple[PatternNode, ...]] = {}

    def keep(name: str) -> bool:
        state = tree.advance(folder.state, name)
        if state:
            states[name] = state
        return bool(state)

    unlisted = {name.lower() if source.fold else name: name for name in patterns.literal_names(folder.state)}
    listing = patterns.needs_listing(folder.state) and source.listable(folder.parts)
    found: list[tuple[str, str, tuple[PatternNode, ...]]] = []
    for entries, more in _listed(source, folder.parts, keep) if listing or source.fold else ():
        found = [(entry.name, entry.kind, states[entry.name]) for entry in entries]
        for name in states if unlisted else ():
            unlisted.pop(name.lower() if source.fold else name, None)
        if more:
            yield found, identity, True
            states.clear()
    for name in unlisted.values():
        if keep(name):
            entry = _named(source, (*folder.parts, name))
            if entry is not None:
                found.append((entry.name, entry.kind, states[name]))
    yield found, identity, False


def _listed(source: EvidenceSource, parts: Parts, keep: Callable[[str], bool]) -> Iterator[tuple[list[SourceEntry], bool]]:
    """Yield the entries of a folder, in pieces where its source can, and whether more come."""
    if isinstance(source, DirectorySource) and not source.streamed:
        yield from source.pieces(parts, keep)
    else:
        yield source.scan(parts, keep), False


def _named(source: EvidenceSource, parts: Parts) -> SourceEntry | None:
    """A name that is looked up: it may exist without being listed. What refuses to be looked at is left to the next step."""
    if source.refusal(parts):
        return SourceEntry(parts[-1], "folder")
    try:
        mode = source.status(parts).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as e:
        if e.errno in (errno.EINVAL, errno.ENAMETOOLONG):
            return None
        return SourceEntry(parts[-1], "file")
    return SourceEntry(parts[-1], "link" if stat.S_ISLNK(mode) else "folder" if stat.S_ISDIR(mode) else "file")


def below(state: Sequence[PatternNode]) -> tuple[Hashable, ...]:
    """Return everything that is wanted at or below a state; a folder that cannot be entered is reported with it."""
    out: dict[Hashable, None] = {}
    todo, seen = list(state), set()
    while todo:
        node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        out.update(dict.fromkeys(node.ends))
        todo.extend(after for _, after in node.literals.values())
        todo.extend(after for _, after in node.globs.values())
        if node.deep is not None:
            todo.append(node.deep)
    return tuple(out)


def verdict_of(error: OSError) -> str:
    """Custody's word for an error of the system."""
    if isinstance(error, Blocked):
        return "blocked"
    if isinstance(error, CallTimedOut):
        return "error"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "denied"
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE):
        return "vanished"
    if error.errno in (errno.ELOOP,):
        return "blocked"
    return "error"


def explain(error: OSError) -> str:
    """The error in words: `Permission denied (EACCES)`."""
    if error.errno is None:
        return str(error)
    if error.errno == errno.ELOOP:
        return "it became a link while it was opened: never followed"
    return f"{os.strerror(error.errno)} ({errno.errorcode.get(error.errno, error.errno)})"
