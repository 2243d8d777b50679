"""What a query needs of the open index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import tantivy

from eye.index.check import Checked
from eye.query.tree import Pattern, Text

Candidates = tantivy.Query | list[tantivy.DocAddress]
"""Records that may match: a query of the index, or their places."""


class Engine(Protocol):
    """The open index, as far as a query needs it. `seconds`: time that one question may take; None for any."""

    seconds: float | None
    records: int

    def names_with(self, name: str) -> list[str]:
        """Return the terms of `names` that list a field, or a key below it."""
        ...

    def words_containing(self, part: str, *, at_end: bool, most: int) -> list[str] | None:
        """Return the words that contain a part, or end with it; None for more than `most`."""
        ...

    def values_containing(self, name: str, part: str, *, at_end: bool, most: int) -> list[str] | None:
        """Return the values of a keyword field that contain a part, or end with it; None for more than `most`."""
        ...

    def terms_matching(self, node: Pattern | Text, most: int) -> Iterator[tuple[str, list[str], bool]]:
        """Yield each field of values with those of its terms that match a clause without a field, and whether they are all: of more than
        `most`, they are only the odd ones.
        """
        ...

    def pieces_with(self, name: str, parts: tuple[str, ...], most: int, *, at_end: bool = False) -> list[str] | None:
        """Return the pieces of a text field that hold a pattern, or end with a text; None for more than `most`."""
        ...

    def uncut(self, name: str) -> bool:
        """Return whether a text field has a piece that is no term."""
        ...

    def others(self) -> bool:
        """Return whether some record has values that are neither terms nor times nor single words."""
        ...

    def texts(self) -> list[str]:
        """Return the text fields that some record has."""
        ...

    def values_of(self, name: str) -> list[str]:
        """Return the values of a keyword field, folded."""
        ...

    def having(self, name: str, term: str) -> int:
        """Return the number of records that have a term."""
        ...

    def hits(self, query: tantivy.Query) -> int:
        """Return the number of records that a query of the index finds."""
        ...

    def places(self, query: tantivy.Query, most: int) -> list[tantivy.DocAddress] | None:
        """Return the places of the records that a query of the index finds; None for more than `most`."""
        ...

    def checked(self, node: Checked, candidates: Candidates, *, but: bool = False, fields: Sequence[str] = ()) -> list[int]:
        """Return the row numbers of the candidates that a clause matches (`but`: does not match) when their values are read: those of some
        fields, or all.
        """
        ...

    def checked_numbers(self, name: str, node: Checked, candidates: tantivy.Query) -> list[int]:
        """Return the row numbers of candidates whose number in the columns of a field a clause matches as it is written."""
        ...

    def odd_numbers(self, name: str, node: Checked) -> list[str]:
        """Return the values of such a field that a clause matches and that are terms, since they are no numbers or several."""
        ...

    def frequent(self, name: str) -> list[tuple[str, int]]:
        """Return the most frequent words of a field of words with their numbers of records."""
        ...
