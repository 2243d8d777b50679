"""The published translation: what was typed, as a query for Elasticsearch's `query_string` and for Kibana's Lucene bar.

The result is fully bracketed and names its operators, so it means the same whatever the default operator is. `QUERY_OPTIONS` are the
parameters of `query_string` (Kibana: setting `query:queryString:options`) under which a plain word means the same as here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from eye.query.copies import copy_of
from eye.query.fields import known_field
from eye.query.moments import moments, span_of
from eye.query.parse import parse
from eye.query.tree import ANY, ONE, And, Everything, Exists, Fuzzy, Leaf, Node, Not, Or, Pattern, Range, Regex, Text
from eye.query.values import ES_NS_MIN, NS_MAX, isotime
from eye.query.words import fold, level, words

QUERY_OPTIONS = {
    "default_field": "escadre.all",
    "default_operator": "AND",
    "analyze_wildcard": False,
    "allow_leading_wildcard": True,
    "fuzzy_max_expansions": 1000,
}
ID = re.compile(r"[0-9a-f]{32}")
"""The form of `escadre.id`, which is no text of the record but is found when it is typed in full."""


def to_kibana(query: str, filters: Iterable[str] = ()) -> str:
    """The translation of a query and of filters that must match too. Raises QueryComplaint."""
    parts = [translated(node, text) for text in (query, *filters) if not isinstance(node := parse(text), Everything)]
    return " AND ".join(parts) or "*:*"


def translated(node: Node, query: str) -> str:
    """The translation of a tree."""
    if isinstance(node, Everything):
        return "*:*"
    if isinstance(node, Not):
        return f"(*:* AND NOT {translated(node.node, query)})"
    if isinstance(node, And):
        return "(" + " AND ".join(translated(n, query) for n in node.nodes) + ")"
    if isinstance(node, Or):
        return "(" + " OR ".join(translated(n, query) for n in node.nodes) + ")"
    return _bare(node) if node.field in ("", "escadre.all") else _typed(node, query)


def escaped(text: str) -> str:
    """Text of a term: every character that `query_string` reads as syntax is escaped."""
    return re.sub(r'([+\-=&|!(){}\[\]^"~*?:\\/<>\s])', r"\\\1", text)


def quoted(text: str) -> str:
    """Text as a phrase."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _wild(parts: tuple[str, ...], *, keep_case: bool = False) -> str:
    return "".join("*" if p == ANY else "?" if p == ONE else escaped(p if keep_case else fold(p)) for p in parts)


def _anywhere(parts: tuple[str, ...]) -> str:
    return "*" + _wild(parts).removeprefix("*").removesuffix("*") + "*"


def _regex(pattern: str) -> str:
    return "/" + pattern.replace("/", "\\/") + "/"


def _bare(node: Leaf) -> str:
    if isinstance(node, Text):
        found = words(node.text)
        if len(found) == 1:
            return f"({found[0]} OR escadre.id:{found[0]})" if ID.fullmatch(found[0]) else found[0]
        return quoted(level(node.text)) + (f"~{node.slop}" if node.slop else "")
    if isinstance(node, Pattern):
        return f"escadre.values:{_anywhere(node.parts)}" if node.across else _wild(node.parts)
    if isinstance(node, Fuzzy):
        return f"{fold(node.text)}~{node.distance}"
    if isinstance(node, Regex):
        return f"escadre.all:{_regex(node.pattern)}"
    return "*:*"


def _date_math(node: Text | Range) -> str:
    """A range whose bounds are date math or open, as it was typed; '' for any other."""
    bounds = (node.text, node.text) if isinstance(node, Text) else (node.low or "*", node.high or "*")
    if not any(bound.startswith("now") for bound in bounds) or not all(bound == "*" or bound.startswith("now") for bound in bounds):
        return ""
    open_, close = ("[", "]") if isinstance(node, Text) else ("[" if node.include_low else "{", "]" if node.include_high else "}")
    low, high = (bound if bound == "*" else quoted(bound) for bound in bounds)
    return f"{open_}{low} TO {high}{close}"


def _typed(node: Leaf, query: str) -> str:
    name = escaped("escadre.id" if node.field == "_id" else node.field)
    found = known_field(node.field)
    kind = found[0].type if found else ""
    if isinstance(node, Exists):
        return f"_exists_:{name}"
    if kind == "date" and isinstance(node, (Text, Range)):
        math = _date_math(node)
        if math:
            return f"{name}:{math}"
        first, last = span_of(node, query) if isinstance(node, Text) else moments(node, query)
        low = "*" if first is None or first <= ES_NS_MIN else f'"{isotime(first)}"'
        high = "*" if last is None or last >= NS_MAX else f'"{isotime(last)}"'
        return f"{name}:[{low} TO {high}]"
    if isinstance(node, Range):
        low, high = ("*" if bound is None else quoted(bound) for bound in (node.low, node.high))
        return f"{name}:{'[' if node.include_low else '{'}{low} TO {high}{']' if node.include_high else '}'}"
    copy = copy_of(node.field)
    if isinstance(node, Regex):
        return f"{escaped(copy) or name}:{_regex(node.pattern)}"
    if isinstance(node, Pattern) and kind == "flattened" and node.field != "winlog.event_data":
        pattern = _wild(node.parts, keep_case=True)
        if copy or node.parts[0] not in (ANY, ONE):
            return f"{escaped(copy) or name}:{pattern}"
        return f"(_exists_:{name} AND {name}:{pattern})"  # the server compares it with all keys: more may be found, none is missed
    if isinstance(node, Pattern):
        if kind == "text" and node.across:
            return f"{name}.value:{_anywhere(node.parts)}"
        return f"{name}:{_wild(node.parts, keep_case=kind == 'flattened')}"
    if isinstance(node, Fuzzy):
        return f"{name}:{fold(node.text)}~{node.distance}"
    assert isinstance(node, Text)
    if kind == "flattened":
        return f"{name}:{escaped(node.text)}"
    if kind == "ip":
        return f"{name}:{quoted(node.text.split('%', 1)[0])}"  # a zone is no part of an address
    return f"{name}:{quoted(level(node.text) if kind == 'text' else node.text)}" + (f"~{node.slop}" if node.slop else "")
