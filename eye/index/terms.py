"""The values of keyword fields and the leaves of free-form objects as blocks of bytes, so that a part of a value is found by one search.

The blocks are made of the engine's terms when they are first needed, and kept as far as MOST_BYTES goes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator

import tantivy

from commodore.schema import registry
from eye.index import dictionary
from eye.index.schema import PAIR, US, has_terms
from eye.query.tree import ANY, ONE, Pattern
from eye.query.wildcards import pattern
from eye.query.words import clean, fold, level

BREAK = "\x1d"
"""Between two values; a value that holds it itself is found in parts, which no query names."""
MOST_BYTES = 128_000_000


class Terms:
    """Reads an open index."""

    def __init__(self, searcher: tantivy.Searcher, columns: frozenset[str]) -> None:
        self._searcher = searcher
        self._fields = [n for n, f in registry().items() if f.type == "keyword" and has_terms(n) and n in columns] + [PAIR]
        self._lock = threading.Lock()
        self._blocks: OrderedDict[str, bytes] = OrderedDict()

    def of(self, name: str) -> list[str]:
        """Return the terms of a field."""
        return [term for term, _ in self._searcher.terms_with_prefix(name, "")]

    def containing(self, name: str, part: str, *, at_end: bool, most: int) -> list[str] | None:
        """Return the terms of a field that contain a part, or end with it; None for more than `most`."""
        return dictionary.containing(self._block(name), part, at_end=at_end, most=most, between=BREAK.encode())

    def matching(self, node: Pattern, most: int) -> Iterator[tuple[str, list[str]]]:
        """Yield each field with its terms whose value has a pattern anywhere; fields with more than `most` candidates are left out."""
        literal = max((fold(level(p)) for p in node.parts if p not in (ANY, ONE)), key=len).encode("utf-8", "surrogatepass")
        search = pattern(node.parts).search
        for name in self._fields:
            whole, folded = self._block(name), self._block(name, folded=True)
            found = [whole[start:end].decode() for start, end in dictionary.places(folded, literal, most, BREAK.encode()) or ()]
            values = [term for term in found if search(clean(fold(level(term.partition(US)[2] if name == PAIR else term))))]
            if values:
                yield name, values

    def read_all(self) -> None:
        """Make the blocks of all fields, as `matching` needs them."""
        for name in self._fields:
            self._block(name)
            self._block(name, folded=True)

    def _block(self, name: str, *, folded: bool = False) -> bytes:
        """The terms of a field between breaks. `folded`: ASCII letters in lower case, so that places are the same."""
        key = f"{name}{US}" if folded and name == PAIR else name
        with self._lock:
            if key in self._blocks:
                self._blocks.move_to_end(key)
                return self._blocks[key]
        block = self._block(PAIR).lower() if key != name else (BREAK + BREAK.join(self.of(name)) + BREAK).encode()
        with self._lock:
            self._blocks[key] = block
            while sum(map(len, self._blocks.values())) > MOST_BYTES and len(self._blocks) > 1:
                self._blocks.popitem(last=False)
        return block
