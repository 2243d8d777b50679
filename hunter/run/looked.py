"""Find out whether a collection looked at a place. What an archive lacks is gone only where custody or profile shows that SCOUT looked.

SCOUT promises (`collecting/plan.py`) that every pattern of a target without a rule has a custody line: either `missing` with the pattern as
it was written for that host, or one for each path that fitted. A target with a rule takes only what it finds suspicious and is silent
about the rest; a folder that was not entered has a line of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scout import __version__
from scout.collecting.suspicious import judge
from scout.console import Complaint
from scout.targets import CollectionTarget, load, select
from scout.targets.patterns import PatternTree, expand, path_regex, plain, wanted

_ENTERED = ("taken", "over limit", "changed while read")
_PROFILES = {"T": "--profile triage", "F": "--profile full"}


@dataclass(frozen=True, slots=True)
class Look:
    """Whether SCOUT looked at a place. `told`: if not, why, and what to do; if so, the limit of the proof, or ''."""

    done: bool
    told: str = ""


@dataclass(slots=True)
class _Pattern:
    """One pattern of one target that matches a place, as it reads on that host."""

    target: CollectionTarget
    written: str
    tree: PatternTree
    of_home: bool
    shown: bool = False
    """custody has a line that shows that SCOUT looked for this pattern"""


@dataclass(slots=True)
class ArchiveCoverage:
    """Call `note` for every custody line, then `look` for each of the places given to `of`."""

    places: dict[str, list[_Pattern]]
    chosen: frozenset[str]
    """ids of the targets that `collection.json` names by profile or targets; () where another version of SCOUT wrote it"""
    version: str
    _by_target: dict[str, list[_Pattern]] = field(default_factory=dict)
    _above: dict[str, str] = field(default_factory=dict)
    """folder above a place that was not entered → why"""
    _folders: frozenset[str] = frozenset()

    @classmethod
    def of(cls, header: Mapping[str, Any], paths: Iterable[str]) -> ArchiveCoverage:
        """Return the coverage of a collection with this `collection.json`, for these native paths."""
        tool = header.get("tool")
        version = str(tool.get("version", "")) if isinstance(tool, Mapping) else ""
        system = _system(header)
        targets = [target for target in load() if target.os == system]
        places = {path: list(_fitting(targets, path, fold=system == "windows")) for path in paths}
        by_target: dict[str, list[_Pattern]] = defaultdict(list)
        for pattern in (p for patterns in places.values() for p in patterns):
            by_target[pattern.target.id].append(pattern)
        folders = frozenset(folder for path in places for folder in ("/", *_above(path)))
        return cls(places, _chosen(header, system) if version == __version__ else frozenset(), version, dict(by_target), {}, folders)

    def note(self, line: Mapping[str, Any]) -> None:
        """Add one item line of custody."""
        source, verdict = str(line.get("source", "")), str(line.get("verdict", ""))
        missing = verdict == "missing"
        for pattern in self._by_target.get(str(line.get("target")), ()):
            pattern.shown = pattern.shown or (source == pattern.written if missing else _fits(pattern.tree, source))
        entered = missing or (line.get("type") == "file" and verdict in _ENTERED)
        if source in self._folders and not entered:
            why = f"{verdict}: {line['error']}" if line.get("error") else verdict
            self._above[source] = f"{source} is a link now, never followed" if verdict == "link" else f"{source} was not entered ({why})"

    def look(self, path: str) -> Look:
        """Return whether SCOUT looked at this place, so that what the archive lacks is not on the host."""
        closed = next((self._above[folder] for folder in ("/", *_above(path)) if folder in self._above), "")
        if closed:
            return Look(False, f"{closed}: look at it on the host, hunter verify PLAN")
        patterns = self.places[path]
        plainly = [p for p in patterns if p.target.rule is None]
        if any(p.shown or (p.target.id in self.chosen and not p.of_home) for p in plainly):
            return Look(True)
        ruled = [p.target for p in patterns if p.target.rule is not None and p.target.id in self.chosen]
        if any(t.rule is not None and judge(t.rule, path.rpartition("/")[2], b"") for t in ruled):
            return Look(True)
        if ruled:
            return Look(True, f"there SCOUT takes programs and scripts only ({ruled[0].id}), and this is none or not there")
        return Look(False, self._remedy([p.target for p in patterns], homes=bool(plainly) and all(p.of_home for p in plainly)))

    def _remedy(self, targets: list[CollectionTarget], *, homes: bool) -> str:
        if not targets:
            return "no target of SCOUT collects it: look at it on the host, hunter verify PLAN"
        ids = ", ".join(dict.fromkeys(target.id for target in targets))
        if homes and any(target.id in self.chosen for target in targets):
            return f"{ids} collects it in homes only, and this was none: look at it on the host, hunter verify PLAN"
        best = min(targets, key=lambda target: "TFO".index(target.priority))
        how = _PROFILES.get(best.priority, f"--targets {best.id}")
        if self.version != __version__:
            made = f"SCOUT {self.version}" if self.version else "an unknown version of SCOUT"
            return f"the archive is of {made} and does not show that {ids} was collected: collect with SCOUT {__version__}, {how}"
        return f"no target that collects it was asked for ({ids}): scout collect {how}"


def _above(path: str) -> Iterator[str]:
    """`/a/b` and `/a` of `/a/b/c`."""
    folder = path.rpartition("/")[0]
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def _system(header: Mapping[str, Any]) -> str:
    """Return the operating system of a collection's host; Linux where it does not say."""
    host = header.get("host")
    return "windows" if isinstance(host, Mapping) and str(host.get("os", "")).lower().startswith("windows") else "linux"


def _fitting(targets: Iterable[CollectionTarget], path: str, *, fold: bool) -> Iterator[_Pattern]:
    """Patterns that want `path`; `<U>` is tried with every folder above it, as the archive does not say which homes there were."""
    below = path.lstrip("/")
    folders = [folder.lstrip("/") for folder in _above(path)]
    for target in targets:
        for pattern in (*target.first, *target.paths):
            for home in folders if "<U>" in pattern else [""]:
                text = next(expand(pattern, [home], {}), "")
                tree = PatternTree(fold=fold)
                tree.add(text, target.id)
                if text and _fits(tree, path) and not _excluded(target, home, below, fold=fold):
                    written = "/" + "/".join(plain(part) for part in text.split("/") if part)
                    yield _Pattern(target, written, tree, "<U>" in pattern)


def _excluded(target: CollectionTarget, home: str, below: str, *, fold: bool) -> bool:
    return any(path_regex(text, fold=fold).fullmatch(below) for pattern in target.exclude for text in expand(pattern, [home], {}))


def _fits(tree: PatternTree, path: str) -> bool:
    state = tree.start()
    for part in path.split("/"):
        if part:
            state = tree.advance(state, part)
    return bool(wanted(state))


def _chosen(header: Mapping[str, Any], system: str) -> frozenset[str]:
    names = header.get("targets")
    listed = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    try:
        return frozenset(t.id for t in select(load(), os_name=system, profile=str(header.get("profile")), names=listed))
    except Complaint:  # a profile or target that this version does not know: custody alone speaks for it
        return frozenset()
