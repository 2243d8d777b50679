"""All artefacts and derived datasets, found by walking their folders, and which of them reads a given file."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any, NamedTuple

import commodore.artefacts
import commodore.derived
from commodore.artefact import Artefact, Expected, Parser
from commodore.chosen import Chosen, Sorter
from commodore.record import SweepLayer
from scout.discovery import modules
from scout.targets.patterns import braces, path_regex, path_text

_WILD = re.compile(r"[*?]")


@dataclass(frozen=True, slots=True)
class Known:
    """One artefact as the engine uses it: the declaration and the functions beside it."""

    artefact: Artefact
    parse: Parser
    expected: Expected | None = None
    contents: Callable[..., Iterator[SweepLayer]] | None = None
    """`contents(evidence)`: what the artefact finds inside, for the raw sweep; called only where one was asked for"""


@dataclass(frozen=True, slots=True)
class Derivation:
    """One derived dataset: the declaration and its `derive(view, host)`."""

    artefact: Artefact
    derive: Callable[..., Iterator[Any]]


@cache
def artefacts() -> dict[str, Known]:
    """Return all artefacts by name, sorted. Raises ValueError for a file whose name is not its artefact's."""
    found = {}
    for name, module in modules(commodore.artefacts):
        found[name] = Known(_declared(name, module), module.parse, getattr(module, "expected", None), getattr(module, "contents", None))
    return dict(sorted(found.items()))


@cache
def containers() -> dict[str, frozenset[str]]:
    """Return the artefacts that read in each kind of shared container, by its name."""
    found: dict[str, set[str]] = {}
    for name, known in artefacts().items():
        if known.artefact.holds is not None:
            found.setdefault(known.artefact.holds.container, set()).add(name)
    return {name: frozenset(readers) for name, readers in found.items()}


@cache
def derivations() -> dict[str, Derivation]:
    """Return all derived datasets by name; those that others read come first."""
    found = {name: Derivation(_declared(name, module), module.derive) for name, module in modules(commodore.derived)}
    ordered: dict[str, Derivation] = {}
    for name in sorted(found):
        _place(name, found, ordered, ())
    return ordered


@cache
def sorters() -> dict[str, Sorter]:
    """Return dataset → what tells which derivations chose a record of it."""
    choices: dict[str, list[tuple[str, Chosen]]] = {}
    for name, derivation in derivations().items():
        for dataset, chosen in derivation.artefact.chosen.items():
            choices.setdefault(dataset, []).append((name, chosen))
    return {dataset: Sorter(several) for dataset, several in choices.items()}


@cache
def levels() -> tuple[tuple[str, ...], ...]:
    """Return derived datasets in levels. Those of one level read only evidence and earlier levels, so that they can run in parallel.

    One that no other reads has time until the last level but one: it keeps a worker busy beside those for which others wait.
    """
    level: dict[str, int] = {}
    for name, derivation in derivations().items():  # those that others read come first
        level[name] = 1 + max((level[source] for source in derivation.artefact.datasets if source in level), default=-1)
    last = max(level.values(), default=0)
    awaited = {source for derivation in derivations().values() for source in derivation.artefact.datasets}
    level |= {name: max(least, last - 1) for name, least in level.items() if name not in awaited}
    return tuple(tuple(name for name in level if level[name] == n) for n in range(last + 1))


def _place(name: str, found: dict[str, Derivation], ordered: dict[str, Derivation], above: tuple[str, ...]) -> None:
    if name in above:
        raise ValueError(f"derived datasets read each other in a circle: {' → '.join((*above, name))}")
    for source in found[name].artefact.datasets:
        if source in found and source not in ordered:
            _place(source, found, ordered, (*above, name))
    ordered[name] = found[name]


def _declared(name: str, module: Any) -> Artefact:
    declared: Artefact = module.ARTEFACT
    if declared.name != name:
        raise ValueError(f"{module.__name__}: the artefact is called {declared.name!r}; file and artefact have one name")
    return declared


