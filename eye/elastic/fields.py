"""The mapping of every field: those of the registry, and what the loader adds.

Mappings (Elasticsearch reference, "Mapping"): keyword fields have a lowercase normalizer, so that they compare without case as in the
embedded engine; dates are `date_nanos`; free-form objects are `flattened`. Lucene takes no term longer than 32,766 bytes: `ignore_above` is
8,191 characters (at most 32,764 bytes in UTF-8). The words of a longer value are still found in `escadre.all`, and the loader counts it.
Names with dots are names of fields, not of objects in objects (`subobjects`, Elasticsearch 8.3): the server need not take them apart.

What the loader adds: `escadre.all`, every value of a record as text; `escadre.values`, each value that holds more than letters and digits
as one term, for wildcards across separators (the server copies these into `escadre.all`: a document has each value once);
`escadre.data.<key>`, typed copies of hot keys of `winlog.event_data`, exact as those; `escadre.digest`, a hash of the line of the case;
`escadre.checksum`, the first 24 bits of it, which the server adds up; `escadre.raw`, values that their type cannot hold, stored and not
mapped. They are part of `_source`: with a source that lacks them, an update or a reindex of a document would lose its words in silence, and
the server would rewrite and store each source twice.
"""

from __future__ import annotations

from typing import Any

from commodore.schema import Field, registry
from eye.query.copies import copies
from eye.remote.told import told

IGNORE_ABOVE = 8191
DEPTH = 20
"""Levels of a `flattened` object: one that is deeper is refused by the server."""
DATE_FORMAT = "strict_date_optional_time_nanos||strict_date_optional_time||epoch_millis"
"""What a date in a query may look like: the first form alone, the default, refuses an hour or a minute (`2026-10-31T19:22`)."""
ID, ALL, VALUES, DIGEST, RAW = "escadre.id", "escadre.all", "escadre.values", "escadre.digest", "escadre.raw"
CHECKSUM = "escadre.checksum"
HIDDEN = (ALL, VALUES, DIGEST, CHECKSUM)
"""Fields that the loader adds and that no person reads: Kibana is asked not to show them."""


_VALUE = {"type": "keyword", "normalizer": "escadre", "ignore_above": IGNORE_ABOVE, "doc_values": False}
_WORDS = {"type": "text", "analyzer": "escadre_words", "norms": False}


def mapping(field: Field) -> dict[str, Any]:
    """Return the Elasticsearch mapping of one field."""
    plain: dict[str, dict[str, Any]] = {
        "keyword": {"type": "keyword", "normalizer": "escadre", "ignore_above": IGNORE_ABOVE, "split_queries_on_whitespace": True},
        "text": {**_WORDS, "fields": {"value": _VALUE}},
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
    found[ALL] = _WORDS
    found[VALUES] = {**_VALUE, "copy_to": ALL}
    found[DIGEST] = {"type": "keyword", "index": False, "doc_values": False, "store": True}
    found[CHECKSUM] = {"type": "integer", "index": False}
    for name in copies().values():
        found[name] = {"type": "keyword", "ignore_above": IGNORE_ABOVE}
    return dict(sorted(found.items()))


def checksum(digest: str) -> int:
    """Return the first 24 bits of a digest: a server adds them up exactly for 536 million documents."""
    return int(digest[:6], 16)


def field_count(properties: dict[str, Any]) -> int:
    """Return what `index.mapping.total_fields.limit` counts: fields and their sub-fields."""
    return sum(1 + len(entry.get("fields", {})) for entry in properties.values())


def types(properties: dict[str, Any], head: str = "") -> dict[str, str]:
    """Return dotted name → type of a mapping as a server returns it, fields of objects included."""
    found: dict[str, str] = {}
    for name, entry in properties.items():
        if below := told(entry, "properties", of=dict, default={}):
            found |= types(below, f"{head}{name}.")
        else:
            found[f"{head}{name}"] = str(entry.get("type", "object"))
    return found
