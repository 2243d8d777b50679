"""The mapping of every field: those of the registry, and what the loader adds.

Mappings (Elasticsearch reference, "Mapping"): keyword fields have a lowercase normalizer, so that they compare without case as in the
embedded engine; dates are `date_nanos`; free-form objects are `flattened`. Lucene takes no term longer than 32,766 bytes: `ignore_above` is
8,191 characters (at most 32,764 bytes in UTF-8). The words of a longer value are still found in `escadre.all`, and the loader counts it.

What the loader adds: `escadre.all`, every value of a record as text, and `escadre.all.value`, each value as one term, for wildcards across
separators; `escadre.data.<key>`, typed copies of hot keys of `winlog.event_data`, exact as those; `escadre.digest`, a hash of the line of
the case; `escadre.raw`, values that their type cannot hold, stored and not indexed. They are part of `_source`: with a source that
lacks them, an update or a reindex of a document would lose its words in silence, and the server would rewrite and store each source twice.
"""

from __future__ import annotations

from typing import Any

from commodore.schema import Field, registry
from eye.query.copies import DATA, hot_keys
from eye.remote.told import told

IGNORE_ABOVE = 8191
DEPTH = 20
"""Levels of a `flattened` object: one that is deeper is refused by the server."""
DATE_FORMAT = "strict_date_optional_time_nanos||strict_date_optional_time||epoch_millis"
"""What a date in a query may look like: the first form alone, the default, refuses an hour or a minute (`2026-10-31T19:22`)."""
ALL, DIGEST, RAW = "escadre.all", "escadre.digest", "escadre.raw"
HIDDEN = (ALL, DIGEST)
"""Fields that the loader adds and that no person reads: Kibana is asked not to show them."""


def mapping(field: Field) -> dict[str, Any]:
    """Return the Elasticsearch mapping of one field."""
    value = {"type": "keyword", "normalizer": "escadre", "ignore_above": IGNORE_ABOVE, "doc_values": False}
    plain: dict[str, dict[str, Any]] = {
        "keyword": {"type": "keyword", "normalizer": "escadre", "ignore_above": IGNORE_ABOVE, "split_queries_on_whitespace": True},
        "text": {"type": "text", "analyzer": "escadre_words", "norms": False, "fields": {"value": value}},
        "long": {"type": "long"},
        "double": {"type": "double"},
        "boolean": {"type": "boolean"},
        "date": {"type": "date_nanos", "format": DATE_FORMAT},
        "ip": {"type": "ip"},
        "flattened": {"type": "flattened", "ignore_above": IGNORE_ABOVE, "depth_limit": DEPTH},
    }
    return plain[field.type]


def mappings() -> dict[str, dict[str, Any]]:
    """Return dotted name → mapping of every field, those of the registry and those that the loader adds."""
    found = {name: mapping(field) for name, field in registry().items()}
    found[DIGEST] = {"type": "keyword", "index": False, "doc_values": False, "store": True}
    found[RAW] = {"type": "object", "enabled": False}
    for key in hot_keys():
        found[f"{DATA}.{key}"] = {"type": "keyword", "ignore_above": IGNORE_ABOVE}
    return dict(sorted(found.items()))


def tree(flat: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return dotted names as nested properties. Raises ValueError for a name that is both a field and the head of others."""
    result: dict[str, Any] = {}
    for name, entry in flat.items():
        *heads, last = name.split(".")
        below = result
        for head in heads:
            below = below.setdefault(head, {"properties": {}})
            if "properties" not in below:
                raise ValueError(f"schema/fields: {name} lies below another field")
            below = below["properties"]
        if last in below:
            raise ValueError(f"schema/fields: {name} is also the head of other fields")
        below[last] = entry
    return result


def field_count(properties: dict[str, Any]) -> int:
    """Return what `index.mapping.total_fields.limit` counts: fields, their sub-fields, and objects."""
    return sum(1 + field_count(e.get("properties", {})) + field_count(e.get("fields", {})) for e in properties.values())


def types(properties: dict[str, Any], head: str = "") -> dict[str, str]:
    """Return dotted name → type of a mapping as a server returns it, objects left out unless they are all there is."""
    found: dict[str, str] = {}
    for name, entry in properties.items():
        if below := told(entry, "properties", of=dict, default={}):
            found |= types(below, f"{head}{name}.")
        else:
            found[f"{head}{name}"] = str(entry.get("type", "object"))
    return found
