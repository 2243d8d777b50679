"""Narrow what rules of suspicious files would look at: by owner, by the digests of packages, by the company that a file keeps, by number.

A ransom note is the same small text in many folders; encrypted files share an extension that was added to a document's. A file of a
package is no stranger in a folder of programs.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Iterator

from scout.collecting import suspicious
from scout.collecting.package_owners import PackageOwners, Step, modified
from scout.collecting.planned import PlannedItem, PlannedItems
from scout.sources.source import EvidenceSource, Parts
from scout.sources.timed_calls import TimedCalls
from scout.targets import CollectionTarget
from scout.targets.target import SampleRule


def narrow(items: PlannedItems, source: EvidenceSource, timed: TimedCalls, step: Step, *, compare: bool = True) -> PlannedItems:
    """Return the items without those that no rule can find suspicious, in the same order.

    Files beyond the number that a rule looks at are replaced by one item for the first of their folders, which says so. Without
    `compare`, no file of a package is read, and all of them stay.
    """
    rules = {id(target): target for item in items if not item.verdict for target in item.rules}
    if not rules:
        return items
    owners = None
    if any(target.rule is not None and target.rule.unowned for target in rules.values()):
        owners = PackageOwners(source, timed, step)
    crowds = _crowds(items)
    of_packages = {}
    if any(target.rule is not None and target.rule.changed for target in rules.values()):
        ruled = (item for item in items if item.rules and not item.verdict)
        of_packages = {item.parts: item.size for item in ruled if any(one.rule is not None and one.rule.changed for one in item.rules)}
    changed = modified(source, timed, of_packages, step) if of_packages and compare else dict.fromkeys(of_packages, "")
    marks = {parts: f"its content is not that of package {package}" for parts, package in changed.items()}
    looked: Counter[str] = Counter()
    unlooked: dict[str, PlannedItem] = {}

    def narrowed(item: PlannedItem) -> Iterator[PlannedItem]:
        if not item.rules or item.verdict:
            yield item
            return
        why = crowds.get(item.parts, {})
        if item.parts in marks:
            why = {**why, **{target.id: marks[item.parts] for target in item.rules if target.rule is not None and target.rule.changed}}
        left = tuple(target for target in item.rules if target.rule is not None and _may(target, item, owners, why))
        looked.update(target.id for target in left)
        within = tuple(target for target in left if target.rule is not None and looked[target.id] <= target.rule.looked)
        for target in left:
            if target not in within:
                unlooked.setdefault(target.id, item)
        if within:
            reason = next((why[target.id] for target in within if target.id in why), "")
            facts = {**(item.facts or {}), "why": reason} if reason else item.facts
            yield item._replace(rules=within, target=within[0], facts=facts)

    items.revise(narrowed)
    items.extend(_unlooked(item, name, looked[name]) for name, item in unlooked.items())
    return items


def _unlooked(item: PlannedItem, name: str, number: int) -> PlannedItem:
    """Return an item for the custody line of what a rule did not look at."""
    target = next(one for one in item.rules if one.id == name)
    limit = target.rule.looked if target.rule is not None else 0
    error = f"over the limit of {limit:,} files that {name} looks at: from here on {number - limit:,} files were not"
    return item._replace(
        parts=item.parts[:-1], target=target, type="directory", size=0, data=0, verdict="over limit", error=error, rules=()
    )


def _may(target: CollectionTarget, item: PlannedItem, owners: PackageOwners | None, why: dict[str, str]) -> bool:
    """Return whether the rule of a target may find an item suspicious."""
    rule = target.rule
    if rule is None or rule.crowd or rule.changed:
        return target.id in why
    return not rule.unowned or (owners is not None and owners.known and not owners.of("/" + "/".join(item.parts)))


class _Crowd:
    """Files of one mark: how many, in which folders, and the first of them by path."""

    def __init__(self, rule: SampleRule) -> None:
        self.rule = rule
        self.count = 0
        self.folders: set[Parts] = set()
        self.first: list[Parts] = []

    def add(self, parts: Parts) -> None:
        self.count += 1
        self.folders.add(parts[:-1])
        if len(self.first) < self.rule.each or parts < self.first[-1]:
            insort(self.first, parts)
            del self.first[self.rule.each :]


def _crowds(items: PlannedItems) -> dict[Parts, dict[str, str]]:
    """Return path → target → why, for the first files of each crowd."""
    groups: dict[tuple[str, str], _Crowd] = {}
    for item in items:
        for target in item.rules if not item.verdict else ():
            if target.rule is not None and target.rule.crowd and (mark := suspicious.mark(target.rule, item.parts[-1])):
                if (target.id, mark) not in groups:
                    groups[target.id, mark] = _Crowd(target.rule)
                groups[target.id, mark].add(item.parts)
    out: dict[Parts, dict[str, str]] = defaultdict(dict)
    for (target_id, mark), crowd in groups.items():
        if len(crowd.folders) < crowd.rule.crowd:
            continue
        what = f"extension {mark} added to {crowd.count:,} documents" if mark.startswith(".") else f"{crowd.count:,} files {mark}"
        for parts in crowd.first:
            out[parts][target_id] = f"{what} in {len(crowd.folders):,} folders"
    return out
