"""Templates of the indices: one component template with every field, and a short index template per family; and the roles.

`python -m eye.elastic.templates` writes `generated/*.json`, which are committed. Nothing is added dynamically, and the number of fields is
known before the first document goes: it is the limit that the index has.

The analysis of `escadre.all` is that of the embedded index (`eye.query.words`): words are runs of letters and digits, in lower case.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from pathlib import Path
from typing import Any

from eye.elastic.fields import ALL, IGNORE_ABOVE, field_count, mappings
from eye.elastic.names import FAMILIES, HEAD

GENERATED = Path(__file__).resolve().parent / "generated"
WORDS = {"type": "pattern", "pattern": r"[^\p{IsAlphabetic}\p{N}]+"}
"""The tokenizer of words: what Rust's `char::is_alphanumeric` cuts, by which the embedded engine cuts."""
READ = ["read", "view_index_metadata"]
ROLES: dict[str, dict[str, Any]] = {
    "analyst": {
        "cluster": [],
        "indices": [{"names": [f"{HEAD}-*"], "privileges": READ}],
        "applications": [{"application": "kibana-.kibana", "privileges": ["read"], "resources": ["space:default"]}],
    },
    "loader": {
        "cluster": ["manage_index_templates", "monitor"],
        "indices": [{"names": [f"{HEAD}-*"], "privileges": ["create_index", "create_doc", "maintenance", "manage", *READ]}],
    },
}
"""Definitions for `PUT _security/role/escadre_<name>`: who reads, and who loads and unloads."""


def component(*, pattern: bool = True) -> dict[str, Any]:
    """Return the component template that all index templates share: settings, analysis, and the mapping of every field.

    `pattern`: the server has the tokenizer `pattern` and the filter `truncate` (module analysis-common). Without them words are cut by the
    tokenizer `standard`, which leaves `cmd.exe` in one piece.
    """
    analysis: dict[str, Any] = {"normalizer": {"escadre": {"type": "custom", "filter": ["lowercase"]}}}
    if pattern:
        analysis["tokenizer"] = {"escadre_words": WORDS}
        analysis["filter"] = {"escadre_longest": {"type": "truncate", "length": str(IGNORE_ABOVE)}}
        words = {"type": "custom", "tokenizer": "escadre_words", "filter": ["lowercase", "escadre_longest"]}
    else:
        words = {"type": "custom", "tokenizer": "standard", "filter": ["lowercase"]}
    analysis["analyzer"] = {"escadre_words": words}
    properties = mappings()
    return {
        "_meta": {"description": "Escadre: settings and fields of all its indices"},
        "template": {
            "settings": {
                "index": {
                    "codec": "best_compression",
                    "number_of_shards": 1,
                    "number_of_replicas": 0,
                    "refresh_interval": "30s",
                    "mapping": {"total_fields": {"limit": field_count(properties)}},
                    "query": {"default_field": [ALL]},
                },
                "analysis": analysis,
            },
            "mappings": {"dynamic": False, "subobjects": False, "date_detection": False, "properties": properties},
        },
    }


def component_name(body: dict[str, Any]) -> str:
    """Return the name of a component template: it holds a digest of the content, so that no version overwrites another one's fields."""
    return f"{HEAD}-fields-{blake2b(json.dumps(body, sort_keys=True).encode(), digest_size=8).hexdigest()}"


def template(index: str, family: str, *, fields: str = f"{HEAD}-fields") -> dict[str, Any]:
    """Return the index template of one index. `fields` is the name of the component template that it is composed of."""
    return {"index_patterns": [index], "composed_of": [fields], "priority": 500, "_meta": {"description": f"Escadre: {FAMILIES[family]}"}}


def documents() -> dict[str, str]:
    """Return file name → text of every generated file."""
    shipped = {"fields": component()} | {family: template(f"{HEAD}-CASE-{family}", family) for family in FAMILIES}
    shipped |= {f"role-{name}": role for name, role in ROLES.items()}
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
