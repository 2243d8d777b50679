"""Plan a collection: compile the targets into one walk, group and sort what it finds. No content is read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, cast

from scout.archive.custody import MAX_GROUP, GroupPlace
from scout.collecting import suspicious
from scout.collecting.destinations import destinations, folder_behind
from scout.collecting.walk import FoundPath, walk
from scout.sources.source import EvidenceSource, Parts
from scout.sources.timed_calls import TimedCalls
from scout.targets import CollectionTarget
from scout.targets.patterns import PatternTree, expand, leads_on, path_regex, plain
from scout.targets.target import SampleRule


class PatternUse(NamedTuple):
    """One pattern of one target. `path` counts the paths that the pattern expands to on this host: one for each profile.

    `role` is `main`, or the role of a companion, whose name is `before` + main name + `after`.
    """

    target: int
    pattern: int
    path: int
    first: bool
    role: str = "main"
    before: str = ""
    after: str = ""


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


_MOST_BEHIND = 20_000
"""Paths behind links to folders that are looked at: a link to /usr in a place that is read completely must not take /usr along."""
LISTED = "secret material (password hashes or a private key): listed, never taken"
_Kept = tuple[PatternUse, FoundPath, tuple[CollectionTarget, ...]]
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


class _Filter:
    """Exclusions, secrets and followed links of a target as regular expressions over paths below the root."""

    def __init__(self, target: CollectionTarget, profiles: Sequence[str], variables: dict[str, str], fold: bool) -> None:
        self.exclude = [path_regex(one, fold) for pattern in target.exclude for one in expand(pattern, profiles, variables)]
        self.secret = [path_regex(one, fold) for pattern in target.secret for one in expand(pattern, profiles, variables)]
        self._only = target.only.compiled(fold) if target.only is not None else []
        followed = [one for pattern in target.follow for one in expand(pattern, profiles, variables)]
        self.follow = [path_regex(one, fold) for one in followed]
        self._folders = PatternTree(fold)
        for one in followed:
            self._folders.add(one, one)

    def refuses(self, path: str) -> bool:
        """Return whether the target does not take a path that its patterns match."""
        if any(regex.fullmatch(path) for regex in self.exclude):
            return True
        tests = (regex.search(path.rpartition("/")[2]) if name else regex.fullmatch(f"/{path}") for name, regex in self._only)
        return bool(self._only) and not any(tests)

    def follows(self, parts: Parts) -> bool:
        """Return whether a link at this path is opened by a program of the host."""
        return any(regex.fullmatch("/".join(parts)) for regex in self.follow)

    def follows_below(self, parts: Parts) -> bool:
        """Return whether programs of the host open what is below a link at this path."""
        state = self._folders.start()
        for name in parts:
            state = self._folders.advance(state, name)
        return leads_on(state)


def make(
    source: EvidenceSource,
    targets: Sequence[CollectionTarget],
    profiles: Sequence[str],
    variables: dict[str, str],
    timed: TimedCalls,
    on_folder: Callable[[Parts], None] | None = None,
) -> CollectionPlan:
    """Walk the source once for all targets and put what was found into order."""
    tree, written = PatternTree(source.fold), dict[tuple[int, int, int], str]()
    for index, target in enumerate(targets):
        for number, pattern in enumerate((*target.first, *target.paths)):
            paths = list(expand(pattern, profiles, variables))
            for path, one in enumerate(paths):
                _add(tree, one, PatternUse(index, number, path, number < len(target.first)), target)
            written.update({(index, number, path): one for path, one in enumerate(paths or [pattern])})
    filters = [_Filter(target, profiles, variables, source.fold) for target in targets]
    seen: set[tuple[int, int, int]] = set()
    kept: list[_Kept] = []
    for found in walk(source, tree, timed, on_folder):
        wants = cast(tuple[PatternUse, ...], found.wants)
        seen.update((want.target, want.pattern, want.path) for want in wants if want.role == "main")
        chosen = _choose(found, wants, targets, filters)
        if chosen is not None:
            kept.append(chosen)
    behind = _destinations(source, tree, timed, kept, filters)
    taken = {found.parts for _, found, _ in behind}
    kept = [one for one in kept if not (one[2] and one[1].parts in taken)] + behind  # what a link leads to is taken, whatever a rule says
    missing = [
        MissingPath(source, targets[key[0]], source.native(tuple(plain(part) for part in path.split("/") if part)))
        for key, path in written.items()
        if key not in seen and targets[key[0]].rule is None
    ]
    return CollectionPlan(_ordered(kept, targets, source), missing)


def _add(tree: PatternTree, pattern: str, want: PatternUse, target: CollectionTarget) -> None:
    tree.add(pattern, want)
    folder, _, name = pattern.rpartition("/")
    for role, form in target.groups.items():
        before, own, after = form.partition("{name}")
        tree.add(f"{folder}/{before}{name if own else ''}{after}", want._replace(role=role, before=before, after=after))


def _choose(found: FoundPath, wants: Iterable[PatternUse], targets: Sequence[CollectionTarget], filters: Sequence[_Filter]) -> _Kept | None:
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


def _destinations(
    source: EvidenceSource, tree: PatternTree, timed: TimedCalls, kept: Sequence[_Kept], filters: Sequence[_Filter]
) -> list[_Kept]:
    """Return the files behind links in places where the host follows them, as the target of the link takes them. Secrets stay secrets."""
    known = {found.parts for _, found, rules in kept if not rules}
    inside = [] if source.fold else list(_of_folders(source, tree, timed, kept, filters))
    there = [found for found in inside if found.parts not in known]
    links = [found._replace(wants=(want,)) for want, found, _ in kept if found.type == "link" and filters[want.target].follows(found.parts)]
    links += [found for found in inside if found.type == "link"]
    out: dict[Parts, _Kept] = {}
    for found in (*there, *destinations(source, timed, links, known)):
        path = "/".join(found.parts)
        if not found.verdict and any(regex.fullmatch(path) for one in filters for regex in one.secret):
            found = found._replace(verdict="blocked", error=LISTED)
        out.setdefault(found.parts, (cast(PatternUse, found.wants[0]), found, ()))
    return list(out.values())


def _of_folders(
    source: EvidenceSource, tree: PatternTree, timed: TimedCalls, kept: Sequence[_Kept], filters: Sequence[_Filter]
) -> Iterator[FoundPath]:
    """Yield what is in folders to which links lead, where the host would follow it at the place of the link; one want for each."""
    left = _MOST_BEHIND
    for want, link, _ in kept:
        if link.type != "link" or not any(one.follows_below(link.parts) for one in filters):
            continue
        folder = folder_behind(source, timed, link.parts)
        if folder is None:
            continue
        for found in walk(source, tree, timed, folder=folder, place=link.parts):
            left -= 1
            if left < 0:
                why = f"more than {_MOST_BEHIND:,} paths behind links to folders: the rest was not looked at"
                yield FoundPath(folder, (want,), "directory", verdict="over limit", error=why)
                return
            place = (*link.parts, *found.parts[len(folder) :])
            wants = [want for want in cast(tuple[PatternUse, ...], found.wants) if filters[want.target].follows(place)]
            if wants:
                yield found._replace(wants=(wants[0],), place=place)


def _ordered(kept: list[_Kept], targets: Sequence[CollectionTarget], source: EvidenceSource) -> list[PlannedItem]:
    """Sort into the order of work, a group behind its main file. Empties `kept`: a host may have hundreds of thousands of files."""
    groups: dict[tuple[int, Parts, str], list[_Kept]] = defaultdict(list)
    out: list[tuple[_Place, PlannedItem]] = []
    kept.reverse()
    while kept:
        want, found, rules = kept.pop()
        if targets[want.target].groups:
            fixed = not any("{name}" in form for form in targets[want.target].groups.values())
            name = "" if fixed else _main_name(want, found, source.fold)
            groups[want.target, found.parts[:-1], name].append((want, found, rules))
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
    facts = {"referrer": [source.native(found.place)]} if found.place else None
    return PlannedItem(source, found.parts, target, *of_file, group, rules, target.stream, found.place, facts)


def _main_name(want: PatternUse, found: FoundPath, fold: bool) -> str:
    name = found.parts[-1] if found.parts else ""
    if want.role != "main":
        name = name[len(want.before) : len(name) - len(want.after)]
    return name.lower() if fold else name
