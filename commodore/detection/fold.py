"""What a finding needs of the hits that it is made of: the same in whatever order they came, in bounded space."""

from __future__ import annotations

from heapq import heappush, heappushpop
from typing import Any, Self

from commodore.finding import SEVERITIES
from commodore.hits import DetectionRule, Hit

RECORDS = 100
"""Record ids that a finding cites at most."""
ACTIONS = 32
"""Actions of which a finding cites a record of its own."""

FoldKey = tuple[str, str, str, str]
_Order = tuple[bool, str, str]


class Fold:
    """The part of the hits of one rule, host and group that a finding needs; its size is bounded."""

    __slots__ = ("actions", "best", "confidence", "count", "earliest", "first", "joined", "last", "latest", "severity", "successes")

    def __init__(self) -> None:
        self.count, self.first, self.last, self.confidence, self.severity = 0, "", "", "inferred", -1
        self.best: Hit | None = None
        self.latest: tuple[bool, str, str] = (False, "", "")
        self.earliest: list[_Backwards] = []
        self.successes: list[_Backwards] = []
        self.actions: dict[str, _Order] = {}
        self.joined: list[tuple[DetectionRule, Hit]] = []
        """the rules that say more of the same file, each with its hit"""

    def join(self, other: Fold, rule: DetectionRule) -> None:
        """Add what another rule says of the same thing."""
        self.count += other.count
        self.first = min(filter(None, (self.first, other.first)), default="")
        self.last, self.latest = max(self.last, other.last), max(self.latest, other.latest)
        self.confidence = max(self.confidence, other.confidence)  # logged is behind inferred
        self.severity = max(self.severity, other.severity)
        for mine, others in ((self.earliest, other.earliest), (self.successes, other.successes)):
            for (order,) in others:
                _keep_earliest(mine, order)
        for action, order in other.actions.items():
            self._keep_action(action, order)
        if other.best is not None:
            self.joined.append((rule, other.best))

    def add(self, hit: Hit) -> None:
        self.count += 1
        if hit.time:
            self.first = min(self.first or hit.time, hit.time)
            self.last = max(self.last, hit.time)
        if hit.confidence == "logged":
            self.confidence = "logged"
        severity = SEVERITIES.index(hit.severity) if hit.severity else -1
        order = _order(hit)
        if self.best is None or (-severity, order) < (-self.severity, _order(self.best)):
            self.best = hit
        self.severity = max(self.severity, severity)
        if not hit.record:
            return
        self.latest = max(self.latest, (bool(hit.time), hit.time, hit.record))
        _keep_earliest(self.earliest, order)
        if hit.success:
            _keep_earliest(self.successes, order)
        if hit.action:
            self._keep_action(hit.action, order)

    def _keep_action(self, action: str, order: _Order) -> None:
        """Keep the earliest record of each action; of more than `ACTIONS` actions, those whose names sort first."""
        self.actions[action] = min(self.actions.get(action, order), order)
        if len(self.actions) > ACTIONS:
            del self.actions[max(self.actions)]

    def records(self) -> list[str]:
        """Ids of the records to cite, earliest first: the first, the last, one per action, successes, then the earliest others."""
        last = (not self.latest[0], *self.latest[1:])
        earliest, successes = (sorted(o for (o,) in kept) for kept in (self.earliest, self.successes))
        ranked = dict.fromkeys((*earliest[:1], *([last] if last[2] else []), *sorted(self.actions.values()), *successes, *earliest))
        return list(dict.fromkeys(record for _, _, record in sorted(list(ranked)[:RECORDS])))


class _Backwards(tuple):  # type: ignore[type-arg]
    """(order,) that sorts from last to first, so that a heap drops the latest."""

    __slots__ = ()

    def __new__(cls, *parts: Any) -> Self:
        return super().__new__(cls, parts)

    def __lt__(self, other: Any) -> bool:
        return tuple.__gt__(self, other)


def _keep_earliest(heap: list[_Backwards], order: _Order) -> None:
    if len(heap) < RECORDS:
        heappush(heap, _Backwards(order))
    else:
        heappushpop(heap, _Backwards(order))


def _order(hit: Hit) -> _Order:
    """Earliest first; hits without a time behind those with one."""
    return not hit.time, hit.time, hit.record
