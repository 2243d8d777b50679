"""The evidence of one host as a derivation reads it: records of other datasets, and the list of members."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commodore.case.jsonl import Search, objects
from commodore.case.partition import Partition

if TYPE_CHECKING:
    from commodore.persistence.site import SiteKnowledge


Named = Callable[[str, str], str]


def _unnamed(kind: str, value: str) -> str:  # noqa: ARG001
    return ""


class CaseView:
    """One host of a case, for `derive(view, host)`. Records and members come in a stable order.

    whole: the collection is complete. Where it is not, a file that is not listed may have been lost with the rest.
    site: what the site knows of its hosts (`commodore.persistence.site`), None where it says nothing
    indicator: (kind, value) of a hash → name of the indicator that it is, or ''
    """

    def __init__(
        self, case: Path, collection: str, *, whole: bool = True, site: SiteKnowledge | None = None, indicator: Named = _unnamed
    ) -> None:
        self._partition, self.whole, self.site, self.indicator = Partition(case, collection), whole, site, indicator

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
