"""The evidence of one host as a derivation reads it: records of other datasets, and the list of members."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commodore.case.jsonl import Search, objects
from commodore.case.partition import Partition

if TYPE_CHECKING:
    from commodore.persistence.site import SiteKnowledge


class CaseView:
    """One host of a case, for `derive(view, host)`. Records and members come in a stable order.

    whole: the collection is complete. Where it is not, a file that is not listed may have been lost with the rest.
    site: what the site knows of its hosts (`commodore.persistence.site`), None where it says nothing
    """

    def __init__(self, case: Path, collection: str, *, whole: bool = True, site: SiteKnowledge | None = None) -> None:
        self._partition, self.whole, self.site = Partition(case, collection), whole, site

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
