"""Turn one YAML document into a rule in normal form. Source: Sigma Rules Specification 2, "Structure"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from commodore.detection.sigma.condition import condition
from commodore.detection.sigma.nodes import Node, conjunction, disjunction
from commodore.detection.sigma.values import Unsupported, field_test, keyword
from commodore.finding import SEVERITIES

MAX_VALUES = 20_000
_TECHNIQUE = re.compile(r"attack\.(t\d{4}(?:\.\d{3})?)\Z", re.IGNORECASE)


class SigmaRule(NamedTuple):
    """A validated rule. `logsource`: (product, category, service), '' where not given."""

    id: str
    title: str
    level: str
    author: str
    license: str
    reference: str
    techniques: tuple[str, ...]
    logsource: tuple[str, str, str]
    file: str
    node: Node


def rule_from(document: Any, file: str) -> SigmaRule:
    """Return the rule of one document. Raises Unsupported with the reason and the key at fault."""
    if not isinstance(document, dict):
        raise Unsupported("not a Sigma rule: a mapping was expected")
    if "correlation" in document:
        raise Unsupported("correlation rules are not supported", "correlation")
    if "filter" in document and "detection" not in document:
        raise Unsupported("global filters are not supported", "filter")
    if "action" in document:
        raise Unsupported("`action` was dropped from Sigma 2", "action")
    for key in ("title", "detection", "logsource"):
        if key not in document:
            raise Unsupported(f"`{key}` is missing")
    _bounded(document)
    source = document["logsource"]
    if not isinstance(source, dict) or not any(source.get(k) for k in ("product", "category", "service")):
        raise Unsupported("`logsource` has no product, category or service", "logsource")
    level = str(document.get("level") or "medium").lower()
    if level not in SEVERITIES:
        raise Unsupported(f"`{level}` is not a level: {', '.join(SEVERITIES)}", "level")
    references = document.get("references")
    return SigmaRule(
        id=str(document.get("id") or f"{file}#{document['title']}"),
        title=str(document["title"]),
        level=level,
        author=str(document.get("author") or ""),
        license=str(document.get("license") or ""),
        reference=str(references[0]) if isinstance(references, list) and references else "",
        techniques=_techniques(document.get("tags")),
        logsource=(_name(source, "product"), _name(source, "category"), _name(source, "service")),
        file=file,
        node=_detection(document["detection"]),
    )


def _name(source: dict[Any, Any], key: str) -> str:
    return str(source.get(key) or "").lower()


def _techniques(tags: Any) -> tuple[str, ...]:
    found = (_TECHNIQUE.match(str(t)) for t in tags) if isinstance(tags, list) else ()
    return tuple(sorted({m.group(1).upper() for m in found if m}))


def _detection(detection: Any) -> Node:
    if not isinstance(detection, dict) or "condition" not in detection:
        raise Unsupported("`detection` must be a mapping with a condition", "detection")
    selections: dict[str, Node] = {}
    for name, body in detection.items():
        if name in ("condition", "timeframe"):
            continue
        selections[str(name)] = _selection(body, str(name))
    texts = detection["condition"]
    texts = texts if isinstance(texts, list) else [texts]
    if not texts or any(not isinstance(t, str) for t in texts):
        raise Unsupported("the condition must be text", "condition")
    return disjunction([condition(t, selections) for t in texts])


def _selection(body: Any, name: str) -> Node:
    """Return the node of a selection. A mapping needs all of its fields, a list one of its mappings or keywords."""
    if isinstance(body, dict):
        if not body:
            raise Unsupported(f"selection `{name}` is empty", name)
        return conjunction([field_test(str(k), v) for k, v in body.items()])
    if isinstance(body, list):
        if not body:
            raise Unsupported(f"selection `{name}` is empty", name)
        return disjunction([_selection(b, name) for b in body])
    try:
        return keyword(body)
    except Unsupported as e:
        raise Unsupported(e.reason, e.key or name) from e


def _bounded(document: Any) -> None:
    """Raise Unsupported for a document with too many values: aliases can make a huge tree of a small file."""
    for total, _ in enumerate(_walk(document)):
        if total > MAX_VALUES:
            raise Unsupported(f"more than {MAX_VALUES} values: anchors that multiply, or not a rule")


def _walk(value: Any) -> Iterator[None]:
    stack = [(value, 0)]
    while stack:
        top, depth = stack.pop()
        yield None
        if depth > 40:
            raise Unsupported("the rule is nested too deeply")
        if isinstance(top, dict):
            stack.extend((v, depth + 1) for v in top.values())
        elif isinstance(top, list):
            stack.extend((v, depth + 1) for v in top)
