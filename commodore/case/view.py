"""The evidence of one host as a derivation reads it: records of other datasets, and the list of members."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from commodore.case.jsonl import Search, objects
from commodore.case.partition import Partition


class CaseView:
    """One host of a case, for `derive(view, host)`. Records and members come in a stable order.

    whole: the collection is complete. Where it is not, a file that is not listed may have been lost with the rest.
    """

    def __init__(self, case: Path, collection: str, *, whole: bool = True) -> None:
        self._partition, self.whole = Partition(case, collection), whole

    def records(self, dataset: str, search: Search | None = None) -> Iterator[dict[str, Any]]:
        """Yield the records of a dataset; none where the dataset does not exist.

        With `search` (`having("event.code", ("1", "5"))`), yield only those in whose JSON line it finds something: the others are not
        decoded.
        """
        path = self._partition.records(dataset)
        if path.exists():
            yield from objects(path, search)

    def members(self) -> Iterator[dict[str, Any]]:
        """Yield the lines of the list of members."""
        yield from objects(self._partition.members)
