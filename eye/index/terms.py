"""The values of keyword fields, the leaves of free-form objects and the pieces of texts as blocks of bytes, so that those that a clause
matches are found by one search.

The blocks are made of the engine's terms when they are first needed, and kept as far as MOST_BYTES goes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import tantivy

from commodore.schema import registry
from eye.index import dictionary
from eye.index.check import part_of
from eye.index.schema import ID, ID_HEAD, NAMES, OTHERS, PAIR, US, has_terms, pair, pieces_of, text_fields
from eye.query.tree import ANY, ONE, Pattern, Text
from eye.query.words import EDGE, UNCUT, clean, fold, level, words
from scout.bounded import searcher

BREAK = "\x1d"
"""Between two values."""
MOST_BYTES = 256_000_000
_SPECIAL = frozenset(b"\\.+*?()|[]{}^$")


@dataclass(frozen=True, slots=True)
class Block:
    """The terms of a field. `kept`: between breaks, as the index has them; `folded`: the same without case, each at the same place.

    `odd`: terms of which that cannot be, and those with a break in them.
    """

    kept: bytes
    folded: bytes
    odd: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Finder:
    """An expression of RE2 that finds something in every value that fits, without case; in no other if it is `exact`. One that is not
    begins with a sign before the value and ends with one behind it.

    '' where only a value with a break fits.
    """

    expression: bytes
    fits: Callable[[str], bool]
    exact: bool


class Terms:
    """Reads an open index."""

    def __init__(self, searcher: tantivy.Searcher, columns: frozenset[str], folder: Path) -> None:
        self._searcher, self._folder = searcher, folder
        self._fields = [n for n, f in registry().items() if f.type == "keyword" and has_terms(n) and n in columns] + [PAIR]
        self.texts = [name for name in text_fields() if name in columns]
        """the text fields that the index has"""
        self.uncut = {name for name in self.texts if searcher.doc_freq(pieces_of(name), UNCUT)}
        """those with a piece that is no term"""
        self.others = searcher.doc_freq(NAMES, OTHERS) > 0
        """whether some record has values that are neither terms nor times nor single words"""
        self._lock = threading.Lock()
        self._blocks: OrderedDict[str, Block] = OrderedDict()

    def of(self, name: str) -> list[str]:
        """Return the terms of a field."""
        return dictionary.terms(self._folder, self._searcher, name)

    def odd_numbers(self, name: str) -> list[str]:
        """Return the values of a numbered field, or ids, that are terms."""
        head = pair(name, "")
        return [term[len(head) :] for term, _ in self._searcher.terms_with_prefix(PAIR, head)]

    def containing(self, name: str, part: str, *, at_end: bool, most: int) -> list[str] | None:
        """Return the terms of a field that contain a part, or end with it; None for more than `most`."""
        fits: Callable[[str], bool] = (lambda term: term.endswith(part)) if at_end else (lambda term: part in term)
        return self._found(name, _Finder(_literal(part) + (BREAK.encode() if at_end else b""), fits, exact=True), most)

    def matching(self, node: Pattern | Text, most: int) -> Iterator[tuple[str, list[str], bool]]:
        """Yield each field of values that has terms which match a clause without a field, these terms, and whether they are all; of more
        than `most` they are only those which no expression finds that is written for the index.
        """
        finder = _finder(node)
        for name in self._fields:
            found = self._found(name, finder, most)
            if found is None:
                yield name, [term for term in self._block(name).odd if finder.fits(_value(name, term))], False
            elif found:
                yield name, found, True

    def pieces(self, name: str, parts: tuple[str, ...], most: int, *, at_end: bool) -> list[str] | None:
        """Return the pieces of a text field that hold a pattern, or end with a text; None for more than `most`."""
        if at_end:
            return self.containing(pieces_of(name), fold(level(parts[0])), at_end=True, most=most)
        return self._found(pieces_of(name), _finder(Pattern("", 0, 0, parts)), most)

    def read_all(self) -> None:
        """Make the blocks of all fields, as `matching` and `pieces` need them."""
        for name in (*self._fields, *map(pieces_of, self.texts)):
            self._block(name)

    def _found(self, name: str, finder: _Finder, most: int) -> list[str] | None:
        """The terms of a field whose value matches; None for more than `most`."""
        block = self._block(name)
        folded, between, start_of_value = block.folded, BREAK.encode(), US.encode()
        search = searcher(b"(?s)" + finder.expression).search
        found = [term for term in block.odd if finder.fits(_value(name, term))]
        at = 0
        while finder.expression and (hit := search(folded, at)):
            begin, end = folded.rfind(between, 0, hit.start() + 1) + 1, folded.find(between, max(hit.start(), hit.end() - 1))
            if name == PAIR and hit.start() < (value := folded.find(start_of_value, begin, end)) + finder.exact:
                at = value + finder.exact
                continue
            term = block.kept[begin:end].decode()
            if finder.exact or finder.fits(_value(name, term)):
                if len(found) == most:
                    return None
                found.append(term)
            at = end
        return found

    def _block(self, name: str) -> Block:
        with self._lock:
            if name in self._blocks:
                self._blocks.move_to_end(name)
                return self._blocks[name]
        block = _made(name, self.of(name))
        with self._lock:
            self._blocks[name] = block
            while sum(len(one.kept) for one in self._blocks.values()) > MOST_BYTES and len(self._blocks) > 1:
                self._blocks.popitem(last=False)
        return block


def _value(name: str, term: str) -> str:
    return term.partition(US)[2] if name == PAIR else term


def _made(name: str, terms: list[str]) -> Block:
    """The block of a field, without what is no value."""
    if name == PAIR:
        terms = [term for term in terms if not term.startswith((ID_HEAD, ID + US))]
    elif name in map(pieces_of, text_fields()):
        terms = [term for term in terms if EDGE not in term]
    plain = [term for term in terms if term.isascii()]
    other = [(term, clean(fold(level(term)))) for term in terms if not term.isascii()]
    odd = [term for term, low in other if len(low.encode()) != len(term.encode())]
    alike = [one for one in other if len(one[1].encode()) == len(one[0].encode())]
    if any(BREAK in part for part in ("".join(plain), *(term for term, _ in alike))):
        odd += [term for term in (*plain, *(term for term, _ in alike)) if BREAK in term]
        plain, alike = [term for term in plain if BREAK not in term], [one for one in alike if BREAK not in one[0]]
    first = BREAK + BREAK.join(plain) + BREAK if plain else BREAK
    whole = (first + "".join(term + BREAK for term, _ in alike)).encode()
    folded = (first.lower() + "".join(low + BREAK for _, low in alike)).encode()
    return Block(whole, whole if folded == whole else folded, tuple(odd))


def _literal(text: str) -> bytes:
    """A text as an expression of RE2 for bytes in UTF-8."""
    return b"".join(b"\\" + bytes([one]) if one in _SPECIAL else bytes([one]) for one in text.encode("utf-8", "surrogatepass"))


def _finder(node: Pattern | Text) -> _Finder:
    """A finder of what a clause without a field matches."""
    any_ = b"[^" + BREAK.encode() + b"]"
    if isinstance(node, Pattern):
        parts = node.parts[node.parts[0] == ANY : len(node.parts) - (node.parts[-1] == ANY)]
        expression = b"".join(any_ + b"*?" if p == ANY else any_ if p == ONE else _literal(fold(level(p))) for p in parts)
        expression = b"" if any(BREAK in part for part in parts) else expression
        return _Finder(expression, part_of(node), exact=True)
    found = words(node.text)
    longest = sorted(dict.fromkeys(found), key=len)[-2:] if len(set(found)) > 1 else [found[0]] * 2
    edge, apart = b"[^0-9a-z]", b"[^0-9a-z" + BREAK.encode() + b"]"
    between = apart + b"(?:" + any_ + b"*?" + apart + b")?"
    either = dict.fromkeys(edge + between.join(map(_literal, order)) + edge for order in (longest, longest[::-1]))
    return _Finder(b"|".join(either), part_of(node), exact=False)
