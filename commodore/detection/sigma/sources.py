"""The log source table, `logsources.yaml`, validated; and what a source does to a rule."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from commodore.detection.sigma.nodes import FALSE, TRUE, Node, conjunction, disjunction, negation
from commodore.detection.sigma.values import field_test
from scout.data import parse_yaml

EVERYWHERE = "*"
"""The channel of rules that name a product and nothing else."""
EVENT_ID = frozenset(("EventID", "EventId"))
"""Names of the event id in rules."""


class Source(NamedTuple):
    """One place where records of a log source stand. `channels` in lower case; `codes` empty = all event ids.

    rename   Sigma field → field of the event; a field of `rendered` begins with `=`
    known    fields that the event can have; None = any, so that absent means absent
    """

    category: str
    service: str
    channels: tuple[str, ...]
    codes: frozenset[str]
    where: Node
    rename: dict[str, str]
    known: frozenset[str] | None


class Table(NamedTuple):
    """`system`: Sigma field → record field; `rendered`: `=name` → (field of the event, {raw: shown}); `common`: poor search keys."""

    sources: tuple[Source, ...]
    system: dict[str, str]
    rendered: dict[str, tuple[str, dict[str, str]]]
    common: frozenset[str]
    text: bytes


@cache
def table() -> Table:
    """The table of this package. Raises ValueError for an entry that the validator refuses."""
    text = files("commodore.detection").joinpath("sigma/logsources.yaml").read_bytes()
    document = parse_yaml(text)
    extra = set(document) - {"system_fields", "common", "sources"}
    if extra:
        raise ValueError(f"logsources.yaml: unknown part `{extra.pop()}`")
    rendered: dict[str, tuple[str, dict[str, str]]] = {}
    sources = [_source(entry, place, rendered) for entry in document["sources"] for place in entry["from"]]
    sources.append(Source("", "", (EVERYWHERE,), frozenset(), TRUE, {}, None))
    return Table(tuple(sources), document["system_fields"], rendered, frozenset(s.lower() for s in document["common"]), text)


def _source(entry: dict[str, Any], place: dict[str, Any], rendered: dict[str, tuple[str, dict[str, str]]]) -> Source:
    name = entry.get("category") or entry.get("service")
    bad = (set(entry) - {"category", "service", "from"}) | (set(place) - {"channel", "code", "where", "rename", "has", "keep"})
    if bad or not name or not place.get("channel"):
        raise ValueError(f"logsources.yaml: {name}: `{bad.pop() if bad else 'channel'}`")
    rename: dict[str, str] = {}
    for field, target in place.get("rename", {}).items():
        if isinstance(target, dict):
            key = f"={name}.{field}"
            rendered[key] = (target["field"], {str(k).lower(): str(v) for k, v in target["values"].items()})
            rename[field] = key
        else:
            rename[field] = target
    known = frozenset(rename) | frozenset(place.get("keep", ())) if place.get("has") == "renamed" else None
    where = conjunction([field_test(k, v) for k, v in place.get("where", {}).items()])
    return Source(
        entry.get("category", ""),
        entry.get("service", ""),
        tuple(c.lower() for c in place["channel"]),
        frozenset(str(c) for c in place.get("code", ())),
        where,
        rename,
        known,
    )


def places(logsource: tuple[str, str, str]) -> list[int]:
    """Indexes of the sources that feed a rule's log source; empty where no event log does."""
    product, category, service = logsource
    if product not in ("", "windows"):
        return []
    sources = table().sources
    if not category and not service:
        return [len(sources) - 1]
    if not category:
        return [i for i, s in enumerate(sources) if s.service == service]
    allowed = {c for s in sources if s.service == service for c in s.channels} if service else None
    return [i for i, s in enumerate(sources) if s.category == category and (allowed is None or allowed & set(s.channels))]


def settled(node: Node, source: Source) -> Node:
    """The rule as it reads in this source: fields renamed, and what the source cannot know settled so that unknown never fires.

    Three-valued logic (Kleene) without a third value at run time: whether a field is unknown depends on the source alone, so a test on it
    is false where the rule would fire on it, and true where the rule would fire on its negation.
    """
    return conjunction([source.where, _settle(node, source, True)])


def _settle(node: Node, source: Source, positive: bool) -> Node:
    kind = node[0]
    if kind == "and":
        return conjunction([_settle(n, source, positive) for n in node[1:]])
    if kind == "or":
        return disjunction([_settle(n, source, positive) for n in node[1:]])
    if kind == "not":
        return negation(_settle(node[1], source, not positive))
    if kind in ("true", "false"):
        return node
    names = [node[1]] + ([node[2][0]] if kind == "ref" else [])
    system = table().system
    if source.known is not None and any(n and n not in source.known and n not in system for n in names):
        return FALSE if positive else TRUE
    field = source.rename.get(node[1], node[1])
    payload = [source.rename.get(node[2][0], node[2][0]), node[2][1]] if kind == "ref" else node[2]
    return [kind, field, payload]
