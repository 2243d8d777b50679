"""The values of a whole case, merged from the summaries of its hosts, with the facts of the given sources.

    enrich(case, sources)   writes entities.jsonl.zst, sorted by kind and value; memory does not grow with the number of hosts
    look_up(case, text)     what the case knows of one value

`hosts` tells on how many hosts of the case a value is (prevalence). Facts stand beside, each with its source; none replaces another.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, groupby
from pathlib import Path
from typing import Any, Self

import orjson

from commodore.case import private
from commodore.case.jsonl import frames, matching, objects
from commodore.case.partition import RECORDS, Partition
from commodore.case.reader import CaseReader
from commodore.enrichment import kinds, seen
from commodore.enrichment.sources import FactSource
from scout.console import WRONG_USE, Complaint

HOSTS = 100
"""Hosts that an entity names; `host_count` has them all."""
EXAMPLES = 10
TOGETHER = 64
"""Files that are merged, and open, at once."""
_RUN = "merging-"
_Line = tuple[str, str, str, dict[str, Any]]
"""kind, value, host, and the line of the summary"""
_WITH_FOLDER = ("program", "file")


@dataclass(slots=True)
class Enriched:
    """The result of `enrich`: hosts, entities by kind, entities about which a source knew something, values left out by kind."""

    hosts: int = 0
    entities: dict[str, int] = field(default_factory=dict)
    with_facts: dict[str, int] = field(default_factory=dict)
    """source → entities that it knew"""
    left_out: dict[str, int] = field(default_factory=dict)


def place(case: Path) -> Path:
    """Return the file of the entities of a case."""
    return case / "entities.jsonl.zst"


def enrich(case: Path, sources: Sequence[FactSource] = ()) -> Enriched:
    """Merge the values of all hosts and ask each source about each value. Raises Complaint."""
    result = Enriched()

    def lines() -> Iterator[bytes]:
        for entity in merged(CaseReader(case), sources, result):
            yield orjson.dumps(entity, option=orjson.OPT_APPEND_NEWLINE)

    private.write(place(case), frames(lines()))
    return result


def merged(case: CaseReader, sources: Sequence[FactSource], result: Enriched) -> Iterator[dict[str, Any]]:
    """Yield the entities of a case, sorted by kind and value. At most `TOGETHER` files are open at once, whatever the number of hosts."""
    summaries: list[Iterable[_Line]] = []
    for partition in case.partitions():
        with closing(seen.kept(partition)) as lines:
            about = next(lines)
        result.hosts += 1
        for kind, count in about["left_out"].items():
            result.left_out[kind] = result.left_out.get(kind, 0) + count
        summaries.append(_Summary(partition, about["host"]))
    asked = {kind: [source for source in sources if kind in source.kinds] for kind in kinds.fields()}
    with _Runs(case.root / "entities") as runs:
        for (kind, value), items in groupby(runs.merged(summaries), key=lambda item: item[:2]):
            entity = _joined(kind, value, ((host, line) for _, _, host, line in items))
            facts = [{"source": source.name, **found} for source in asked[kind] if (found := source.facts(kind, value))]
            for fact in facts:
                result.with_facts[fact["source"]] = result.with_facts.get(fact["source"], 0) + 1
            result.entities[kind] = result.entities.get(kind, 0) + 1
            yield entity | ({"facts": facts} if facts else {})


class _Summary:
    """The values of one host, read from its file when they are wanted."""

    def __init__(self, partition: Partition, host: str) -> None:
        self._partition, self._host = partition, host

    def __iter__(self) -> Iterator[_Line]:
        lines = seen.kept(self._partition)
        next(lines)
        return ((line["kind"], line["value"], self._host, line) for line in lines)


class _Run:
    """The values of several hosts, merged into one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[_Line]:
        return ((one["line"]["kind"], one["line"]["value"], one["host"], one["line"]) for one in objects(self._path))


