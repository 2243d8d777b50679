"""Clauses that words do not decide: patterns with other signs, words at a distance, very long texts.

Terms prove most records, and of the others the values are read.
"""

from __future__ import annotations

from itertools import pairwise

import tantivy

from commodore.schema import registry
from eye.index.clauses import MOST_TERMS, PATTERN_LIMIT, Clauses, Q, both, union
from eye.index.schema import ALL, NAMES, NUMBER, OTHERS, PAIR, POSITIONED, REST, TIMES, US, pieces_of
from eye.query.tree import ANY, ONE, Leaf, Pattern, Text
from eye.query.wildcards import a_day, any_case, automaton, in_time, literal, rows
from eye.query.words import BLANKS, EDGE, MAX_WORD, UNCUT, fold, words

MOST_WORDS = 64
"""Words of a text that the engine looks for in a row; of a longer one it finds the beginning, and the records that have that are read."""
MOST_ENDS, MOST_END_BYTES = 300, 500
"""Words with the same end that are looked for in a row with others: the engine takes an expression of 1,000 states."""
MOST_APART = 20
"""Distance of one word from itself from which its places are not asked for, but read."""
MOST_ROWED = 10_000
"""Pieces that one place of a row of pieces may be: the engine takes 16,384."""
FEW_READ = 500
"""Records with the rarest of some words in their values up to which those near each other are read, and no terms are looked at."""
MOST_READ = 2_000
"""Records that are read at once, before those are taken out that terms prove."""


