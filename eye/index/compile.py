"""A tree → a query of the index, typed by the field registry. Every clause is a set of records; none of them has a score."""

from __future__ import annotations

import ipaddress
import re

import tantivy

from commodore.schema import Field
from eye.index.across import AcrossValues
from eye.index.check import between
from eye.index.clauses import PATTERN_LIMIT, Must, MustNot, Q, both, union
from eye.index.documents import HEX
from eye.index.schema import HIGH, ID, ID_HEAD, LOW, NAMES, NUMBER, PAIR, SINGLE, US, WORDS, column, has_terms, pair, schema, whole_number
from eye.query.fields import known_field
from eye.query.moments import moments, span_of
from eye.query.tree import ANY, And, Everything, Exists, Fuzzy, Leaf, Node, Not, Or, Pattern, Range, Regex, Text
from eye.query.values import within
from eye.query.wildcards import automaton, inner_part, literal, pieces
from eye.query.words import fold, words

MOST_VALUES = 2_000
"""Values of a field that one clause becomes a set of; beyond them the engine walks its terms itself."""


def with_id(key: str) -> tantivy.Query:
    """The record with an `escadre.id`, in any case."""
    if HEX.fullmatch(key) is None:
        return Q.term_query(schema(), PAIR, pair(ID, fold(key)), "basic")
    kind, high, low = tantivy.FieldType.Unsigned, int(key[:16], 16), int(key[16:], 16)
    head = Q.term_query(schema(), PAIR, ID_HEAD + key[:3].lower(), "basic")
    return both([head, Q.range_query(schema(), HIGH, kind, high, high), Q.range_query(schema(), LOW, kind, low, low)])


