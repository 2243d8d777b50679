"""What is behind the links of a plan, where a program of the host follows them: files, and the files of folders."""

from __future__ import annotations

import stat
from collections import deque
from collections.abc import Iterator, Sequence
from typing import cast

from scout.collecting.destinations import Nowhere, Reached, StoppedStep, resolved
from scout.collecting.volumes import HostVolumes
from scout.collecting.walk import FoundPath, measured, walk
from scout.collecting.wanting import LISTED, KeptPath, PatternUse, TargetFilter
from scout.sources.source import EvidenceSource, Parts
from scout.sources.timed_calls import TimedCalls
from scout.targets.patterns import PatternTree

_MOST_BEHIND = 20_000
"""Paths behind links to folders that are looked at: a link to /usr in a place that is read completely must not take /usr along."""


class BehindLinks:
    """Follows the links of one volume. `filters`: those of the targets, by their number."""

    def __init__(
        self, source: EvidenceSource, tree: PatternTree, timed: TimedCalls, filters: Sequence[TargetFilter], volumes: HostVolumes
    ) -> None:
        self._source, self._tree, self._timed, self._filters, self._volumes = source, tree, timed, filters, volumes
        self._left = _MOST_BEHIND
        self._walked: set[tuple[str, Parts, tuple[int, ...]]] = set()

    def concerned(self, want: PatternUse, link: FoundPath) -> bool:
        """Return whether a program of the host opens this link, or what is below it."""
        place = link.place or link.parts
        return self._filters[want.target].follows(place) or any(each.follows_below(place) for each in self._filters)

    def follow(self, links: list[KeptPath]) -> list[KeptPath]:
        """Return what is behind the links of a plan, as the target of each link takes it; also what the plan has at its own place. Secrets
        stay secrets.

        A link gets its end, or the reason why it leads nowhere as its error, in place.
        """
        out: dict[tuple[str, Parts], KeptPath] = {}
        for at, (want, link, rules) in enumerate(links):
            for found in self._behind(want, link):
                if found.parts == link.parts and found.source in (None, self._source):
                    links[at] = (want, found, rules)
                else:
                    found = self._guarded(found)
                    out.setdefault(((found.source or self._source).volume, found.parts), (cast(PatternUse, found.wants[0]), found, ()))
        return list(out.values())

    def _guarded(self, found: FoundPath) -> FoundPath:
        paths = ["/".join(found.parts), "/".join(found.place)]
        if not found.verdict and any(regex.fullmatch(path) for one in self._filters for regex in one.secret for path in paths):
            return found._replace(verdict="blocked", error=LISTED)
        return found

    def _behind(self, want: PatternUse, link: FoundPath) -> Iterator[FoundPath]:
        """Yield the link, with what is said of its end, and what is behind it; links of folders behind it too."""
        todo = deque([(want, link)])
        while todo:
            use, one = todo.popleft()
            if one.type != "link":
                yield one
                continue
            place, source = one.place or one.parts, one.source or self._source
            exact = self._filters[use.target].follows(place)
            below = any(each.follows_below(place) for each in self._filters)
            if not exact and not below:
                continue
            one = one._replace(wants=(use,))
            found = resolved(source, self._timed, one.parts, self._volumes)
            if isinstance(found, StoppedStep):
                yield one
                why = f"the link {source.native(place)} leads through it: {found.error}"
                yield FoundPath(found.parts, (use,), found.type, verdict=found.verdict, error=why, place=place, source=found.source)
            elif isinstance(found, Nowhere):
                yield one if self._is_null(source, one.parts) else one._replace(error=found.why)
            else:
                yield one._replace(leads=found.source.native(found.parts))
                if exact and stat.S_ISREG(found.mode):
                    yield measured(found.source, self._timed, found.parts, (use,))._replace(place=place, source=found.source)
                elif below and stat.S_ISDIR(found.mode):
                    holds = found.source is source and one.parts[: len(found.parts)] == found.parts
                    todo.extend([] if holds or source.refusal(found.parts) else self._of_folder(use, found, place))

    def _is_null(self, source: EvidenceSource, parts: Parts) -> bool:
        """Return whether a link says on purpose that there is nothing to read."""
        try:
            return self._timed.call(source.link, parts) == "/dev/null"
        except OSError:
            return False

    def _of_folder(self, use: PatternUse, folder: Reached, place: Parts) -> Iterator[tuple[PatternUse, FoundPath]]:
        """Yield what is in the folder to which a link leads, where the host would follow it at the place of the link; one want for each."""
        state = self._tree.start()
        for name in place:
            state = self._tree.advance(state, name)
        key = (folder.source.volume, folder.parts, tuple(sorted(map(id, state))))
        if key in self._walked:
            return
        self._walked.add(key)
        for found in walk(folder.source, self._tree, self._timed, folder=folder.parts, place=place):
            self._left -= 1
            if self._left < 0:
                if self._left == -1:
                    why = f"more than {_MOST_BEHIND:,} paths behind links to folders: the rest was not looked at"
                    yield use, FoundPath(folder.parts, (use,), "directory", verdict="over limit", error=why, source=folder.source)
                return
            behind = (*place, *found.parts[len(folder.parts) :])
            wants = [want for want in cast(tuple[PatternUse, ...], found.wants) if self._takes(want, behind, found.type)]
            if wants:
                yield wants[0], found._replace(wants=(wants[0],), place=behind, source=folder.source)

    def _takes(self, want: PatternUse, place: Parts, kind: str) -> bool:
        own = self._filters[want.target]
        return not own.refuses("/".join(place)) and (own.follows(place) or (kind == "link" and own.follows_below(place)))
