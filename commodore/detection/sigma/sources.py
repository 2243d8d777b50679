"""The Sigma log sources, from `logsources/*.yaml`, validated; and how a source changes a rule.

A file describes the log sources that one dataset feeds:

    product      product that rules name
    dataset      dataset whose records are tested
    view         module in `views/` that reads a record as rules see it
    place, code  record fields that choose the rules to test: a channel and an event id; absent = all rules for all records
    code_fields  names of the event id in rules
    keywords     record fields that are searched for keywords, beside those that the view adds
    fields       name in rules → record field, for every source of the file
    common       texts that are poor search keys
    sources      list of `category` or `service` (what rules name) with `from`, a list of
        place    values of the place field, without case
        code     event ids; absent = all
        where    tests that a record must pass too, as in a rule
        rename   name in rules → name in this record, or {field, values: {raw: rendered}}; a rule may test either form of a value
        has      `renamed`: the record has no other field than the renamed ones and those in `keep`; a test on any other field is unknown
        keep     fields that the record has under the name that rules use
        lacks    fields that rules of the source test and the record never has: a rule that needs one can match nothing here
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from commodore.detection.sigma.nodes import FALSE, TRUE, Node, conjunction, disjunction, negation
from commodore.detection.sigma.values import field_test
from scout.data import parse_yaml

EVERYWHERE = "*"
"""The place of rules that name a product and nothing else."""
_FILE_KEYS = frozenset(("product", "dataset", "view", "place", "code", "code_fields", "keywords", "fields", "common", "sources"))
_PLACE_KEYS = frozenset(("place", "code", "where", "rename", "has", "keep", "lacks"))


@dataclass(frozen=True, slots=True)
class LogFamily:
    """The declarations that all log sources of one dataset share. `rendered`: `=name` → (field, {raw: shown})."""

    product: str
    dataset: str
    view: str
    place: str
    code: str
    code_fields: frozenset[str]
    keywords: tuple[str, ...]
    fields: dict[str, str]
    rendered: dict[str, tuple[str, dict[str, str]]]


class SigmaSource(NamedTuple):
    """One place whose records feed a log source. `places` in lower case; `codes` empty = all event ids.

    rename   name in rules → name in the record; a rendered field begins with `=`
    known    fields that the record can have; None = any, so that absent means absent
    lacks    fields that it cannot have, of those that are tested
    """

    family: LogFamily
    category: str
    service: str
    places: tuple[str, ...]
    codes: frozenset[str]
    where: Node
    rename: dict[str, str]
    known: frozenset[str] | None
    lacks: frozenset[str] = frozenset()


class SourceTable(NamedTuple):
    """All sources. `common`: poor search keys; `text`: the files, for the identity of compiled rules."""

    sources: tuple[SigmaSource, ...]
    common: frozenset[str]
    text: bytes


@cache
def table() -> SourceTable:
    """Return the table of this package. Raises ValueError for an entry that the validator refuses."""
    found: list[SigmaSource] = []
    common: set[str] = set()
    texts: list[bytes] = []
    folder = files("commodore.detection").joinpath("sigma/logsources")
    for file in sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name):
        texts.append(file.read_bytes())
        document = parse_yaml(texts[-1])
        if unknown := set(document) - _FILE_KEYS:
            raise ValueError(f"{file.name}: unknown part `{min(unknown)}`")
        sources = list(_of_file(file.name, document))
        if any(s.family.dataset == sources[0].family.dataset for s in found):
            raise ValueError(f"{file.name}: another file has the dataset {sources[0].family.dataset}")
        found += sources
        common |= {str(text).lower() for text in document.get("common", ())}
    return SourceTable(tuple(found), frozenset(common), b"\0".join(texts))


@cache
def families() -> dict[str, LogFamily]:
    """Return what the log sources of each dataset share."""
    return {s.family.dataset: s.family for s in table().sources}


def log_sources(dataset: str) -> tuple[str, list[str]]:
    """Return the product and the sorted categories and services that a dataset feeds; ("", []) where it feeds none."""
    family = families().get(dataset)
    names = {s.category or s.service for s in table().sources if family is not None and s.family.dataset == dataset}
    return (family.product if family else ""), sorted(names - {""})


@cache
def _known_places() -> dict[str, frozenset[str]]:
    """Return the places that the files name, by dataset."""
    return {dataset: frozenset(p for s in table().sources if s.family.dataset == dataset for p in s.places) for dataset in families()}


def places_of(dataset: str, records: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the places of log sources that these records come from; a place that no file names is left out."""
    family = families().get(dataset)
    if family is None:
        return set()
    if not family.place:
        return {EVERYWHERE}
    return {EVERYWHERE} | ({str(place).lower() for place in {record.get(family.place) for record in records}} & _known_places()[dataset])


