"""Keys of `winlog.event_data` that Elasticsearch has a typed copy of, for what it cannot ask of a key below a `flattened` field.

A pattern on such a key that begins with a wildcard is compared with the values of all keys, and a regular expression is refused (seen on
Elasticsearch 9.5); a key has no column in Lens and no completion. The copy is exact, case included, as the key is.
"""

from __future__ import annotations

from functools import cache

from scout.data import load_data

EVENT_DATA, DATA = "winlog.event_data", "escadre.data"


@cache
def copies() -> dict[str, str]:
    """Return key → name of its copy, for the keys that have one."""
    return {key: f"{DATA}.{key}" for key in load_data(__package__, "hot_keys.yaml")}


def copy_of(name: str) -> str:
    """Return the name of the copy of `winlog.event_data.<key>`; '' where there is none."""
    head, _, key = name.partition(f"{EVENT_DATA}.")
    return copies().get(key, "") if not head else ""
