"""Find the rows that concern a record. The cost depends on the record, not on the number of rows.

A row's tests are shell patterns on fields. For each row the index takes the field whose patterns have the longest literal text. All these
texts of one dataset and field are searched at once; only the rows whose text was found are tested in full.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

from commodore.persistence.places import FILES_DATASET, ROWS_FIELD, VALUES_DATASET
from commodore.persistence.table import PersistenceRow

_WILD = re.compile(r"[*?]|\[[^\]]*\]")


class RowIndex:
    """Rows by dataset and place."""

    def __init__(self, rows: Iterable[PersistenceRow]) -> None:
        by_dataset: dict[str, list[PersistenceRow]] = {}
        for row in rows:
            by_dataset.setdefault(row.dataset, []).append(row)
        self._datasets = {dataset: _DatasetRows(listed) for dataset, listed in by_dataset.items()}
        self._by_key = {row.key: row for listed in by_dataset.values() for row in listed}

    def __contains__(self, dataset: str) -> bool:
        return dataset in self._datasets

    def concerned(self, dataset: str, record: Mapping[str, Any]) -> Iterator[PersistenceRow]:
        """Yield the rows of a dataset whose tests the record passes, by id. A record of a place that rows read by themselves names them."""
        if dataset in (FILES_DATASET, VALUES_DATASET):
            named = record.get(ROWS_FIELD)
            yield from (self._by_key[row] for row in (named if isinstance(named, list) else ()) if row in self._by_key)
            return
        found = self._datasets.get(dataset)
        if found is not None:
            yield from (row for row in found.candidates(record) if row.concerns(record))


class _DatasetRows:
    """The rows of one dataset. `_always` are those without a literal text to search for."""

    def __init__(self, rows: list[PersistenceRow]) -> None:
        self._rows = sorted(rows, key=lambda r: r.key)
        self._always: list[int] = []
        texts: dict[str, dict[str, list[int]]] = {}
        for number, row in enumerate(self._rows):
            field, keys = max(((f, _literals(p)) for f, p in row.places.items()), key=lambda fk: min(map(len, fk[1])), default=("", [""]))
            if not all(keys):
                self._always.append(number)
                continue
            for key in keys:
                texts.setdefault(field, {}).setdefault(key, []).append(number)
        self._searches: list[tuple[str, Callable[..., Any], list[list[int]]]] = [
            (field, _search(list(keys)), list(keys.values())) for field, keys in texts.items()
        ]

    def candidates(self, record: Mapping[str, Any]) -> list[PersistenceRow]:
        """Return the rows that may concern the record, by id."""
        numbers = set(self._always)
        for field, search, rows in self._searches:
            value = record.get(field)
            if isinstance(value, str):
                for hit in search(_searchable(value), overlapping=True):
                    numbers.update(rows[hit[0]])
        return [self._rows[n] for n in sorted(numbers)]


def _literals(patterns: Iterable[str]) -> list[str]:
    """Return the longest literal text of each pattern, in lower case; '' where it has none."""
    return [max(_WILD.split(pattern), key=len).lower() for pattern in patterns]


def _searchable(value: str) -> str:
    """Lower case, with `?` for lone surrogates, which the automaton does not take."""
    lowered = value.lower()
    return lowered if lowered.isascii() else lowered.encode("utf-8", "replace").decode()


def _search(texts: list[str]) -> Callable[..., Any]:
    automaton = AhoCorasick(texts, matchkind=MatchKind.Standard, store_patterns=False, implementation=Implementation.ContiguousNFA)
    return automaton.find_matches_as_indexes
