"""Plan a collection: compile the targets into one walk, group and sort what it finds. No content is read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, cast

from scout.archive.custody import MAX_GROUP, GroupPlace
from scout.collecting import suspicious
from scout.collecting.behind import BehindLinks
from scout.collecting.planned import PlannedItem, PlannedItems
from scout.collecting.volumes import HostVolumes
from scout.collecting.walk import FoundPath, walk
from scout.collecting.wanting import LISTED, KeptPath, PatternUse, TargetFilter, companions
from scout.sources.source import EvidenceSource, Parts
from scout.sources.timed_calls import TimedCalls
from scout.targets import CollectionTarget
from scout.targets.patterns import PatternTree, expand, plain
from scout.targets.target import SampleRule

_Place = tuple[bool, int, int]
"""pattern by the order of work: whether it is none of `first`, number of its target, its own"""


class MissingPath(NamedTuple):
    """A wanted path (`native`, perhaps a pattern) that nothing matches."""

    source: EvidenceSource
    target: CollectionTarget
    native: str


class CollectionPlan(NamedTuple):
    """Items in the order of work, and wanted paths that nothing on the host matches: one for each pattern and profile."""

    items: PlannedItems
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
    links = BehindLinks(source, tree, timed, filters, volumes or HostVolumes([source]))
    draft = _PlanDraft(source, targets)
    seen: set[tuple[int, int, int]] = set()
    for found in walk(source, tree, timed, on_folder):
        wants = cast(tuple[PatternUse, ...], found.wants)
        seen.update((want.target, want.pattern, want.path) for want in wants if want.role == "main")
        chosen = _choose(found, wants, targets, filters)
        if chosen is not None and found.type == "link" and not chosen[2] and links.concerned(*chosen[:2]):
            draft.links.append(chosen)
        elif chosen is not None:
            draft.add(chosen)
    draft.join(links.follow(draft.links))
    missing = [
        MissingPath(source, targets[key[0]], source.native(tuple(plain(part) for part in path.split("/") if part)))
        for key, path in written.items()
        if key not in seen and targets[key[0]].rule is None
    ]
    return CollectionPlan(draft.ordered(), missing)


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


class _PlanDraft:
    """What a walk found, by pattern, in the order of the walk; groups and links apart, because they are looked at together."""

    def __init__(self, source: EvidenceSource, targets: Sequence[CollectionTarget]) -> None:
        self._source, self._targets = source, targets
        self._plain: dict[_Place, PlannedItems] = defaultdict(PlannedItems)
        self._grouped: list[KeptPath] = []
        self.links: list[KeptPath] = []
        """links that a program of the host may open"""

    def add(self, kept: KeptPath) -> None:
        """Add one path."""
        want, found, rules = kept
        target = self._targets[want.target]
        if target.groups:
            self._grouped.append(kept)
        else:
            self._plain[_place(want)].append(_planned(self._source, target, found, rules, None))

    def join(self, behind: list[KeptPath]) -> None:
        """Add the links, and what is behind them, unless it is taken at its own place: whatever a rule says of it there."""
        own = {found.parts: kept for kept in behind for _, found, _ in [kept] if found.source in (None, self._source)}
        known = {found.parts for _, found, rules in (*self.links, *self._grouped) if found.parts in own and not rules}
        if own:
            for items in self._plain.values():
                known.update(item.parts for item in items if item.parts in own and not item.rules)
        fresh = [kept for kept in behind if kept[1].source not in (None, self._source) or kept[1].parts not in known]
        taken = {found.parts for _, found, _ in fresh if found.source in (None, self._source)}
        if taken:
            self._grouped = [one for one in self._grouped if not (one[2] and one[1].parts in taken)]
            for items in self._plain.values():
                items.revise(lambda item: () if item.rules and item.parts in taken else (item,))
        for kept in (*self.links, *fresh):
            self.add(kept)
        self.links.clear()

    def ordered(self) -> PlannedItems:
        """Return the items in the order of work, a group behind its main file. Empties the draft."""
        places = defaultdict(list)
        for leader, group in self._groups():
            places[_place(leader[0])].append((leader[1].parts, group))
        out = PlannedItems()
        for place in sorted({*places, *self._plain}):
            if place in self._plain:
                out.move(self._plain.pop(place))
            for _, group in sorted(places.pop(place, ()), key=itemgetter(0)):
                out.extend(group)
        return out

    def _groups(self) -> Iterator[tuple[KeptPath, list[PlannedItem]]]:
        """Yield the main file of each group, and its items."""
        source, targets = self._source, self._targets
        groups: dict[tuple[int, str, Parts, str], list[KeptPath]] = defaultdict(list)
        for want, found, rules in self._grouped:
            fixed = not any("{name}" in form for form in targets[want.target].groups.values())
            name = "" if fixed else _main_name(want, found, source.fold)
            groups[want.target, (found.source or source).volume, found.parts[:-1], name].append((want, found, rules))
        self._grouped.clear()
        of = "" if source.volume in ("C", "root") else f"-{source.volume}"
        for number, members in enumerate(groups.values()):
            members.sort(key=lambda member: (member[0].role != "main", member[0].role, member[1].parts))
            leader = members[0]
            target = targets[leader[0].target]
            readable = [member for member in members if not member[1].verdict]
            whole = 1 < len(readable) <= MAX_GROUP and readable[0][0].role == "main"
            out = []
            for want, found, rules in members:
                at = readable.index((want, found, rules)) + 1 if whole and not found.verdict else 0
                group = GroupPlace(f"{target.id}-{number}{of}", want.role, at, len(readable)) if at else None
                out.append(_planned(source, target, found, rules, group))
            yield leader, out


def _place(want: PatternUse) -> _Place:
    return not want.first, want.target, want.pattern


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