def _of_file(name: str, document: dict[str, Any]) -> Iterator[SigmaSource]:
    rendered: dict[str, tuple[str, dict[str, str]]] = {}
    family = LogFamily(
        product=document["product"],
        dataset=document["dataset"],
        view=document["view"],
        place=document.get("place", ""),
        code=document.get("code", ""),
        code_fields=frozenset(document.get("code_fields", ())),
        keywords=tuple(document.get("keywords", ())),
        fields=document.get("fields", {}),
        rendered=rendered,
    )
    for entry in document["sources"]:
        for place in entry["from"]:
            yield _source(name, family, entry, place)
    yield SigmaSource(family, "", "", (EVERYWHERE,), frozenset(), TRUE, {}, None)


def _source(file: str, family: LogFamily, entry: dict[str, Any], place: dict[str, Any]) -> SigmaSource:
    name = entry.get("category") or entry.get("service")
    bad = (set(entry) - {"category", "service", "from"}) | (set(place) - _PLACE_KEYS)
    if bad or not name or bool(family.place) != bool(place.get("place")):
        raise ValueError(f"{file}: {name}: `{min(bad) if bad else 'place'}`")
    rename: dict[str, str] = {}
    for field, target in place.get("rename", {}).items():
        if isinstance(target, dict):
            key = f"={name}.{field}"
            family.rendered[key] = (target["field"], {str(k).lower(): str(v) for k, v in target["values"].items()})
            rename[field] = key
        else:
            rename[field] = target
    return SigmaSource(
        family,
        entry.get("category", ""),
        entry.get("service", ""),
        tuple(p.lower() for p in place.get("place", (EVERYWHERE,))),
        frozenset(str(c) for c in place.get("code", ())),
        conjunction([field_test(k, v) for k, v in place.get("where", {}).items()]),
        rename,
        frozenset(rename) | frozenset(place.get("keep", ())) if place.get("has") == "renamed" else None,
        frozenset(place.get("lacks", ())),
    )


def places(logsource: tuple[str, str, str]) -> list[int]:
    """Return the indexes of the sources that feed a rule's log source; empty where no dataset does."""
    product, category, service = logsource
    sources = [(i, s) for i, s in enumerate(table().sources) if product in ("", s.family.product)]
    if not category:
        return [i for i, s in sources if s.service == service and not s.category]
    allowed = {(s.family.dataset, p) for _, s in sources if s.service == service for p in s.places} if service else None
    return [
        i for i, s in sources if s.category == category and (allowed is None or any((s.family.dataset, p) in allowed for p in s.places))
    ]


def settled(node: Node, source: SigmaSource) -> Node:
    """Return the rule as it applies to this source: fields renamed, and tests on unknown fields decided so that unknown never fires.

    Three-valued logic (Kleene) without a third value at run time: whether a field is unknown depends on the source alone, so a test on it
    is false where the rule would fire on it, and true where the rule would fire on its negation.
    """
    return conjunction([source.where, _settle(node, source, True)])


def _settle(node: Node, source: SigmaSource, positive: bool) -> Node:
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
    if source.known is not None and any(n and n not in source.known and n not in source.family.fields for n in names):
        return FALSE if positive else TRUE
    if positive and node[1] in source.lacks and kind not in ("null", "exists") and node[2] not in ("", [""]):
        return FALSE
    field = source.rename.get(str(node[1]), str(node[1]))
    payload = [source.rename.get(node[2][0], node[2][0]), node[2][1]] if kind == "ref" else node[2]
    if field[:1] == "=" and kind != "ref":  # rules are written for the rendered and for the raw value
        return disjunction([[kind, field, payload], [kind, source.family.rendered[field][0], payload]])
    return [kind, field, payload]