class Match(NamedTuple):
    """The artefacts that read a member.

    Path and content both count. An artefact reads a file whose path fits one of its patterns, unless the content lacks its magic. Every
    other artefact whose magic the file has reads it too, whatever its name and place. Where several artefacts have that magic, they only
    try: their records are kept, and one that finds nothing has no ledger line. A shared container (`regf`: a registry hive) is opened once
    and read by the artefacts for which it holds something.
    """

    names: tuple[str, ...]
    """all artefacts that read it, sorted"""
    refused: tuple[str, ...] = ()
    """artefacts, or their containers, whose pattern the path fits and whose magic the content lacks"""
    tried: tuple[str, ...] = ()
    """those of `names`, and their containers, that only try"""


_UNREAD = Match(())


@cache
def _regex(pattern: str) -> re.Pattern[str]:
    """Return the expression of a declared pattern, compiled when the first path may fit it."""
    return path_regex(pattern, fold=False)


class ArtefactMatcher:
    """Path patterns and magic of all artefacts."""

    def __init__(self, known: dict[str, Known]) -> None:
        self._exact: dict[str, list[str]] = {}
        self._by_part: dict[tuple[str, str], list[tuple[str, str]]] = {}
        """patterns by a part that a path must have: `name`, `ending` or `top` (the first folder), and its text; ("", "") has the others"""
        self._whole: dict[tuple[str, str], re.Pattern[str]] = {}
        self._magic: dict[tuple[int, bytes], frozenset[str]] = {}
        self._container: dict[str, str] = {}
        self._taken_in = frozenset(name for name, entry in known.items() if entry.artefact.taken_in)
        self._strict = frozenset(name for name, entry in known.items() if entry.artefact.magic and entry.artefact.magic_required)
        for name, entry in known.items():
            for pattern in entry.artefact.match:
                for alternative in braces(pattern.lower()):
                    self._add(alternative, name)
            if entry.artefact.holds is not None:
                self._container[name] = entry.artefact.holds.container
            for magic in entry.artefact.magic:
                self._magic[magic] = self._magic.get(magic, frozenset()) | {name}
        firsts: dict[int, dict[int, list[tuple[bytes, frozenset[str]]]]] = {}
        for (at, sign), names in self._magic.items():
            firsts.setdefault(at, {}).setdefault(sign[0], []).append((sign, names))
        self._first = tuple(firsts.items())
        """offset → first byte of a magic there → the magics that begin with it, and their artefacts"""
        self._artefacts = known
        self._patterns = {name: entry.artefact.match for name, entry in known.items()}
        self.head = max((at + len(magic) for at, magic in self._magic), default=0)
        """bytes at the beginning of a file that are compared with magic"""
        self.by_path = lru_cache(maxsize=4096)(self._by_path)

    def _add(self, pattern: str, name: str) -> None:
        if not _WILD.search(pattern):
            self._exact.setdefault(pattern, []).append(name)
            return
        ending, file, top = re.search(r"\.([^.*?/]+)$", pattern), pattern.rpartition("/")[2], pattern.partition("/")[0]
        if not _WILD.search(file):
            part = "name", file
        elif ending:
            part = "ending", ending[1]
        else:
            part = ("", "") if _WILD.search(top) else ("top", top)
        self._by_part.setdefault(part, []).append((pattern, name))

    def of_source(self, source: str, below: str) -> tuple[str, ...]:
        """Return the artefacts one of whose patterns fits a member, by its native path and the path below the root.

        A path of Linux is compared with case: nothing on the host reads `/etc/Crontab`.
        """
        names = self.by_path(below)
        return tuple(name for name in names if self._cased(name, below)) if names and source.startswith("/") else names

    def leads_below(self, source: str, below: str) -> bool:
        """Return whether some artefact reads files below a folder of Linux by their place there (`etc/cron.d`)."""
        return source.startswith("/") and any(_prefix_regex(p).fullmatch(below) for found in self._patterns.values() for p in found)

    def _cased(self, name: str, below: str) -> bool:
        return any(_cased_regex(pattern).fullmatch(below) for pattern in self._patterns[name])

    def _by_path(self, path: str) -> tuple[str, ...]:
        """Return the names of the artefacts one of whose patterns fits without case; `path` is below the volume's root, with `/`."""
        low = path.lower()
        names = set(self._exact.get(low, ()))
        file = low.rpartition("/")[2]
        parts = ("name", file), ("ending", file.rpartition(".")[2]), ("top", low.partition("/")[0]), ("", "")
        for part in parts:
            found = self._by_part.get(part)
            if found and self._any_of(part, found).fullmatch(low):
                names.update(name for pattern, name in found if name not in names and _regex(pattern).fullmatch(low))
        return tuple(sorted(names))

    def _any_of(self, part: tuple[str, str], found: list[tuple[str, str]]) -> re.Pattern[str]:
        """Return one expression for all patterns with a part: most paths fit none of them, and one call says so."""
        whole = self._whole.get(part)
        if whole is None:
            alternatives = dict.fromkeys(path_text(pattern) for pattern, _ in found)
            whole = self._whole[part] = re.compile("|".join(alternatives), re.DOTALL)
        return whole

    @cached_property
    def _homes(self) -> list[tuple[re.Pattern[str], str]]:
        return _homes(self._artefacts)

    def home(self, name: str) -> str:
        """Return where a file of this name is on a host, for one that was given alone; '' where the name does not show it."""
        low = name.lower()
        return next((f"{folder}{name}" for pattern, folder in self._homes if pattern.fullmatch(low)), "")

    def match(self, path: str, head: bytes, source: str = "", included: Collection[str] = ()) -> Match:
        """Return the artefacts that read a file. `head`: its first `self.head` bytes, fewer where it is shorter; `source`: native path;
        `included`: artefacts as which another file takes it in.
        """
        promised = self.of_source(source, path)
        if included:
            promised = tuple(sorted(self._taken_in.intersection(included).union(promised)))
        if not head or path.startswith("live/"):
            return Match(promised)
        size = len(head)
        borne = [
            names for at, firsts in self._first if at < size for magic, names in firsts.get(head[at], ()) if head.startswith(magic, at)
        ]
        if not borne and not promised:
            return _UNREAD
        offered = frozenset().union(*borne)
        names = frozenset(n for n in promised if n not in self._strict or n in offered)
        several = frozenset().union(*(several for several in borne if len(several) > 1)) - names
        tried = several | {self._container[n] for n in several if n in self._container} - {self._container.get(n) for n in names}
        refused = dict.fromkeys(self._container.get(n, n) for n in promised if n not in names)
        return Match(tuple(sorted(names | offered)), tuple(refused), tuple(sorted(tried)))


