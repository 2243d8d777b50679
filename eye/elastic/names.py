"""Names in Elasticsearch: one plain index per case and family of datasets, `escadre-<case>-<family>`.

There is no rollover: the id of a document is unique within one index only.
"""

from __future__ import annotations

import re

HEAD = "escadre"
FAMILIES = {
    "logs": "event logs and other records with one time each",
    "state": "objects with several times: files, registry, accounts, listings",
    "finding": "findings: ECS alerts that cite the records they rest on",
}
LONGEST = 100


def slug(case: str) -> str:
    """Return the name of a case in what Elasticsearch allows for the name of an index."""
    return re.sub(r"[^a-z0-9_]+", "-", case.lower()).strip("-_")[:LONGEST].rstrip("-_") or "case"


def index_name(case: str, family: str) -> str:
    """Return the index of a family of a case."""
    return f"{HEAD}-{slug(case)}-{family}"


def index_names(case: str) -> list[str]:
    """Return all indices that a case can have."""
    return [index_name(case, family) for family in FAMILIES]
