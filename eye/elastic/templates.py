"""Templates of the Elasticsearch indices: one component template with every field of the registry, and a short index template per family.

`python -m eye.elastic.templates` writes `generated/*.json`, which are committed. Mappings (Elasticsearch reference, "Mapping"): keyword
fields have a lowercase normalizer, so that they compare without case as in the embedded engine; dates are `date_nanos`; free-form objects
are `flattened`; nothing is added dynamically.
Lucene takes no term longer than 32,766 bytes: `ignore_above` is 8,191 characters (at most 32,764 bytes in UTF-8). The words of a longer
value are still found in `escadre.all`, and the loader counts such values.

`escadre.all` holds every value of a record as text. Its analysis is that of the embedded index (`eye.query.words`): words are
runs of letters and digits, in lower case. `escadre.all.value` holds the values whole, for wildcards across separators; text
fields have both forms too.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from pathlib import Path
from typing import Any

from commodore.schema import Field, registry

IGNORE_ABOVE = 8191
GENERATED = Path(__file__).resolve().parent / "generated"
DATE_FORMAT = "strict_date_optional_time_nanos||strict_date_optional_time||epoch_millis"
"""What a date may look like: the first form alone, the default, refuses an hour or a minute (`2026-10-31T19:22`)."""
WORDS = {"type": "pattern", "pattern": r"[^\p{IsAlphabetic}\p{N}]+"}
"""The tokenizer of words: what Rust's `char::is_alphanumeric` cuts, by which the embedded engine cuts."""

FAMILIES = {
    "logs": "event logs and other records with one time each",
    "state": "objects with several times: files, registry, accounts, listings",
    "finding": "findings",
}


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
        "flattened": {"type": "flattened", "ignore_above": IGNORE_ABOVE, "depth_limit": 20},
    }
    return plain[field.type]


def component(*, pattern: bool = True) -> dict[str, Any]:
    """Return the component template that all index templates share: settings, analysis, and the mapping of every field.

    `pattern`: the server has the tokenizer `pattern` and the filter `truncate` (module analysis-common). Without them words are cut by the
    tokenizer `standard`, which leaves `cmd.exe` in one piece.
    """
    fields = registry()
    analysis: dict[str, Any] = {"normalizer": {"escadre": {"type": "custom", "filter": ["lowercase"]}}}
    if pattern:
        analysis["tokenizer"] = {"escadre_words": WORDS}
        analysis["filter"] = {"escadre_longest": {"type": "truncate", "length": str(IGNORE_ABOVE)}}
        words = {"type": "custom", "tokenizer": "escadre_words", "filter": ["lowercase", "escadre_longest"]}
    else:
        words = {"type": "custom", "tokenizer": "standard", "filter": ["lowercase"]}
    analysis["analyzer"] = {"escadre_words": words}
    return {
        "_meta": {"description": "Escadre: settings and fields of all its indices"},
        "template": {
            "settings": {
                "index": {
                    "codec": "best_compression",
                    "number_of_shards": 1,
                    "number_of_replicas": 0,
                    "refresh_interval": "30s",
                    "mapping": {"total_fields": {"limit": len(fields) * 2 + 200}},
                    "query": {"default_field": ["escadre.all"]},
                },
                "analysis": analysis,
            },
            "mappings": {
                "dynamic": False,
                "date_detection": False,
                "_source": {"excludes": ["escadre.all"]},
                "properties": _tree({name: mapping(fields[name]) for name in sorted(fields)}),
            },
        },
    }


def component_name(body: dict[str, Any]) -> str:
    """Return the name of a component template: it holds a digest of the content, so that no version overwrites another one's fields."""
    return f"escadre-fields-{blake2b(json.dumps(body, sort_keys=True).encode(), digest_size=8).hexdigest()}"


def template(case: str, family: str, *, fields: str = "escadre-fields") -> dict[str, Any]:
    """Return the index template of a family of a case. `fields` is the name of the component template that it is composed of."""
    return {
        "index_patterns": [f"escadre-{case}-{family}"],
        "composed_of": [fields],
        "priority": 500,
        "_meta": {"description": f"Escadre: {FAMILIES[family]}"},
    }


def _tree(flat: dict[str, dict[str, Any]]) -> dict[str, Any]:
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


def documents() -> dict[str, str]:
    """Return file name → text of every generated file."""
    shipped = {"fields": component()} | {family: template("CASE", family) for family in FAMILIES}
    return {f"{name}.json": json.dumps(body, indent=1, sort_keys=True) + "\n" for name, body in shipped.items()}


def write() -> None:
    """Write the generated files and remove those of families that are gone."""
    GENERATED.mkdir(exist_ok=True)
    for path in GENERATED.glob("*.json"):
        if path.name not in documents():
            path.unlink()
    for name, text in documents().items():
        (GENERATED / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
