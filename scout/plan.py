"""What will be taken, in order: the targets of a host compiled into one walk, its finds grouped and sorted. No content is read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import NamedTuple, cast

from scout.archive.custody import Group
from scout.patience import Patience
from scout.sources.directory import Parts, Root
from scout.targets import Target
from scout.targets.patterns import Tree, expand, path_regex, plain
from scout.walk import Found, walk


class Want(NamedTuple):
    """One pattern of one target; `path` is its number among the paths that it stands for on this host, one for each profile.

    `role` is `main`, or that of a companion, whose name is `before` + main name + `after`.
    """

    target: int
    pattern: int
    path: int
    first: bool
    role: str = "main"
    before: str = ""
    after: str = ""


class Planned(NamedTuple):
    """One item of the plan. `verdict` is '' where content is to be read."""

    parts: Parts
    target: Target
    type: str
    size: int
    data: int
    verdict: str
    error: str
    group: Group | None
    rules: tuple[Target, ...] = ()
    """targets with a rule, where only they want the file: it is taken if one of them finds it suspicious"""
    stream: bool = False


_Kept = tuple[Want, Found, tuple[Target, ...]]
_Place = tuple[bool, int, int, Parts]


class Plan(NamedTuple):
    """Items in the order of work, and paths that nothing fitted, as (target, native path), one for each profile."""

    items: list[Planned]
    missing: list[tuple[Target, str]]


class _Filter:
    """Exclusions and secrets of a target as regular expressions over paths below the root."""

    def __init__(self, target: Target, profiles: Sequence[str], variables: dict[str, str], fold: bool) -> None:
        self.exclude = [path_regex(one, fold) for pattern in target.exclude for one in expand(pattern, profiles, variables)]
        self.secret = [path_regex(one, fold) for pattern in target.secret for one in expand(pattern, profiles, variables)]


def make(
    root: Root,
    targets: Sequence[Target],
    profiles: Sequence[str],
    variables: dict[str, str],
    patience: Patience,
    on_folder: Callable[[Parts], None] | None = None,
) -> Plan:
    """Walk the root once for all targets and put what was found into order."""
    tree, written = Tree(root.fold), dict[tuple[int, int, int], str]()
    for index, target in enumerate(targets):
        for number, pattern in enumerate((*target.first, *target.paths)):
            paths = list(expand(pattern, profiles, variables))
            for path, one in enumerate(paths):
                _add(tree, one, Want(index, number, path, number < len(target.first)), target)
            written.update({(index, number, path): one for path, one in enumerate(paths or [pattern])})
    filters = [_Filter(target, profiles, variables, root.fold) for target in targets]
    seen: set[tuple[int, int, int]] = set()
    kept: list[_Kept] = []
    for found in walk(root, tree, patience, on_folder):
        wants = cast(tuple[Want, ...], found.wants)
        seen.update((want.target, want.pattern, want.path) for want in wants if want.role == "main")
        chosen = _choose(found, wants, targets, filters)
        if chosen is not None:
            kept.append(chosen)
    missing = [
        (targets[key[0]], root.native(tuple(plain(part) for part in path.split("/") if part)))
        for key, path in written.items()
        if key not in seen and targets[key[0]].rule is None
    ]
    return Plan(_ordered(kept, targets, root.fold), missing)


def _add(tree: Tree, pattern: str, want: Want, target: Target) -> None:
    tree.add(pattern, want)
    folder, _, name = pattern.rpartition("/")
    for role, form in target.groups.items():
        before, _, after = form.partition("{name}")
        tree.add(f"{folder}/{before}{name}{after}", want._replace(role=role, before=before, after=after))


def _choose(found: Found, wants: Iterable[Want], targets: Sequence[Target], filters: Sequence[_Filter]) -> _Kept | None:
    """Which target takes a path: the first in order of work; those with a rule only where no other wants it. None where all exclude it."""
    path = "/".join(found.parts)
    left = [want for want in wants if not any(regex.fullmatch(path) for regex in filters[want.target].exclude)]
    if not left:
        return None
    if found.type == "file" and not found.verdict and any(regex.fullmatch(path) for want in left for regex in filters[want.target].secret):
        found = found._replace(verdict="blocked", error="secret material (password hashes or a private key): listed, never taken")
    plain = [want for want in left if targets[want.target].rule is None]
    if found.type == "link" and not plain:
        return None  # a link is no program; what it points to is judged where it lies
    best = min(plain or left, key=lambda want: (not want.first, want.target, want.role != "main", want.pattern))
    if plain or found.verdict:
        return best, found, ()
    return best, found, tuple(targets[index] for index in sorted({want.target for want in left}))


def _ordered(kept: list[_Kept], targets: Sequence[Target], fold: bool) -> list[Planned]:
    """In order of work, a group behind its main file. Empties `kept`: a host may have hundreds of thousands of files."""
    groups: dict[tuple[int, Parts, str], list[_Kept]] = defaultdict(list)
    out: list[tuple[_Place, Planned]] = []
    kept.reverse()
    while kept:
        want, found, rules = kept.pop()
        if targets[want.target].groups:
            groups[want.target, found.parts[:-1], _main_name(want, found, fold)].append((want, found, rules))
        else:
            out.append((_place(want, found), _planned(targets[want.target], found, rules, None)))
    for number, members in enumerate(groups.values()):
        members.sort(key=lambda member: (member[0].role != "main", member[0].role, member[1].parts))
        leader = members[0]
        target = targets[leader[0].target]
        readable = [member for member in members if not member[1].verdict]
        whole = len(readable) > 1 and readable[0][0].role == "main"
        for want, found, rules in members:
            at = readable.index((want, found, rules)) + 1 if whole and not found.verdict else 0
            group = Group(f"{target.id}-{number}", want.role, at, len(readable)) if at else None
            out.append((_place(*leader[:2]), _planned(target, found, rules, group)))
    out.sort(key=itemgetter(0))
    return [item for _, item in out]


def _place(want: Want, found: Found) -> _Place:
    return not want.first, want.target, want.pattern, found.parts


def _planned(target: Target, found: Found, rules: tuple[Target, ...], group: Group | None) -> Planned:
    of_file = (found.type, found.size, found.data, found.verdict, found.error)
    return Planned(found.parts, target, *of_file, group, rules, target.stream)


def _main_name(want: Want, found: Found, fold: bool) -> str:
    name = found.parts[-1] if found.parts else ""
    if want.role != "main":
        name = name[len(want.before) : len(name) - len(want.after)]
    return name.lower() if fold else name
