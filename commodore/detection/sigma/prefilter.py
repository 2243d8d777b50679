"""Find the necessary conditions of a rule: event ids, and texts of which one must occur in the event. The rule itself decides."""

from __future__ import annotations

from typing import Any

from commodore.detection.sigma.nodes import Node
from commodore.detection.sigma.sources import LogFamily, table

MIN_LENGTH = 3
MAX_TEXTS = 2000


def event_ids(node: Node, family: LogFamily) -> frozenset[str] | None:
    """Return the only event ids for which the rule can fire; None: any."""
    kind = node[0]
    if kind == "and":
        found = [ids for n in node[1:] if (ids := event_ids(n, family)) is not None]
        return frozenset.intersection(*found) if found else None
    if kind == "or":
        each = [event_ids(n, family) for n in node[1:]]
        return None if any(e is None for e in each) else frozenset().union(*(e for e in each if e is not None))
    if kind == "eq" and node[1] in family.code_fields:
        return frozenset(node[2])
    return None


def needed(node: Node, family: LogFamily) -> list[str] | None:
    """Return lower-case texts, of which every event that the rule matches has at least one; None where there are none."""
    found = _needed(node, family)
    return sorted(found) if found is not None and len(found) <= MAX_TEXTS else None


def _needed(node: Node, family: LogFamily) -> set[str] | None:
    kind = node[0]
    if kind == "and":
        choices = [c for n in node[1:] if (c := _needed(n, family)) is not None]
        return min(choices, key=cost, default=None)
    if kind == "or":
        union: set[str] = set()
        for n in node[1:]:
            part = _needed(n, family)
            if part is None:
                return None
            union |= part
        return union
    return None if kind == "not" else _of_leaf(node, family)


def cost(texts: set[str]) -> float:
    """Estimate how often the texts occur, in arbitrary units: short and common texts cost more."""
    common = table().common
    return sum(1.0 if t in common else 4.0 ** -min(len(t.encode("utf-8", "surrogatepass")), 24) * 16 for t in texts)


def _telling(text: str) -> bool:
    """Return whether the text is long enough to be rare, or has rare characters."""
    return len(text) >= MIN_LENGTH or any(ord(c) > 0x2000 for c in text)


def _of_leaf(node: Node, family: LogFamily) -> set[str] | None:
    kind, field, payload = node
    if field in family.fields or field.startswith("="):
        return None
    if kind in ("eq", "sw", "ew", "has", "eqc", "swc", "ewc", "hasc"):
        texts = {t.lower() for t in payload}
    elif kind in ("glob", "globc"):
        texts = {max((p.lower() for p in parts if isinstance(p, str)), key=len, default="") for parts in payload}
    elif kind == "re":
        texts = set()
        for pattern in payload:
            part = regex_texts(pattern)
            if part is None:
                return None
            texts |= part
    else:
        return None
    return texts if texts and all(map(_telling, texts)) else None


def regex_texts(pattern: str) -> set[str] | None:
    """Return texts of which one must occur where the pattern matches, from its syntax tree; None where there are none."""
    from re import _parser  # type: ignore[attr-defined]  # the standard library's parser of patterns, which has no public name

    try:
        tree = _parser.parse(pattern)
    except Exception:  # RE2 accepts forms that this parser does not: no prefilter then, which is always correct
        return None
    return _of_sequence(tree)


def _of_sequence(tree: Any) -> set[str] | None:
    """Return the best choice among runs of letters that must occur, branches of which one must occur, and groups."""
    choices: list[set[str]] = []
    run: list[str] = []
    for op, argument in tree:
        name = str(op)
        if name == "LITERAL":
            run.append(chr(argument).lower())
            continue
        choices.append({"".join(run)})
        run = []
        part: set[str] | None = None
        if name == "SUBPATTERN":
            part = _of_sequence(argument[3])
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT") and argument[0] > 0:
            part = _of_sequence(argument[2])
        elif name == "BRANCH":
            parts = [_of_sequence(branch) for branch in argument[1]]
            part = None if any(p is None for p in parts) else set().union(*(p for p in parts if p is not None))
        if part:
            choices.append(part)
    choices.append({"".join(run)})
    good = [c for c in choices if c and all(map(_telling, c))]
    return min(good, key=cost, default=None)
