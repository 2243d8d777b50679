"""What a plan wants of a path: which pattern of which target, and whether the target refuses it or follows a link there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from scout.collecting.walk import FoundPath
from scout.sources.source import Parts
from scout.targets import CollectionTarget
from scout.targets.patterns import PatternTree, expand, leads_on, path_regex

LISTED = "secret material (password hashes or a private key): listed, never taken"


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


KeptPath = tuple[PatternUse, FoundPath, tuple[CollectionTarget, ...]]
"""a path, which use takes it, and the targets with a rule where no other wants it"""


def companions(pattern: str, target: CollectionTarget) -> Iterator[tuple[str, str, str, str]]:
    """Yield (role, pattern, what stands before the main file's name, what stands after it) of the companions of a pattern's files."""
    folder, _, name = pattern.rpartition("/")
    for role, form in target.groups.items():
        before, own, after = form.partition("{name}")
        yield role, f"{folder}/{before}{name if own else ''}{after}", before, after


def _followed(target: CollectionTarget) -> tuple[str, ...]:
    """Return the patterns of places where a program of the host opens links. Every open of Windows goes through them."""
    if target.os != "windows" or target.rule is not None:
        return target.follow
    own = (*target.first, *target.paths)
    return (*own, *(path for pattern in own for _, path, _, _ in companions(pattern, target)))


class TargetFilter:
    """Exclusions, secrets and followed links of a target as regular expressions over paths below the root."""

    def __init__(self, target: CollectionTarget, profiles: Sequence[str], variables: dict[str, str], fold: bool) -> None:
        self.exclude = [path_regex(one, fold) for pattern in target.exclude for one in expand(pattern, profiles, variables)]
        self.secret = [path_regex(one, fold) for pattern in target.secret for one in expand(pattern, profiles, variables)]
        self._only = target.only.compiled(fold) if target.only is not None else []
        followed = [one for pattern in _followed(target) for one in expand(pattern, profiles, variables)]
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
