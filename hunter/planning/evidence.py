"""Evidence that HUNTER accepts for the target of an action: the catalogue names the rules, `commodore.persistence.evidence` has them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from commodore.persistence.evidence import EvidenceRule, evidence_rules, of_named_file
from hunter.catalogue import catalogue

TRAITS = "traits"
"""evidence of the catalogue: the traits of a Windows path by which COMMODORE judges a file"""


@cache
def _accepted(kind: str) -> tuple[EvidenceRule, ...]:
    """Return the rules that a kind of removal accepts. Raises ValueError for one that is not there or is about another kind of target."""
    rules = evidence_rules()
    if unknown := [name for name in catalogue()[kind].evidence if name not in rules or rules[name].about != catalogue()[kind].of]:
        raise ValueError(f"{kind}: no such evidence: {', '.join(unknown)}")
    return tuple(rules[name] for name in catalogue()[kind].evidence)


def independent(kind: str, path: str, facts: Mapping[str, Any]) -> str:
    """Return what is known of the object itself, as a clause; '' where only a command names it."""
    if TRAITS in catalogue()[kind].evidence:
        return of_named_file(path, facts)
    return next((rule.says for rule in _accepted(kind) if rule.holds(path, facts)), "")
