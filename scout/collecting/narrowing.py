"""Narrow what rules of suspicious files would look at, before anything is opened: by owner, and by the company that a file keeps.

A ransom note is the same small text in many folders; encrypted files share an extension that was added to a document's. A file of a
package is no stranger in a folder of programs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from scout.collecting import suspicious
from scout.collecting.plan import PlannedItem
from scout.references.packages import PackageOwners, Step
from scout.sources.source import EvidenceSource
from scout.sources.timed_calls import TimedCalls
from scout.targets import CollectionTarget
from scout.targets.target import SampleRule


def narrow(items: list[PlannedItem], source: EvidenceSource, timed: TimedCalls, step: Step) -> list[PlannedItem]:
    """Return the items without those that no rule can find suspicious, in the same order."""
    ruled = [item for item in items if item.rules and not item.verdict]
    if not ruled:
        return items
    owners = None
    if any(target.rule is not None and target.rule.unowned for item in ruled for target in item.rules):
        owners = PackageOwners(source, timed, step)
    crowds = _crowds(ruled)
    out = []
    for item in items:
        if not item.rules or item.verdict:
            out.append(item)
            continue
        why = crowds.get(item.parts, {})
        left = tuple(target for target in item.rules if target.rule is not None and _may(target, item, owners, why))
        if left:
            reason = next((why[target.id] for target in left if target.id in why), "")
            facts = {**(item.facts or {}), "why": reason} if reason else item.facts
            out.append(item._replace(rules=left, target=left[0], facts=facts))
    return out


def _may(target: CollectionTarget, item: PlannedItem, owners: PackageOwners | None, why: dict[str, str]) -> bool:
    """Return whether the rule of a target may find an item suspicious."""
    rule = target.rule
    if rule is None or rule.crowd:
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