class _Runs:
    """Merges many sorted sources: `TOGETHER` at a time into files, which are merged in turn and removed at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._made = folder, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for path in self._folder.glob(f"{_RUN}*"):
            path.unlink()

    def merged(self, sources: list[Iterable[_Line]]) -> Iterator[_Line]:
        """Yield the lines of all sources, sorted by kind, value and host."""
        while len(sources) > TOGETHER:
            path = self._folder / f"{_RUN}{self._made}{RECORDS}"
            self._made += 1
            private.write(
                path,
                frames(
                    orjson.dumps({"host": host, "line": line}, option=orjson.OPT_APPEND_NEWLINE)
                    for _, _, host, line in _ordered(sources[:TOGETHER])
                ),
            )
            sources = [*sources[TOGETHER:], _Run(path)]
        return _ordered(sources)


def _ordered(sources: Iterable[Iterable[_Line]]) -> Iterator[_Line]:
    return heapq.merge(*sources, key=lambda item: item[:3])


def _joined(kind: str, value: str, parts: Iterable[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    hosts: list[str] = []
    count, number, first, last, spelling = 0, 0, "", "", ""
    datasets: set[str] = set()
    accounts: set[str] = set()
    records: list[str] = []
    for host, line in parts:
        if not hosts or hosts[-1] != host:
            number += 1
            if len(hosts) < HOSTS:
                hosts.append(host)
        count += line["count"]
        spelling = spelling or line["spelling"]
        first = min(filter(None, (first, line["first"])), default="")
        last = max(last, line["last"])
        datasets.update(line["datasets"])
        accounts.update(line.get("accounts", ()))
        records += line["records"][: EXAMPLES - len(records)]
    entity: dict[str, Any] = {"kind": kind, "value": value, "spelling": spelling, "host_count": number, "hosts": hosts, "count": count}
    entity |= {"first": first or None, "last": last or None, "datasets": sorted(datasets), "records": records}
    return entity | ({"accounts": sorted(accounts)[:EXAMPLES]} if accounts else {})


def find(case: Path, values: Iterable[tuple[str, str]], *, any_folder: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the entities with these kinds and values, of a case that was enriched; one pass over the file, no index. Raises Complaint.

    any_folder   a program or file without a folder means that name in every folder
    """
    wanted = set(values)
    path = place(case)
    if not path.exists():
        raise Complaint(f"{case} has no entities yet.", f"Run `commodore enrich {case}` once; it may be given sources of facts.", WRONG_USE)
    texts = b"|".join(sorted({re.escape(orjson.dumps(value)[1:-1]) for _, value in wanted}))
    for entity in objects(path, matching(re.compile(rb'"value":"(?:[^"]*(?:\\\\|/))?(?:%s)"' % texts))):
        kind, value = entity["kind"], entity["value"]
        named = any_folder and kind in _WITH_FOLDER and (kind, _last(value)) in wanted
        if named or (kind, value) in wanted:
            yield entity


def _last(path: str) -> str:
    """Return the last part of a path of either system."""
    return path.replace("\\", "/").rpartition("/")[2]


def look_up(case: Path, text: str) -> list[dict[str, Any]]:
    """Return the entities that a person may mean by a value, and for a bare program name those at every path. Raises Complaint."""
    meant = kinds.typed(text)
    if not meant:
        raise Complaint(f"{text!r} is no value that can be looked up.", "Give an address, a name, a hash, an account or a path.", WRONG_USE)
    CaseReader(case)  # a clear word where there is no case
    order = {pair: number for number, pair in enumerate(meant)}
    found = list(find(case, meant, any_folder=True))
    return sorted(found, key=lambda one: (order.get((one["kind"], one["value"]), len(order)), -one["count"], one["value"]))


def findings_about(case: Path, entities: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the findings that cite a record of these entities, or that matched on one of the values."""
    records = {record for entity in entities for record in entity["records"]}
    values = {text.casefold() for entity in entities for text in (entity["value"], entity["spelling"])}
    for finding in CaseReader(case).findings():
        matched = chain.from_iterable(_texts(value) for value in (finding.get("escadre.matched") or {}).values())
        if not records.isdisjoint(finding.get("escadre.records") or ()) or any(text.casefold() in values for text in matched):
            yield dict(finding)


def _texts(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]
