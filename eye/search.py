"""`eye search`: the records that a query finds, in the order of time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from eye.index.store import Store


def search(path: str | Path, query: str, *, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """All records of a case that match (`eye.syntax` lists the forms), those without a time last. Raises Complaint."""
    store = Store(path)
    try:
        for line in store.lines(store.ask(query), limit):
            record: dict[str, Any] = orjson.loads(line)
            yield record
    finally:
        store.close()
