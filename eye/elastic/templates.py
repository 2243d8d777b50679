"""Index templates, generated from the field registry: `python -m eye.elastic.templates` writes `generated/*.json`, which are committed.

Mappings (Elasticsearch reference, "Mapping"): keyword fields have a lowercase normalizer, so that they compare without case as in the
embedded engine; dates are `date_nanos`; free-form objects `flattened`; nothing is added dynamically.
Lucene takes no term longer than 32,766 bytes: `ignore_above` is 8,191 characters (at most 32,764 bytes in UTF-8), and what is longer is
still found by the words of `escadre.all`; the loader counts it.

`escadre.all` holds the tokens that `eye.tokens` makes: as keywords for words and wildcards, and as `escadre.all.phrase` for quoted phrases
(`quote_field_suffix`, or Kibana's setting `query:queryString:options`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from commodore.schema import Field, registry

IGNORE_ABOVE = 8191
GENERATED = Path(__file__).resolve().parent / "generated"
DATE_FORMAT = "strict_date_optional_time_nanos||strict_date_optional_time||epoch_millis"
"""What a date may look like: the first form alone, the default, refuses an hour or a minute (`2026-10-31T19:22`)."""
QUERY_OPTIONS = {"default_field": "escadre.all", "quote_field_suffix": ".phrase", "analyze_wildcard": True}
"""Parameters of `query_string` under which a query means the same as in the embedded engine."""

FAMILIES = {
    "logs": "event logs and other records with one time each",
    "state": "objects with several times: files, registry, accounts, listings",
    "finding": "findings",
}


def mapping(field: Field, phrase_analyzer: str) -> dict[str, Any]:
    """The Elasticsearch mapping of one field."""
    if field.name == "escadre.all":
        phrase = {"type": "text", "analyzer": "whitespace", "search_analyzer": phrase_analyzer, "position_increment_gap": 0, "norms": False}
        return {
            "type": "keyword",
            "normalizer": "escadre",
            "split_queries_on_whitespace": True,
            "doc_values": False,
            "fields": {"phrase": phrase},
        }
    plain: dict[str, dict[str, Any]] = {
        "keyword": {"type": "keyword", "normalizer": "escadre", "ignore_above": IGNORE_ABOVE, "split_queries_on_whitespace": True},
        "text": {"type": "text", "analyzer": "standard"},
        "long": {"type": "long"},
        "double": {"type": "double"},
        "boolean": {"type": "boolean"},
        "date": {"type": "date_nanos", "format": DATE_FORMAT},
        "ip": {"type": "ip"},
        "flattened": {"type": "flattened", "ignore_above": IGNORE_ABOVE, "depth_limit": 20},
    }
    return plain[field.type]


def template(case: str, family: str, *, whitespace: bool = True) -> dict[str, Any]:
    """The composable template of a family of a case. `whitespace`: the server has the whitespace tokenizer (module analysis-common);
    without it quoted phrases must be written in lower case.
    """
    fields = registry()
    analysis: dict[str, Any] = {"normalizer": {"escadre": {"type": "custom", "filter": ["lowercase"]}}}
    if whitespace:
        analysis["analyzer"] = {"escadre_phrase": {"type": "custom", "tokenizer": "whitespace", "filter": ["lowercase"]}}
    phrase = "escadre_phrase" if whitespace else "whitespace"
    return {
        "index_patterns": [f"escadre-{case}-{family}"],
        "priority": 500,
        "_meta": {"description": f"Escadre: {FAMILIES[family]}"},
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
                "properties": _tree({name: mapping(fields[name], phrase) for name in sorted(fields)}),
            },
        },
    }


def _tree(flat: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Dotted names as nested properties. A name that is both a field and the head of others keeps its dotted form: that is refused."""
    result: dict[str, Any] = {}
    for name, entry in flat.items():
        *heads, last = name.split(".")
        below = result
        for head in heads:
            below = below.setdefault(head, {"properties": {}})
            if "properties" not in below:
                raise ValueError(f"fields.yaml: {name} lies below another field")
            below = below["properties"]
        if last in below:
            raise ValueError(f"fields.yaml: {name} is also the head of other fields")
        below[last] = entry
    return result


def documents() -> dict[str, str]:
    """File name → text of every generated file."""
    return {f"{family}.json": json.dumps(template("CASE", family), indent=1, sort_keys=True) + "\n" for family in FAMILIES}


def write() -> None:
    """Write the generated files."""
    GENERATED.mkdir(exist_ok=True)
    for name, text in documents().items():
        (GENERATED / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
