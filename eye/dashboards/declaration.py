"""Dashboards as data: `declared/<name>.yaml`, one file each, found by walking the folder.

    title, place (order), about
    query: what all panels count (the Eye's query language; everything unless given)
    time: false          records without a time are counted too, and the range of time does not limit them
    each: host.name      one dashboard for each value of this field
    panels: [{title, number | over_time | top | rows, query, limit}]

`number: records` counts records, `number: FIELD` the different values of a field (without case). `over_time: FIELD` counts records over
time, by the most frequent values of a field (`over_time: records` without). `top: FIELD` shows its most frequent values.
`rows: [FIELD, …]` lists records.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from commodore.schema import registry
from eye.query.parse import parse
from scout.data import parse_yaml

RECORDS = "records"
NUMBER, OVER_TIME, TOP, ROWS = "number", "over_time", "top", "rows"
KINDS = (NUMBER, OVER_TIME, TOP, ROWS)
COUNTABLE = ("keyword", "long", "boolean", "ip")
LIMITS = {NUMBER: 0, OVER_TIME: 5, TOP: 10, ROWS: 50}
"""Values, or rows, that a panel of a kind shows unless it says otherwise."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `field`: what is counted, RECORDS for records alone; `columns`: of ROWS. `name` is unique in its dashboard."""

    name: str
    title: str
    kind: str
    field: str
    columns: tuple[str, ...]
    query: str
    limit: int


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard. `each`: field of whose values there is one dashboard each, '' for none."""

    name: str
    title: str
    about: str
    place: int
    query: str
    timed: bool
    each: str
    panels: tuple[Panel, ...]


@cache
def dashboards() -> tuple[Dashboard, ...]:
    """Return all dashboards in their order. Raises ValueError for a declaration that is not understood, and QueryComplaint for a query."""
    folder = files(__package__).joinpath("declared")
    found = [declared(e.name.removesuffix(".yaml"), parse_yaml(e.read_bytes())) for e in folder.iterdir() if e.name.endswith(".yaml")]
    return tuple(sorted(found, key=lambda d: (d.place, d.name)))


def declared(name: str, content: dict[str, Any]) -> Dashboard:
    """Return the dashboard of a YAML document, see `dashboards`."""
    if unknown := content.keys() - {"title", "place", "about", "query", "time", "each", "panels"}:
        raise ValueError(f"{name}.yaml: {sorted(unknown)[0]} is not known")
    query, each = str(content.get("query", "")), str(content.get("each", ""))
    parse(query)
    if each:
        _countable(f"{name}.yaml", each)
    panels = tuple(_panel(f"{name}.yaml, panel {n}", n, panel) for n, panel in enumerate(content["panels"], 1))
    return Dashboard(name, content["title"], content["about"], content["place"], query, bool(content.get("time", True)), each, panels)


def _panel(where: str, number: int, content: dict[str, Any]) -> Panel:
    kinds = [kind for kind in KINDS if kind in content]
    if len(kinds) != 1 or content.keys() - {"title", "query", "limit", *KINDS}:
        raise ValueError(f"{where}: one of {', '.join(KINDS)}, and title, query, limit")
    kind, query = kinds[0], str(content.get("query", ""))
    parse(query)
    of = content[kind]
    columns = tuple(of) if kind == ROWS else ()
    for field in columns or (() if of == RECORDS else (of,)):
        if kind == ROWS and field in registry():
            continue
        _countable(where, field)
    return Panel(
        f"{number:02d}", content["title"], kind, "" if kind == ROWS else str(of), columns, query, int(content.get("limit", LIMITS[kind]))
    )


def _countable(where: str, field: str) -> None:
    if field not in registry() or registry()[field].type not in COUNTABLE:
        raise ValueError(f"{where}: {field} is no field whose values can be counted")