class AcrossValues(Clauses):
    """Queries of what lies within one value."""

    @staticmethod
    def across(node: Leaf) -> bool:
        """Return whether the values themselves must be read: wildcards across separators, words at a distance, and very long texts."""
        if isinstance(node, Text):
            return (node.slop > 0 and len(words(node.text)) > 1) or len(words(node.text)) > MOST_WORDS
        return isinstance(node, Pattern) and node.across

    def read(self, node: Leaf, name: str) -> tantivy.Query:
        """Records that match a clause which words do not decide: terms prove most of them, and of the others the values are read."""
        assert isinstance(node, (Pattern, Text))
        fields = [name] if name else [*POSITIONED, *self.engine.texts()]
        if isinstance(node, Text) and not node.slop:
            start = union([self.row(f, words(node.text)[:MOST_WORDS]) for f in fields])
            return self.one_of(NUMBER, self.engine.checked(node, start))
        if node.end - node.position > PATTERN_LIMIT:
            raise self.complain(node, f"a pattern may have {PATTERN_LIMIT} characters", "Shorten it.")
        rare = isinstance(node, Text) and min(self.engine.having(ALL, word) for word in words(node.text)) <= FEW_READ
        values = None if name or rare else self.of_values(node)
        if values is not None:
            fields.remove(ALL)
        certain: list[tantivy.Query] = []
        candidates: dict[str, list[tantivy.Query]] = {}
        for field in fields:
            sure, maybe = self.near(node, field) if isinstance(node, Text) else self.holding(node, field)
            certain += sure
            if maybe:
                candidates.setdefault("" if field in POSITIONED else field, []).extend(maybe)
        proven = [*certain, *(values or [])]
        if not candidates:
            return union(proven)
        found: set[int] = set()
        for field, maybe in candidates.items():
            few = self.engine.places(self.but(maybe, certain), MOST_READ)
            unread = self.but(maybe, proven) if few is None else few
            found.update(self.engine.checked(node, unread, fields=[field] if field else []))
        return union([*proven, *([self.one_of(NUMBER, sorted(found))] if found else [])])

    def of_values(self, node: Pattern | Text) -> list[tantivy.Query] | None:
        """Records by those of their values that are terms. None for words at a distance that too many values may have."""
        found: list[tantivy.Query] = []
        for field, terms, complete in self.engine.terms_matching(node, MOST_TERMS):
            found += [self.one_of(field, terms)] if terms else []
            if not complete:
                if isinstance(node, Text):
                    return None
                within = f"[^{US}]*{US}" + any_case(node.parts) if field == PAIR else automaton((ANY, *node.parts, ANY))
                found.append(self.regex(field, node, within))
        return found

    def holding(self, node: Pattern, name: str) -> tuple[list[tantivy.Query], list[tantivy.Query]]:
        """Records that have a pattern in a field for certain, and those that may have it."""
        if (name == TIMES and not in_time(node.parts)) or (name == REST and not self.engine.others()):
            return [], []
        if name in POSITIONED:
            day = a_day(node.parts) if name == TIMES else []
            having = [self.term(NAMES, OTHERS)] if name == REST else []
            return [Q.regex_phrase_query(self.schema, name, [*day])] if day else [], [both([*having, *self.with_words(node, name)])]
        at, inner = pieces_of(name), node.parts[node.parts[0] == ANY : len(node.parts) - (node.parts[-1] == ANY)]
        cut = [BLANKS.split(part) for part in inner if part not in (ANY, ONE)]
        if any(US in part for part in inner):  # it stands for what is no piece
            return [], [both([self.one_of(NAMES, self.engine.names_with(name)), *self.with_words(node, name)])]
        whole = self.engine.pieces_with(name, inner, MOST_TERMS) if all(len(one) == 1 for one in cut) else []
        certain = [self.one_of(at, whole)] if whole else []
        alone = len(inner) == len(cut) == 1
        decided = whole is not None and alone and len(cut[0]) == 1
        in_row = self.row_of_pieces(name, cut[0]) if alone and len(cut[0]) > 1 and " ".join(cut[0]) == inner[0] else None
        if in_row:
            certain, decided = in_row[0], True
        if decided and not self.engine.uncut(name) and not (in_row and in_row[1]):
            return certain, []
        having = self.with_words(node, name)
        maybe = [both([*having, self.term(at, UNCUT)])] if self.engine.uncut(name) else []
        maybe += in_row[1] if in_row else []
        return certain, maybe if decided else [*maybe, both([*having, *self.with_pieces(name, cut)])]

    def row_of_pieces(self, name: str, row: list[str]) -> tuple[list[tantivy.Query], list[tantivy.Query]] | None:
        """Texts that hold these pieces with one blank between each two, for certain, and those that may hold them.

        The first may be the end of a piece and the last the beginning of one. Where one of them is empty, a blank is all that there is of a
        further piece: a text is doubtful where the piece beside it is its first or last one, or has other blanks there. None where the
        pieces that fit are too many for the engine.
        """
        at, first, last = pieces_of(name), row[0], row[-1]
        few = [self.engine.pieces_with(name, (first,), MOST_ROWED, at_end=True)] if first else []
        few += [self.engine.pieces_with(name, (last,), MOST_ROWED)] if last else []
        if None in few or any(len(piece) > MAX_WORD for piece in row):
            return None
        more = f"[^{EDGE}]*"
        texts = [more + literal(fold(first))] if first else []
        texts += [literal(fold(one)) for one in row[1:-1]] + ([literal(fold(last)) + more] if last else [])
        if not texts:
            return None
        found = Q.regex_query(self.schema, at, texts[0]) if len(texts) == 1 else Q.regex_phrase_query(self.schema, at, [*texts])
        edges = ([] if first else [EDGE + texts[0]]) + ([] if last else [texts[-1] + EDGE])
        doubtful = [Q.regex_query(self.schema, at, edge) for edge in edges]
        return [self.but([found], doubtful)], [both([found, union(doubtful)])] if doubtful else []

    def with_pieces(self, name: str, cut: list[list[str]]) -> list[tantivy.Query]:
        """Queries that all hold of a text with these literals, each cut at its blanks."""
        at, found = pieces_of(name), []
        for first, *others in cut:
            ends = self.engine.pieces_with(name, (first,), MOST_TERMS, at_end=bool(others)) if first else None
            found += [] if ends is None else [self.one_of(at, ends)]
            found += [self.term(at, fold(piece)) for piece in others[:-1] if len(piece) <= MAX_WORD]
            starts = self.engine.pieces_with(name, (others[-1],), MOST_TERMS) if others and others[-1] else None
            found += [] if starts is None else [self.one_of(at, starts)]
        return found

    def with_words(self, node: Pattern, name: str) -> list[tantivy.Query]:
        """Queries that all hold of a field with a pattern: its words, and those in a row that nothing parts in the pattern."""
        found = []
        for row in rows(node.parts):
            found += [self.term(name, one[0]) if len(one) == 1 else self.like(name, node, one) for one in row]
            texts = [literal(one[0]) + (".*" if len(one) > 1 else "") for one in row if one[0] != ANY]
            if len(row) > 1 and len(texts) < len(row):  # the first may begin before the pattern
                ends = self.engine.words_containing(row[0][1], at_end=True, most=MOST_ENDS)
                few = ends and sum(len(end.encode()) for end in ends) <= MOST_END_BYTES
                texts = ["|".join(map(literal, ends)), *texts] if ends and few else texts
            if len(texts) > 1:
                found.append(Q.regex_phrase_query(self.schema, name, [*texts]))
        return found

    def near(self, node: Text, name: str) -> tuple[list[tantivy.Query], list[tantivy.Query]]:
        """Records that have words at a distance in a field for certain, and those that may have them.

        The engine counts as Lucene does where two words are in one value; more words are near enough if each two neighbours are.
        """
        found = words(node.text)
        if name == REST and not self.engine.others():
            return [], []
        close = both([self.close(name, one, other, node.slop) for one, other in pairwise(found)])
        if len(found) == 2 and name not in POSITIONED and not registry()[name].many and (found[0] != found[1] or node.slop < MOST_APART):
            return [close], []
        return [self.row(name, found)], [close]

    def close(self, name: str, one: str, other: str, slop: int) -> tantivy.Query:
        """Two words at a distance. Of the same word twice the engine would take one place for both, so each distance is asked for."""
        self.costly = True
        if one != other:
            return self.row(name, [one, other], slop)
        if slop >= MOST_APART:
            return self.term(name, one)
        return union([Q.phrase_query(self.schema, name, [(0, one), (apart, one)]) for apart in range(1, slop + 2)])
