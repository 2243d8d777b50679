"""Plan a collection: compile the targets into one walk, group and sort what it finds. No content is read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, cast

from scout.archive.custody import MAX_GROUP, GroupPlace
from scout.collecting import suspicious
from scout.collecting.behind import BehindLinks
from scout.collecting.volumes import HostVolumes
from scout.collecting.walk import FoundPath, walk
from scout.collecting.wanting import LISTED, KeptPath, PatternUse, TargetFilter, companions
from scout.sources.source import EvidenceSource, Parts
from scout.sources.timed_calls import TimedCalls
from scout.targets import CollectionTarget
from scout.targets.patterns import PatternTree, expand, plain
from scout.targets.target import SampleRule


class PlannedItem(NamedTuple):
    """One item of the plan. `verdict` is '' where content is to be read."""

    source: EvidenceSource
    parts: Parts
    target: CollectionTarget
    type: str
    size: int
    data: int
    verdict: str
    error: str
    group: GroupPlace | None
    rules: tuple[CollectionTarget, ...] = ()
    """targets with a rule, where no other target wants the file: it is taken if one of them finds it suspicious"""
    stream: bool = False
    place: Parts = ()
    """where the host reads it, if that is behind a link"""
    facts: Mapping[str, Any] | None = None
    """further facts for custody: `referrer`, `sha256` of a file that is not taken"""


_Place = tuple[bool, int, int, Parts]


class MissingPath(NamedTuple):
    """A wanted path (`native`, perhaps a pattern) that nothing matches."""

    source: EvidenceSource
    target: CollectionTarget
    native: str


class CollectionPlan(NamedTuple):
    """Items in the order of work, and wanted paths that nothing on the host matches: one for each pattern and profile."""

    items: list[PlannedItem]
    missing: list[MissingPath]


def make(
    source: EvidenceSource,
    targets: Sequence[CollectionTarget],
    profiles: Sequence[str],
    variables: dict[str, str],
    timed: TimedCalls,
    on_folder: Callable[[Parts], None] | None = None,
    *,
    volumes: HostVolumes | None = None,
) -> CollectionPlan:
    """Walk the source once for all targets and put what was found into order. `volumes`: all of the host, to which links may lead."""
    tree, written = PatternTree(source.fold), dict[tuple[int, int, int], str]()
    for index, target in enumerate(targets):
        for number, pattern in enumerate((*target.first, *target.paths)):
            paths = list(expand(pattern, profiles, variables))
            for path, one in enumerate(paths):
                _add(tree, one, PatternUse(index, number, path, number < len(target.first)), target)
            written.update({(index, number, path): one for path, one in enumerate(paths or [pattern])})
    filters = [TargetFilter(target, profiles, variables, source.fold) for target in targets]
    seen: set[tuple[int, int, int]] = set()
    kept: list[KeptPath] = []
    for found in walk(source, tree, timed, on_folder):
        wants = cast(tuple[PatternUse, ...], found.wants)
        seen.update((want.target, want.pattern, want.path) for want in wants if want.role == "main")
        chosen = _choose(found, wants, targets, filters)
        if chosen is not None:
            kept.append(chosen)
    behind = BehindLinks(source, tree, timed, filters, volumes or HostVolumes([source])).follow(kept)
    taken = {found.parts for _, found, _ in behind if found.source in (None, source)}
    kept = [one for one in kept if not (one[2] and one[1].parts in taken)] + behind  # what a link leads to is taken, whatever a rule says
    missing = [
        MissingPath(source, targets[key[0]], source.native(tuple(plain(part) for part in path.split("/") if part)))
        for key, path in written.items()
        if key not in seen and targets[key[0]].rule is None
    ]
    return CollectionPlan(_ordered(kept, targets, source), missing)


def _add(tree: PatternTree, pattern: str, want: PatternUse, target: CollectionTarget) -> None:
    tree.add(pattern, want)
    for role, path, before, after in companions(pattern, target):
        tree.add(path, want._replace(role=role, before=before, after=after))


def _choose(
    found: FoundPath, wants: Iterable[PatternUse], targets: Sequence[CollectionTarget], filters: Sequence[TargetFilter]
) -> KeptPath | None:
    """Return which target takes a path: the first in order of work; targets with a rule only where no other wants it. None: excluded."""
    path = "/".join(found.parts)
    left = [want for want in wants if not filters[want.target].refuses(path)]
    left = [want for want in left if _possible(targets[want.target].rule, found)]
    if not left:
        return None
    if found.type == "file" and not found.verdict and any(regex.fullmatch(path) for want in left for regex in filters[want.target].secret):
        found = found._replace(verdict="blocked", error=LISTED)
    plain = [want for want in left if targets[want.target].rule is None]
    if found.type == "link" and not plain:
        return None  # a link is no program; its destination is judged in its own folder
    best = min(plain or left, key=lambda want: (not want.first, want.target, want.role != "main", want.pattern))
    if plain or found.verdict:
        return best, found, ()
    return best, found, tuple(targets[index] for index in sorted({want.target for want in left}))


def _possible(rule: SampleRule | None, found: FoundPath) -> bool:
    return rule is None or bool(found.verdict) or suspicious.possible(rule, found.parts[-1])


def _ordered(kept: list[KeptPath], targets: Sequence[CollectionTarget], source: EvidenceSource) -> list[PlannedItem]:
    """Sort into the order of work, a group behind its main file. Empties `kept`: a host may have hundreds of thousands of files."""
    groups: dict[tuple[int, str, Parts, str], list[KeptPath]] = defaultdict(list)
    out: list[tuple[_Place, PlannedItem]] = []
    kept.reverse()
    while kept:
        want, found, rules = kept.pop()
        if targets[want.target].groups:
            fixed = not any("{name}" in form for form in targets[want.target].groups.values())
            name = "" if fixed else _main_name(want, found, source.fold)
            volume = (found.source or source).volume
            groups[want.target, volume, found.parts[:-1], name].append((want, found, rules))
        else:
            out.append((_place(want, found), _planned(source, targets[want.target], found, rules, None)))
    of = "" if source.volume in ("C", "root") else f"-{source.volume}"
    for number, members in enumerate(groups.values()):
        members.sort(key=lambda member: (member[0].role != "main", member[0].role, member[1].parts))
        leader = members[0]
        target = targets[leader[0].target]
        readable = [member for member in members if not member[1].verdict]
        whole = 1 < len(readable) <= MAX_GROUP and readable[0][0].role == "main"
        for want, found, rules in members:
            at = readable.index((want, found, rules)) + 1 if whole and not found.verdict else 0
            group = GroupPlace(f"{target.id}-{number}{of}", want.role, at, len(readable)) if at else None
            out.append((_place(*leader[:2]), _planned(source, target, found, rules, group)))
    out.sort(key=itemgetter(0))
    return [item for _, item in out]


def _place(want: PatternUse, found: FoundPath) -> _Place:
    return not want.first, want.target, want.pattern, found.parts


def _planned(
    source: EvidenceSource, target: CollectionTarget, found: FoundPath, rules: tuple[CollectionTarget, ...], group: GroupPlace | None
) -> PlannedItem:
    of_file = (found.type, found.size, found.data, found.verdict, found.error)
    facts: dict[str, Any] = {"referrer": [source.native(found.place)]} if found.place else {}
    if found.leads:
        facts["leads"] = found.leads
    return PlannedItem(found.source or source, found.parts, target, *of_file, group, rules, target.stream, found.place, facts or None)


def _main_name(want: PatternUse, found: FoundPath, fold: bool) -> str:
    name = found.parts[-1] if found.parts else ""
    if want.role != "main":
        name = name[len(want.before) : len(name) - len(want.after)]
    return name.lower() if fold else name
