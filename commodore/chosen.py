"""The records of a dataset that a derivation reads, as it declares them.

    ARTEFACT = Artefact(…, datasets=("evtx",), chosen={"evtx": Chosen({"event.code": ("4624", "4625")}, reads={"user.name": ANY})})

The parse pass, which has each record in its hands, writes the chosen ones to a file of their own, and `view.records("evtx")` reads that in
place of the whole dataset. A redo that keeps the records has no such file: then their lines are searched.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from commodore.record import DEFAULTS, ENGINE_FIELDS, RecordBatch

ANY: tuple[str, ...] = ()
"""every text, or every name"""
_NOBODY: frozenset[str] = frozenset()
_STATE = "escadre.state"
_COMPLETED = ENGINE_FIELDS | DEFAULTS
"""fields that a record has whatever its parser says"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The records in which one of these fields is a text: one of the texts given, or any text where none is (`ANY`).

    `reads`: the only fields that the derivation gets of them (None: all fields), with the names that it gets of an object (`ANY`: all).
    """

    fields: Mapping[str, Collection[str]]
    reads: Mapping[str, Collection[str]] | None = None

    def fits(self, record: Mapping[str, Any]) -> bool:
        """Return whether a record is chosen."""
        return any(isinstance(value := record.get(field), str) and (not texts or value in texts) for field, texts in self.fields.items())

    def part(self, record: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of a record that the derivation reads; the record itself where it reads all."""
        if self.reads is None:
            return record
        found = {}
        for name, keys in self.reads.items():
            if name in record:
                value = record[name]
                found[name] = {key: value[key] for key in keys if key in value} if keys and isinstance(value, dict) else value
        return found


class Sorter:
    """Tells who chose a record, among all that chose records of one dataset. It looks once at each field."""

    def __init__(self, choices: Iterable[tuple[str, Chosen]]) -> None:
        self.choices = dict(choices)
        self._fields: dict[str, tuple[dict[str, frozenset[str]], frozenset[str]]] = {}
        """field → text → who chose it; and who chose every text"""
        for name, chosen in self.choices.items():
            for field, texts in chosen.fields.items():
                exact, every = self._fields.get(field, ({}, _NOBODY))
                for text in texts:
                    exact[text] = exact.get(text, _NOBODY) | {name}
                self._fields[field] = exact, every if texts else every | {name}

    def who(self, record: Mapping[str, Any]) -> frozenset[str]:
        """Return the names of those that chose a record."""
        found = _NOBODY
        for field, (exact, every) in self._fields.items():
            value = record.get(field)
            if value.__class__ is str:
                if every:
                    found |= every
                if value in exact:
                    found |= exact[value]
        return found

    def passes(self, batch: RecordBatch) -> bool:
        """Return whether nobody chose a record of a batch, whose fields are not completed."""
        for field, (exact, every) in self._fields.items():
            if field == _STATE:
                for _, _, state in batch.records:
                    if every or state in exact:
                        return False
            elif field in batch.shared:
                if (value := batch.shared[field]).__class__ is str and (every or value in exact):
                    return False
            elif field in _COMPLETED:
                return False
            else:
                member = f'"{field}":'
                for own in ("".join(pieces) for _, pieces, _ in batch.records):
                    if member in own and (value := orjson.loads(f"{{{own}}}").get(field)).__class__ is str and (every or value in exact):
                        return False
        return True