class Compiler(AcrossValues):
    """Compiles one query."""

    def compiled(self, node: Node) -> tantivy.Query:
        """The query of a tree. Raises QueryComplaint."""
        if isinstance(node, Everything):
            return Q.all_query()
        if isinstance(node, Or):
            return union([self.compiled(n) for n in node.nodes])
        if isinstance(node, Not):
            return Q.boolean_query([(Must, Q.all_query()), (MustNot, self.compiled(node.node))])
        if isinstance(node, And):
            parts = [(MustNot, self.compiled(n.node)) if isinstance(n, Not) else (Must, self.compiled(n)) for n in node.nodes]
            return Q.boolean_query(parts if any(occur == Must for occur, _ in parts) else [(Must, Q.all_query()), *parts])
        return self.bare(node) if node.field in ("", "escadre.all") else self.typed(node)

    # --- words

    def bare(self, node: Leaf) -> tantivy.Query:
        """A clause without a field: in any value of the record."""
        if isinstance(node, Exists):
            return Q.all_query()
        if isinstance(node, Range):
            raise self.complain(node, "a range needs a field", "Write field:[low TO high].")
        if self.across(node):
            found = [self.read(node, "")]
        else:
            fields = [*WORDS, *self.engine.texts()]
            nearly = self.nearly_all(node, fields)
            found = [self.in_words(name, node) for name in fields] if nearly is None else [nearly]
        if isinstance(node, Text) and HEX.fullmatch(node.text):
            found.append(with_id(node.text))
        return union(found if self.within is None else [both([one, self.within]) for one in found])

    def in_words(self, name: str, node: Leaf) -> tantivy.Query:
        """A clause over the words of a text field of the index."""
        if isinstance(node, Text):
            found = words(node.text)
            if not found or (name == SINGLE and len(found) > 1):
                return Q.empty_query()
            return self.row(name, found)
        if isinstance(node, Pattern):
            return self.like(name, node, node.parts)
        if isinstance(node, Fuzzy):
            return Q.fuzzy_term_query(self.schema, name, fold(node.text), node.distance)
        if isinstance(node, Regex):
            return self.regex(name, node, node.pattern)
        raise self.complain(node, f"{node.field} is text and has no order", "Use words, or a keyword field.")

    # --- values

    def typed(self, node: Leaf) -> tantivy.Query:
        """A clause with a field."""
        resolved = known_field(node.field)
        if resolved is None:
            raise self.complain(node, f"no field is called {node.field}")
        found, key = resolved
        if isinstance(node, Exists) or (isinstance(node, Range) and node.low is None and node.high is None):
            names = self.engine.names_with(f"{found.name}.{key}" if key else found.name)
            return self.one_of(NAMES, names)
        if found.type == "text":
            if self.across(node):
                return self.read(node, found.name)
            return self.in_words(found.name, node)
        if isinstance(node, Text) and node.slop:
            raise self.complain(node, f"{found.name} has no words, only whole values", 'Leave out the ~, or use message:"…"~3.')
        if isinstance(node, Fuzzy):
            raise self.complain(
                node, f"{found.name} has no words, only whole values", f"Write {node.text}~{node.distance} without a field."
            )
        if found.type == "keyword":
            return self.keyword(found, node)
        if found.type == "flattened":
            return self.free_form(found, key, node)
        if isinstance(node, (Pattern, Regex)):
            raise self.complain(node, f"{found.name} is of type {found.type} and takes no wildcard", f"Use a range, or {found.name}:*.")
        return {"date": self.date, "ip": self.ip, "boolean": self.boolean}.get(found.type, self.number)(found, node)

    def keyword(self, found: Field, node: Leaf) -> tantivy.Query:
        """Whole values, without case."""
        name = found.name
        if not has_terms(name):
            return self.without_terms(name, node)
        if isinstance(node, Text):
            return self.term(name, fold(node.text))
        if isinstance(node, Pattern):
            part = inner_part(node.parts)
            at_end = node.parts[-1] != ANY
            values_with = self.engine.values_containing(name, fold(part), at_end=at_end, most=MOST_VALUES) if part else None
            return self.regex(name, node, automaton(node.parts)) if values_with is None else self.one_of(name, values_with)
        if isinstance(node, Regex):
            return self.regex(name, node, node.pattern)
        assert isinstance(node, Range)
        low, high = (None if bound is None else fold(bound) for bound in (node.low, node.high))
        return self.one_of(name, [value for value in self.engine.values_of(name) if between(value, low, high, node)])

    def without_terms(self, name: str, node: Leaf) -> tantivy.Query:
        """Whole values of a field whose values are no terms but numbers in columns."""
        if name == ID and isinstance(node, Text):
            return with_id(node.text)
        if isinstance(node, Text):
            number = whole_number(node.text)
            other = self.term(PAIR, pair(name, fold(node.text)))
            return other if number is None else union([self.between(column(name), number, number, kind=tantivy.FieldType.Unsigned), other])
        assert isinstance(node, (Pattern, Regex, Range))
        if node.end - node.position > PATTERN_LIMIT:
            raise self.complain(node, f"a pattern may have {PATTERN_LIMIT} characters", "Shorten it.")
        begins = fold(node.parts[0]) if isinstance(node, Pattern) and node.parts[1:] == (ANY,) else ""
        if begins and (name == ID or begins.isdigit()):
            found = self.numbers(name, begins)
        else:
            digits = pieces(node.parts) if isinstance(node, Pattern) and name != ID else []
            likely = both([self.like(SINGLE, node, one) for one in digits]) if digits else Q.all_query()
            rows = self.engine.checked_numbers(name, node, likely)
            found = [self.one_of(NUMBER, rows)] if rows else []
        odd = self.engine.odd_numbers(name, node)
        return union([*found, *(self.term(PAIR, pair(name, one)) for one in odd)])

    def numbers(self, name: str, begins: str) -> list[tantivy.Query]:
        """Numbers that begin so when they are written."""
        kind = tantivy.FieldType.Unsigned
        if name == ID:
            if re.fullmatch("[0-9a-f]{1,32}", begins) is None:
                return []
            low, high = (begins + 32 * fill for fill in "0f")
            found = [self.between(HIGH, int(low[:16], 16), int(high[:16], 16), kind=kind)]
            return [both([*found, self.between(LOW, int(low[16:32], 16), int(high[16:32], 16), kind=kind)] if len(begins) > 16 else found)]
        if whole_number(begins) is None:
            return []
        ends = [(int(begins) * 10**more, (int(begins) + 1) * 10**more - 1) for more in range(20 - len(begins) if begins != "0" else 1)]
        return [self.between(column(name), low, high, kind=kind) for low, high in ends]

    def free_form(self, found: Field, key: str, node: Leaf) -> tantivy.Query:
        """Values of a free-form object compare exactly, case included, as in Elasticsearch's `flattened`."""
        if isinstance(node, Text) and key:
            return self.term(PAIR, f"{found.name}.{key}{US}{node.text}")
        head = literal(f"{found.name}.{key}") + US if key else literal(found.name) + f"\\.[^{US}]*{US}"
        if isinstance(node, Text):
            return self.regex(PAIR, node, head + literal(node.text))
        if isinstance(node, Pattern):
            return self.regex(PAIR, node, head + automaton(node.parts, keep_case=True))
        if isinstance(node, Regex):
            return self.regex(PAIR, node, f"{head}({node.pattern})")
        raise self.complain(node, f"{found.name} is free-form and has no order", "Use the typed field, if there is one.")

    def boolean(self, found: Field, node: Leaf) -> tantivy.Query:
        if not isinstance(node, Text) or node.text not in ("true", "false"):
            raise self.complain(node, f"{found.name} is true or false")
        return Q.term_query(self.schema, found.name, node.text == "true", "basic")

    def date(self, found: Field, node: Leaf) -> tantivy.Query:
        assert isinstance(node, (Text, Range))
        low, high = span_of(node, self.query) if isinstance(node, Text) else moments(node, self.query)
        return self.between(column(found.name), None if low is None else within(low), None if high is None else within(high))

    def number(self, found: Field, node: Leaf) -> tantivy.Query:
        assert isinstance(node, (Text, Range))
        kind = tantivy.FieldType.Float if found.type == "double" else tantivy.FieldType.Integer
        low, high = (node.text, node.text) if isinstance(node, Text) else (node.low, node.high)
        bounds = [None if bound is None else self.read_number(bound, found, node) for bound in (low, high)]
        if isinstance(node, Text):
            return self.between(found.name, *bounds, kind=kind)
        return self.between(found.name, *bounds, kind=kind, open_low=not node.include_low, open_high=not node.include_high)

    def read_number(self, text: str, found: Field, node: Leaf) -> int | float:
        wrong = self.complain(node, f"{found.name} is a number", "Write digits, or a range [1 TO 1024].")
        if found.type == "double":
            try:
                return float(text)
            except ValueError as e:
                raise wrong from e
        if not re.fullmatch(r"-?[0-9]{1,30}", text):
            raise wrong
        if not -(2**63) <= int(text) < 2**63:
            raise self.complain(node, "this number does not fit 64 bits")
        return int(text)

    def ip(self, found: Field, node: Leaf) -> tantivy.Query:
        kind = tantivy.FieldType.IpAddr
        try:
            if isinstance(node, Text):
                block = ipaddress.ip_network(node.text.split("%", 1)[0], strict=False)
                return self.between(found.name, str(block[0]), str(block[-1]), kind=kind)
            assert isinstance(node, Range)
            low, high = (None if b is None else str(ipaddress.ip_address(b)) for b in (node.low, node.high))
        except ValueError as e:
            raise self.complain(node, f"{found.name} is an address, and this is none", "Write 192.0.2.1 or 192.0.2.0/24.") from e
        return self.between(found.name, low, high, kind=kind, open_low=not node.include_low, open_high=not node.include_high)
