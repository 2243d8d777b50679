"""A case in memory for derivations, and the persistence judgement of records as the engine makes it."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from commodore.artefact import Record
from commodore.derived import persistence
from commodore.engine.assemble import Assembler
from commodore.hits import Hit
from commodore.host import Host


class MemoryView:
    """Records by dataset and members as lines; `search` chooses as the engine does it, by the JSON line. `decoded`: records given out."""

    site = None

    def __init__(self, members: Iterable[dict] = (), *, whole: bool = True, **datasets: list[dict]) -> None:
        self._members, self.whole, self.datasets = list(members), whole, datasets
        self.decoded: list[dict] = []

    def records(self, dataset, search=None):
        for record in self.datasets.get(dataset, ()):
            if search is None or search(line := orjson.dumps(record), 0, len(line)):
                self.decoded.append(record)
                yield record

    def members(self):
        return iter(self._members)


def inventory(records: list[dict], host: Host, members: Iterable[dict] = (), **others: list[dict]) -> list[dict]:
    """The records of the persistence inventory that the engine makes of records of one dataset. `others`: what else is known."""
    if not records:
        return []
    view = MemoryView(members, **others, **{records[0]["event.dataset"]: records})
    made = Assembler(persistence.ARTEFACT, collection=host.collection, member=-1, source="derived/persistence", host_name=host.name)
    items = list(persistence.derive(view, host))
    assert all(isinstance(item, Record) for item in items), items
    return [made.record(item) for item in items]


def judged(detection, records: list[dict], host: Host) -> list[Hit]:
    """The hits of the persistence table on records of one dataset."""
    return detection.match(persistence.ARTEFACT, inventory(records, host), host)
