"""The functions behind `eye search`, `eye stats` and `eye tail`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from commodore.schema import Field, registry
from eye.index.schema import NANO, ROW, WHEN, column
from eye.index.store import Asked, Store
from eye.query.clause import clause
from eye.query.fields import known_field, near_fields
from eye.query.moments import instant
from eye.query.values import isotime, nanoseconds
from scout.console import WRONG_USE, Complaint

AROUND = 300 * NANO
"""Nanoseconds before and after a record that `--around` shows."""
STEPS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
"""Seconds of a step of `--by`."""


def search(path: str | Path, query: str, *, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """Yield the records of a case that match, in the order of time, those without a time last. Raises Complaint."""
    store = Store(path)
    try:
        for line in store.lines(store.ask(query), limit):
            record: dict[str, Any] = orjson.loads(line)
            yield record
    finally:
        store.close()


def time_filters(since: str | None, until: str | None) -> list[str]:
    """Return clauses for `--since` and `--until`. Raises Complaint for text that is no time."""
    found = []
    for option, text, form in (("--since", since, "@timestamp:>="), ("--until", until, "@timestamp:<=")):
        if text is not None:
            if instant(text) is None:
                raise Complaint(f"{option} {text} is no time.", "Write 2026-10-31, 2026-10-31T19:22 (UTC) or now-7d.", WRONG_USE)
            found.append(f'{form}"{text}"')
    return found


def around(store: Store, record: str) -> list[str]:
    """Return clauses for the records of the same host five minutes before and after a record. Raises Complaint."""
    found = store.by_ids([record.lower()])
    if not found:
        raise Complaint(f"no record has the id {record}.", "Take the escadre.id of a record: eye search CASE QUERY --json.", WRONG_USE)
    at, host = nanoseconds(found[0].get("@timestamp")), found[0].get("host.name")
    if at is None or not host:
        raise Complaint(f"the record {record} has no time or no host, so it has no neighbours.", "", WRONG_USE)
    window = f'@timestamp:["{isotime(at - AROUND)}" TO "{isotime(at + AROUND)}"]'
    return [window, clause("host.name", str(host))]


def sort_column(name: str) -> tuple[str, bool]:
    """Return the column and the direction (True: descending) of `--sort`. Raises Complaint for a field without an order."""
    descending, name = name.startswith("-"), name.lstrip("-")
    if name == "@timestamp":
        return WHEN, descending
    found = registry().get(name)
    if found is None or found.type not in ("long", "date", "double") or found.many:
        raise Complaint(
            f"records cannot be sorted by {name}.", "Sort by a time or a number: @timestamp, process.pid, -file.size.", WRONG_USE
        )
    return column(name), descending


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts of each value of a field. `by`: value → step (UTC) → records, where that was asked for."""

    field: str
    records: int
    with_field: int
    different: int
    values: tuple[tuple[str, int], ...]
    by: dict[str, dict[str, int]]


def named_field(name: str) -> tuple[Field, str]:
    """Return the field that an option names and, below a free-form field, its key. Raises Complaint with the nearest fields."""
    found = known_field(name)
    if found is None:
        near = ", ".join(near_fields(name))
        raise Complaint(
            f"{name} is no field.", f"Near: {near}." if near else "eye search CASE '*' --json --limit 1 shows fields.", WRONG_USE
        )
    return found


def chosen(fields: str) -> list[str]:
    """Return the names of `--fields A,B`. Raises Complaint for a name that is no field."""
    names = [name.strip() for name in fields.split(",") if name.strip()]
    for name in names:
        named_field(name)
    return names


def stats(store: Store, name: str, query: str = "", *, rare: bool = False, by: str = "", limit: int = 20) -> Stats:
    """Count the values of a field among the records that match, the most frequent (or the rarest) first. Raises Complaint."""
    found = named_field(name)
    if not found[1] and found[0].type not in ("keyword", "long", "boolean", "ip"):
        do = "Count a keyword field, a number, an address, or a key of a free-form field: event.code, winlog.event_data.LogonType."
        raise Complaint(f"{name} is of type {found[0].type}, whose values are not counted.", do, WRONG_USE)
    asked = store.ask(query)
    values = store.values(asked, name)
    values.sort(key=lambda pair: (pair[1] if rare else -pair[1], pair[0]))
    shown = tuple(values[:limit])
    steps = {value: _steps(store, query, name, value, by) for value, _ in shown} if by else {}
    total, _, _ = store.count(asked)
    having, _, _ = store.count(store.ask(query, [f"_exists_:{name}"]))
    return Stats(name, total, having, len(values), shown, steps)


def _steps(store: Store, query: str, name: str, value: str, by: str) -> dict[str, int]:
    width = STEPS[by] * NANO
    asked = store.ask(query, [clause(name, value)])
    _, low, high = store.count(asked)
    if low is None or high is None:
        return {}
    start = low // width * width
    counts = store.histogram(asked, start, width, (high - start) // width + 1)
    return {isotime(start + n * width, 0): count for n, count in sorted(counts.items())}


def tail(path: str | Path, query: str, *, lines: int = 10, follow: bool = False, poll: float = 2.0) -> Iterator[dict[str, Any]]:
    """Yield the last records that match; with `follow` also those that come into the index afterwards, looking every `poll` seconds."""
    store = Store(path)
    asked = store.ask(query)
    for record in store.rows(asked, 0, lines, descending=True)[::-1]:
        record.pop(ROW)
        yield record
    seen = set(store.marks)
    while follow:
        time.sleep(poll)
        fresh = Store(path)
        new = set(fresh.marks) - seen
        if new:
            seen |= new
            yield from _of_parts(fresh, fresh.ask(query), new)


def _of_parts(store: Store, asked: Asked, parts: set[str]) -> Iterator[dict[str, Any]]:
    """Yield the hits that came from certain files."""
    for line in store.lines(store.within_parts(asked, parts)):
        record: dict[str, Any] = orjson.loads(line)
        yield record
