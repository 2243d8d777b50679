"""Narrow what rules of suspicious files would look at: by owner, by the digests of packages, by the company that a file keeps, by number.

A ransom note is the same small text in many folders; encrypted files share an extension that was added to a document's. A file of a
package is no stranger in a folder of programs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from scout.collecting import suspicious
from scout.collecting.package_owners import PackageOwners, Step, modified
from scout.collecting.plan import PlannedItem
from scout.sources.source import EvidenceSource
from scout.sources.timed_calls import TimedCalls
from scout.targets import CollectionTarget
from scout.targets.target import SampleRule


def narrow(items: list[PlannedItem], source: EvidenceSource, timed: TimedCalls, step: Step, *, compare: bool = True) -> list[PlannedItem]:
    """Return the items without those that no rule can find suspicious, in the same order.

    Files beyond the number that a rule looks at are replaced by one item for the first of their folders, which says so. Without
    `compare`, no file of a package is read, and all of them stay.
    """
    ruled = [item for item in items if item.rules and not item.verdict]
    if not ruled:
        return items
    owners = None
    if any(target.rule is not None and target.rule.unowned for item in ruled for target in item.rules):
        owners = PackageOwners(source, timed, step)
    crowds = _crowds(ruled)
    of_packages = {item.parts: item.size for item in ruled if any(one.rule is not None and one.rule.changed for one in item.rules)}
    changed = modified(source, timed, of_packages, step) if of_packages and compare else dict.fromkeys(of_packages, "")
    marks = {parts: f"its content is not that of package {package}" for parts, package in changed.items()}
    out: list[PlannedItem] = []
    looked: Counter[str] = Counter()
    unlooked: dict[str, PlannedItem] = {}
    for item in items:
        if not item.rules or item.verdict:
            out.append(item)
            continue
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
            out.append(item._replace(rules=within, target=within[0], facts=facts))
    out += [_unlooked(item, name, looked[name]) for name, item in unlooked.items()]
    return out


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


def _crowds(items: Sequence[PlannedItem]) -> dict[tuple[str, ...], dict[str, str]]:
    """Return path → target → why, for the first files of each crowd."""
    groups: dict[tuple[str, str], list[PlannedItem]] = defaultdict(list)
    rules: dict[str, SampleRule] = {}
    for item in items:
        for target in item.rules:
            if target.rule is not None and target.rule.crowd and (mark := suspicious.mark(target.rule, item.parts[-1])):
                groups[target.id, mark].append(item)
                rules[target.id] = target.rule
    out: dict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    for (target_id, mark), members in groups.items():
        folders = len({item.parts[:-1] for item in members})
        if folders < rules[target_id].crowd:
            continue
        what = f"extension {mark} added to {len(members):,} documents" if mark.startswith(".") else f"{len(members):,} files {mark}"
        for item in sorted(members, key=lambda one: one.parts)[: rules[target_id].each]:
            out[item.parts][target_id] = f"{what} in {folders:,} folders"
    return out
