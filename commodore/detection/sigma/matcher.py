"""The hot path: records → rules that fire.

Dataset, place and event id choose a bucket of rules; one multi-pattern pass over the record's values chooses the rules of the bucket
that are tested.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

import commodore.detection.sigma.views
from commodore.detection.sigma.compile import Test, compiled, matched
from commodore.detection.sigma.nodes import Node, leaves
from commodore.detection.sigma.pack import PackRow, RulePack
from commodore.detection.sigma.record_view import RecordView
from commodore.detection.sigma.sources import EVERYWHERE, LogFamily, families, settled, table
from scout.discovery import modules

BUCKETS = 50_000
"""Buckets that are kept: hostile logs can name channels without end."""


class SourceRule:
    """One rule in one source; its test is compiled when first needed."""

    __slots__ = ("node", "pack", "row", "test")

    def __init__(self, pack: RulePack, row: PackRow) -> None:
        self.pack, self.row = pack, row
        self.test: Test | None = None
        self.node: Node = []

    def prepare(self) -> Test:
        """Compile the test."""
        self.node = settled(self.pack.node(self.row.rule), table().sources[self.row.source])
        self.test = compiled(self.node)
        return self.test


class RuleBucket(NamedTuple):
    """The rules of one place and event id. `keywords`: some rule has keywords."""

    always: tuple[SourceRule, ...]
    find: Any
    by_text: list[tuple[SourceRule, ...]]
    keywords: bool


class FiredRule(NamedTuple):
    """A rule that matched: its number in the pack, and the fields that it matched on."""

    rule: int
    matched: dict[str, Any]


@cache
def views() -> dict[str, type[RecordView]]:
    """Return all views by the name of their module."""
    return {name: module.VIEW for name, module in modules(commodore.detection.sigma.views)}


class SigmaMatcher:
    """The rules of a pack, by dataset."""

    def __init__(self, pack: RulePack) -> None:
        self.pack = pack
        rows: dict[str, list[PackRow]] = {}
        for row in pack.rows:
            rows.setdefault(table().sources[row.source].family.dataset, []).append(row)
        self._datasets = {dataset: DatasetMatcher(pack, families()[dataset], listed) for dataset, listed in rows.items()}

    def of(self, dataset: str) -> DatasetMatcher | None:
        """Return the matcher of a dataset; None where no rule tests its records."""
        return self._datasets.get(dataset)


class DatasetMatcher:
    """The rules that test records of one dataset. A bucket is made for its first record, so that a worker holds only what it uses."""

    def __init__(self, pack: RulePack, family: LogFamily, rows: list[PackRow]) -> None:
        self.pack, self.family = pack, family
        self._view = views()[family.view]
        self._rows: dict[str, list[PackRow]] = {}
        for row in rows:
            for place in table().sources[row.source].places:
                self._rows.setdefault(place, []).append(row)
        self._buckets: dict[tuple[Any, Any], RuleBucket | None] = {}
        self._rules: dict[tuple[int, int], SourceRule] = {}

    def fired(self, record: dict[str, Any]) -> list[FiredRule]:
        """Return the rules that match one record, each once, in the order of the pack."""
        try:
            return self._fired(record)
        except UnicodeEncodeError:  # lone surrogates, which neither automaton takes
            return self._fired(_encodable(record))

    def _fired(self, record: dict[str, Any]) -> list[FiredRule]:
        family = self.family
        key = (record.get(family.place), record.get(family.code))
        try:
            bucket = self._buckets[key]
        except KeyError:
            bucket = self._bucket(key)
        if bucket is None:
            return []
        candidates = bucket.always
        if bucket.find is not None:
            hits = bucket.find(self._view.searched(record, family, bucket.keywords), overlapping=True)
            if hits:
                by_text = bucket.by_text
                chosen: set[SourceRule] = set()
                for number in {h[0] for h in hits}:
                    chosen.update(by_text[number])
                candidates = (*candidates, *chosen)
        if not candidates:
            return []
        view = self._view(record, family)
        fired = [e for e in candidates if (e.test or e.prepare())(view)]
        if not fired:
            return []
        out = {e.row.rule: FiredRule(e.row.rule, matched(e.node, view)) for e in fired}
        return [out[rule] for rule in sorted(out)]

    def _bucket(self, key: tuple[Any, Any]) -> RuleBucket | None:
        place, code = str(key[0] or "").lower(), str(key[1] or "")
        rows = [r for r in (*self._rows.get(place, ()), *self._rows.get(EVERYWHERE, ())) if not r.codes or code in r.codes]
        bucket = self._made(rows) if rows else None
        if len(self._buckets) < BUCKETS:
            self._buckets[key] = bucket
        return bucket

    def _made(self, rows: list[PackRow]) -> RuleBucket:
        always: list[SourceRule] = []
        by_text: dict[str, list[SourceRule]] = {}
        keywords = False
        for row in rows:
            rule = self._rules.setdefault((row.source, row.rule), SourceRule(self.pack, row))
            if row.texts is None:
                always.append(rule)
                continue
            keywords = keywords or self._has_keywords(row)
            for text in row.texts:
                by_text.setdefault(text, []).append(rule)
        find = None
        if by_text:
            find = AhoCorasick(
                list(by_text), matchkind=MatchKind.Standard, store_patterns=False, implementation=Implementation.ContiguousNFA
            ).find_matches_as_indexes
        return RuleBucket(tuple(always), find, [tuple(e) for e in by_text.values()], keywords)

    def _has_keywords(self, row: PackRow) -> bool:
        return any(not leaf[1] and leaf[0] not in ("true", "false") for leaf in leaves(self.pack.node(row.rule)))


def _encodable(value: Any) -> Any:
    """Return a copy whose texts have `?` for what UTF-8 cannot hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_encodable(k): _encodable(v) for k, v in value.items()}
    return [_encodable(v) for v in value] if isinstance(value, list) else value
