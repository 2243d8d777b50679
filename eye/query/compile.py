"""Clauses → one SQL condition over the rows, typed by the field registry; words are looked up in tantivy first and stand in it as row sets.

Every leaf is true or false, never NULL, so that NOT means "does not match", as in Lucene.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from commodore.schema import Field, registry
from eye.query.lucene import ANY, ONE, Clauses, Everything, Exists, Node, Phrase, QueryComplaint, Range, Word
from eye.query.tokens import GAP, fold, standard_words
from eye.query.values import address, network, span, within

Lookup = Callable[[str, str, tuple[str, ...]], str]
"""(words field, kind `term`, `any`, `phrase` or `regex`, tokens) → SQL condition on the row number"""

FALSE, TRUE = "false", "true"


def known_fields() -> Mapping[str, Field]:
    """All fields that a query may name."""
    return registry()


@dataclass
class Compiler:
    """Compiles one query. `columns`: fields that some record of the case has; the others match nothing."""

    query: str
    columns: frozenset[str]
    lookup: Lookup
    parameters: list[Any] = field(default_factory=list)

    def sql(self, node: Node) -> str:
        """The condition; values stand in `parameters`, in order."""
        if isinstance(node, Everything):
            return TRUE
        if isinstance(node, Clauses):
            return self.clauses(node)
        if not node.field or node.field == "escadre.all":
            return self.words_of_all(node)
        return self.typed(node)

    def clauses(self, node: Clauses) -> str:
        must = [self.sql(n) for n in node.must]
        should = [self.sql(n) for n in node.should] if not must else []
        must_not = [f"NOT {self.sql(n)}" for n in node.must_not]
        joined = [*must, *(["(" + " OR ".join(should) + ")"] if should else []), *must_not]
        return "(" + " AND ".join(joined) + ")"

    # --- words

    def words_of_all(self, node: Word | Phrase | Range | Exists) -> str:
        if isinstance(node, Exists):
            return TRUE
        if isinstance(node, Range):
            raise QueryComplaint(self.query, node.position, "a range needs a field", "Write field:[low TO high].")
        if isinstance(node, Phrase):
            runs = tuple(fold(node.text).replace(GAP, " ").split())
            return self.lookup("all", "phrase" if len(runs) > 1 else "term", runs) if runs else FALSE
        if node.wild:
            return self.lookup("all", "regex", (regex(node.parts),))
        return self.lookup("all", "term", (fold(node.text),))

    def words_of_text(self, name: str, node: Word | Phrase | Range) -> str:
        if isinstance(node, Range):
            raise QueryComplaint(self.query, node.position, f"{name} is text and has no order", "Use words, or a keyword field.")
        if isinstance(node, Word) and node.wild:
            return self.lookup(name, "regex", (regex(node.parts),))
        tokens = tuple(standard_words(node.text))
        kind = "term" if len(tokens) == 1 else "phrase" if isinstance(node, Phrase) else "any"
        return self.lookup(name, kind, tokens) if tokens else FALSE

    # --- values

    def typed(self, node: Word | Phrase | Range | Exists) -> str:
        found, key = self.resolve(node)
        name = found.name
        if name not in self.columns:
            return FALSE
        column = '"' + name.replace('"', '""') + '"'
        if found.type == "flattened":
            return self.flattened(column, key, node)
        unbounded = isinstance(node, Range) and node.low is None and node.high is None
        if isinstance(node, Exists) or (unbounded and found.type != "text"):
            return f"coalesce(len({column}) > 0, false)" if found.many else f"({column} IS NOT NULL)"  # an empty list is no value
        if found.type == "text":
            return self.words_of_text(name, node)
        value = "x" if found.many else column
        condition = getattr(self, f"_{found.type}")(value, node)
        if condition in (TRUE, FALSE):
            return str(condition)
        return f"coalesce(len(list_filter({column}, lambda x: {condition})) > 0, false)" if found.many else f"coalesce({condition}, false)"

    def resolve(self, node: Word | Phrase | Range | Exists) -> tuple[Field, str]:
        """The field that a name means, and the key below it for a free-form one. Raises QueryComplaint with the nearest names."""
        known, name = known_fields(), "escadre.id" if node.field == "_id" else node.field
        if name in known:
            return known[name], ""
        above = name
        while "." in above:
            above = above.rpartition(".")[0]
            if above in known and known[above].type == "flattened":
                return known[above], name[len(above) + 1 :]
        tail = [n for n in known if n.rpartition(".")[2] == name.rpartition(".")[2]]
        near = list(dict.fromkeys([*difflib.get_close_matches(name, known, 3, 0.6), *tail]))[:3]
        at = self.query.rfind(name + ":", 0, node.position + len(name) + 1)
        do = f"Near: {', '.join(near)}." if near else "A field is written as in a record: process.name, event.code, host.name."
        raise QueryComplaint(self.query, at if at >= 0 else node.position, f"no field is called {name}", do, len(name))

    def bind(self, value: Any) -> str:
        self.parameters.append(value)
        return f"${len(self.parameters)}"

    def _keyword(self, value: str, node: Word | Phrase | Range) -> str:
        low = f"lower({value})"
        if isinstance(node, Range):
            return self.ordered(low, node, lambda text: f"lower({self.bind(text)})")
        if isinstance(node, Phrase) or not node.wild:
            return f"{low} = lower({self.bind(node.text)})"
        return self.wildcard(low, node.parts)

    def wildcard(self, value: str, parts: tuple[str, ...]) -> str:
        """Wildcards on whole values, in lower case; the common forms as the engine's own fast functions."""
        lowered = [p if p in (ANY, ONE) else fold(p) for p in parts]
        if len(lowered) == 2 and ONE not in lowered:
            return f"starts_with({value}, {self.bind(lowered[0])})" if lowered[1] == ANY else f"suffix({value}, {self.bind(lowered[1])})"
        if len(lowered) == 3 and lowered[0] == lowered[2] == ANY and lowered[1] not in (ANY, ONE):
            return f"contains({value}, {self.bind(lowered[1])})"
        pattern = "".join("%" if p == ANY else "_" if p == ONE else re.sub(r"([\\%_])", r"\\\1", p) for p in lowered)
        return f"{value} LIKE {self.bind(pattern)} ESCAPE '\\'"

    def ordered(self, value: str, node: Range, bound: Callable[[str], str]) -> str:
        parts = []
        if node.low is not None:
            parts.append(f"{value} {'>=' if node.include_low else '>'} {bound(node.low)}")
        if node.high is not None:
            parts.append(f"{value} {'<=' if node.include_high else '<'} {bound(node.high)}")
        return "(" + " AND ".join(parts) + ")"

    def literal(self, node: Word | Phrase, what: str) -> str:
        if isinstance(node, Word) and node.wild:
            raise QueryComplaint(
                self.query, node.position, f"{node.field} is {what} and takes no wildcard", "Use a range, or field:* for any value."
            )
        return node.text

    def number(self, text: str, node: Word | Phrase | Range) -> int:
        if not re.fullmatch(r"-?[0-9]{1,30}", text):
            raise QueryComplaint(
                self.query, node.position, f"{node.field} is a number", "Write digits, or a range [1 TO 1024].", max(1, len(text))
            )
        found = int(text)
        if not -(2**63) <= found < 2**63:
            raise QueryComplaint(self.query, node.position, "this number does not fit 64 bits", length=len(text))
        return found

    def _long(self, value: str, node: Word | Phrase | Range) -> str:
        if isinstance(node, Range):
            return self.ordered(value, node, lambda text: self.bind(self.number(text, node)))
        return f"{value} = {self.bind(self.number(self.literal(node, 'a number'), node))}"

    def _double(self, value: str, node: Word | Phrase | Range) -> str:
        def real(text: str) -> str:
            try:
                return self.bind(float(text))
            except ValueError as e:
                raise QueryComplaint(self.query, node.position, f"{node.field} is a number", length=max(1, len(text))) from e

        return self.ordered(value, node, real) if isinstance(node, Range) else f"{value} = {real(self.literal(node, 'a number'))}"

    def _boolean(self, value: str, node: Word | Phrase | Range) -> str:
        if isinstance(node, Range) or node.text not in ("true", "false"):
            raise QueryComplaint(self.query, node.position, f"{node.field} is true or false")
        return f"{value} = {node.text}"

    def time(self, text: str, node: Word | Phrase | Range) -> tuple[int, int]:
        found = span(text)
        if found is None:
            raise QueryComplaint(
                self.query,
                node.position,
                f"{node.field} is a time, and this is none",
                "Write 2026, 2026-10-31 or 2026-10-31T19:22:03.118Z (UTC).",
                max(1, len(text)),
            )
        return found

    def _date(self, value: str, node: Word | Phrase | Range) -> str:
        if not isinstance(node, Range):
            first, last = self.time(self.literal(node, "a time"), node)
            return f"{value} BETWEEN {self.bind(within(first))} AND {self.bind(within(last))}"
        parts = []
        if node.low is not None:
            first, last = self.time(node.low, node)
            parts.append(f"{value} >= {self.bind(within(first if node.include_low else last + 1))}")
        if node.high is not None:
            first, last = self.time(node.high, node)
            parts.append(f"{value} <= {self.bind(within(last if node.include_high else first - 1))}")
        return "(" + " AND ".join(parts) + ")"

    def _ip(self, value: str, node: Word | Phrase | Range) -> str:
        if isinstance(node, Range):
            return self.ordered(value, node, lambda text: self.bind(self.ip(address(text), text, node)))
        text = self.literal(node, "an address")
        first, last = self.ip(network(text), text, node)
        return f"{value} BETWEEN {self.bind(first)} AND {self.bind(last)}"

    def ip(self, found: Any, text: str, node: Word | Phrase | Range) -> Any:
        if found is None:
            raise QueryComplaint(
                self.query,
                node.position,
                f"{node.field} is an address, and this is none",
                'Write 192.0.2.1 or "192.0.2.0/24".',
                max(1, len(text)),
            )
        return found

    def flattened(self, column: str, key: str, node: Word | Phrase | Range | Exists) -> str:
        """Free-form objects: values compare exactly, case included, as in Elasticsearch's `flattened`."""
        if isinstance(node, Exists):
            return (
                f"coalesce(len(list_filter({column}, lambda x: starts_with(x, {self.bind(key + chr(0))}))) > 0, false)"
                if key
                else f"({column} IS NOT NULL)"
            )
        if isinstance(node, Range):
            raise QueryComplaint(
                self.query, node.position, f"{node.field} is free-form and has no order", "Use the typed field, if there is one."
            )
        if isinstance(node, Word) and node.wild:
            value = "substr(x, strpos(x, chr(0)) + 1)"
            pattern = "".join("%" if p == ANY else "_" if p == ONE else re.sub(r"([\\%_])", r"\\\1", p) for p in node.parts)
            named = f"starts_with(x, {self.bind(key + chr(0))}) AND " if key else ""
            return f"coalesce(len(list_filter({column}, lambda x: {named}{value} LIKE {self.bind(pattern)} ESCAPE '\\')) > 0, false)"
        if key:
            return f"coalesce(list_contains({column}, {self.bind(key + chr(0) + node.text)}), false)"
        return f"coalesce(len(list_filter({column}, lambda x: substr(x, strpos(x, chr(0)) + 1) = {self.bind(node.text)})) > 0, false)"


def regex(parts: tuple[str, ...]) -> str:
    """A wildcard pattern as a regular expression over tokens; it never matches the gap."""
    one = f"[^{GAP}]"
    return "".join(f"{one}*" if p == ANY else one if p == ONE else re.sub(r"([\\.+*?()|\[\]{}^$#&~\-])", r"\\\1", fold(p)) for p in parts)