@lru_cache(maxsize=1024)
def _cased_regex(pattern: str) -> re.Pattern[str]:
    return path_regex(pattern, fold=False)


@lru_cache(maxsize=1024)
def _prefix_regex(pattern: str) -> re.Pattern[str]:
    """Return a pattern of the folders above a place; none for a pattern of files in any folder."""
    folders = [one.split("/")[:-1] for one in braces(pattern) if not one.startswith("**/")]
    above = {"/".join(parts[:n]) for parts in folders for n in range(1, len(parts) + 1)}
    return re.compile("|".join(path_text(one) for one in sorted(above)) or r"(?!)", re.DOTALL)


def _homes(known: dict[str, Known]) -> list[tuple[re.Pattern[str], str]]:
    """Return (file name, folder with its `/`) of patterns that identify a file by its name: `var/log/wtmp*`, not `cron.d/*`."""
    found = []
    for entry in (one for one in known.values() if one.artefact.by_name):
        for pattern in (alternative for given in entry.artefact.match for alternative in braces(given)):
            folder, slash, name = pattern.removeprefix("**/").lower().rpartition("/")
            if len(re.sub(r"\W", "", name)) > 2 and not _WILD.search(folder):
                stem = name.removesuffix("*")
                ending = r"(?:[._-].*)?" if stem != name else ""
                found.append((re.compile(path_text(stem) + ending, re.DOTALL), folder + slash))
    return found


class Patterns:
    """A few path patterns, compiled."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self._whole = re.compile("|".join(path_text(p.lower()) for p in patterns) or r"(?!)", re.DOTALL)

    def fits(self, path: str) -> bool:
        """Return whether a path below the volume's root, in lower case, is one of them."""
        return self._whole.fullmatch(path) is not None


@lru_cache(maxsize=4096)
def patterns(*some: str) -> Patterns:
    """Return these path patterns, compiled once."""
    return Patterns(some)


@cache
def matcher() -> ArtefactMatcher:
    """Return the matcher over all artefacts."""
    return ArtefactMatcher(artefacts())
