"""The evidence of one host as a derivation reads it: records of other datasets, and the list of members."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commodore.artefact import Artefact
from commodore.case.jsonl import AnyOf, Search, having, naming, objects
from commodore.case.partition import Partition

if TYPE_CHECKING:
    from commodore.case.site import SiteKnowledge


Named = Callable[[str, str], str]


def _unnamed(kind: str, value: str) -> str:  # noqa: ARG001
    return ""


class CaseView:
    """One host of a case, for `derive(view, host)`. Records and members come in a stable order.

    whole: the collection is complete. Where it is not, a file that is not listed may have been lost with the rest.
    site: what the site knows of its hosts (`commodore.case.site`), None where it says nothing
    indicator: (kind, value) of a hash → name of the indicator that it is, or ''
    """

    def __init__(
        self,
        case: Path,
        collection: str,
        derived: Artefact,
        apart: Collection[str] = (),
        *,
        whole: bool = True,
        site: SiteKnowledge | None = None,
        indicator: Named = _unnamed,
    ) -> None:
        """`apart`: the datasets whose records that `derived` chose are in files of their own."""
        self._partition, self._derived, self._apart = Partition(case, collection), derived, apart
        self.whole, self.site, self.indicator = whole, site, indicator

    def records(self, dataset: str, search: Search | None = None) -> Iterator[dict[str, Any]]:
        """Yield the records of a dataset, or those that the derivation chose; none where the dataset does not exist.

        With `search`, yield only those in whose JSON line it finds something: the others are not decoded.
        """
        path, chosen = self._partition.records(dataset), self._derived.chosen.get(dataset)
        if chosen is not None and dataset in self._apart:
            path, chosen = self._partition.chosen(self._derived.name, dataset), None
        if not path.exists():
            return
        if chosen is None:
            yield from objects(path, search)
            return
        fields = AnyOf(*(having(field, texts) if texts else naming(field) for field, texts in chosen.fields.items()))
        yield from map(chosen.part, filter(chosen.fits, objects(path, search or fields)))

    def members(self) -> Iterator[dict[str, Any]]:
        """Yield the lines of the list of members."""
        yield from objects(self._partition.members)
