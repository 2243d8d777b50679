"""`eye kibana CASE`: the saved objects of a case as NDJSON, or into a Kibana; and what a person sets by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from eye.dashboards.declaration import dashboards
from eye.dashboards.scope import scope_of
from eye.index.store import Store
from eye.kibana.check import problems
from eye.kibana.objects import SavedObjects
from eye.query.kibana import QUERY_OPTIONS
from scout.console import COULD_NOT, Complaint

SETTINGS: dict[str, Any] = {
    "query:queryString:options": json.dumps(QUERY_OPTIONS),
    "search:queryLanguage": "lucene",
    "dateFormat:tz": "UTC",
}
"""Advanced settings of Kibana under which its query bar means what the Eye's does, and its bars begin where the Eye's do."""


@dataclass
class KibanaObjects:
    """Objects of a case. `counts`: type → number; `left_out`: field → values for which no dashboard was made."""

    objects: list[dict[str, Any]]
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Type → number of objects."""
        types = [one["type"] for one in self.objects]
        return {name: types.count(name) for name in sorted(set(types))}

    def ndjson(self) -> bytes:
        """One object per line, those that others refer to first."""
        return b"".join(orjson.dumps(one) + b"\n" for one in self.objects)


def saved_objects(store: Store, name: str = "") -> KibanaObjects:
    """Return the objects of a case, see `KibanaObjects`. `name`: that the case was loaded under, the directory's unless given."""
    fields = {d.each for d in dashboards() if d.each}
    values = {one: [value for value, _ in store.facet(store.ask(""), one, 400)[0]] for one in fields}
    maker = SavedObjects(name or store.case.resolve().name, scope_of(store), values)
    made = maker.all()
    if wrong := problems(made):
        raise AssertionError(f"{wrong[0]} and {len(wrong) - 1} more")
    return KibanaObjects(made, maker.left_out)


def write(made: KibanaObjects, target: Path) -> None:
    """Write the objects as a file that Kibana imports. Raises Complaint."""
    try:
        target.write_bytes(made.ndjson())
    except OSError as e:
        raise Complaint(f"{target} cannot be written: {e.strerror or e}.", "Give another file with -o.", COULD_NOT) from e


def by_hand() -> list[str]:
    """Return the settings that a person makes in Kibana: Stack Management, Advanced Settings."""
    return [f"{name}  {value}" for name, value in SETTINGS.items()]
