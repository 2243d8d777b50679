"""Lucene query syntax, read by luqum, as clauses with the meaning that Elasticsearch's `query_string` gives them.

Lucene's classic grammar has no precedence of AND over OR: it makes one flat list of clauses per pair of parentheses, each required,
optional or prohibited (Lucene, `QueryParserBase.addClause`, default operator OR). luqum's tree is flattened back into it, so that the same
text finds the same records here and in Elasticsearch. Errors are QueryComplaints that know the character.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from luqum import tree as lt
from luqum.exceptions import ParseError
from luqum.parser import parser

from eye.query.syntax import EXAMPLES
from scout.console import WRONG_USE, Complaint

MAX_LENGTH, MAX_DEPTH, MAX_CLAUSES = 20_000, 60, 2_000

ALL_FORMS = "All forms: eye search --syntax"

ANY, ONE = "\ue000*", "\ue000?"
"""Wildcards as parts of a pattern: any run of characters, one character. Never equal to a literal part."""


class QueryComplaint(Complaint):
    """A query that cannot be answered as written: `position` (from 0) and `length` of what is wrong in `query`."""

    def __init__(self, query: str, position: int, problem: str, do: str = "", length: int = 1) -> None:
        self.query, self.position, self.length, self.problem = query, max(0, min(position, len(query))), length, problem
        at, end = self.position, self.position + length
        shown = f"{query[max(0, at - 40) : at]}»{query[at:end]}«{query[end : end + 40]}"
        super().__init__(f"query, character {self.position + 1}: {problem}: {shown}", do or f"{EXAMPLES} {ALL_FORMS}", WRONG_USE)


@dataclass(frozen=True)
class Word:
    """A bare or field word. `parts`: literal texts and wildcards."""

    field: str
    parts: tuple[str, ...]
    position: int

    @property
    def wild(self) -> bool:
        """Whether there is a wildcard in it."""
        return any(part in (ANY, ONE) for part in self.parts)

    @property
    def text(self) -> str:
        """The literal text of a word without wildcards."""
        return "".join(self.parts)


@dataclass(frozen=True)
class Phrase:
    """Words in quotes."""

    field: str
    text: str
    position: int


@dataclass(frozen=True)
class Range:
    """`[low TO high]`, `{low TO high}`, `>=low` …; None is open."""

    field: str
    low: str | None
    high: str | None
    include_low: bool
    include_high: bool
    position: int


@dataclass(frozen=True)
class Exists:
    """`_exists_:field` or `field:*`."""

    field: str
    position: int


@dataclass(frozen=True)
class Everything:
    """`*:*`, `*` and the empty query."""


@dataclass(frozen=True)
class Clauses:
    """One pair of parentheses: all of `must`, none of `must_not`, and where `must` is empty at least one of `should`."""

    must: tuple[Node, ...] = ()
    should: tuple[Node, ...] = ()
    must_not: tuple[Node, ...] = ()


Node = Word | Phrase | Range | Exists | Everything | Clauses


@dataclass
class _Item:
    node: Node
    conjunction: str
    occur: str = ""


@dataclass
class _Reader:
    query: str
    clauses: int = 0
    pending: str = field(default="", init=False)

    def group(self, node: Any, name: str) -> Node:
        """The clauses of one pair of parentheses, by Lucene's `addClause`."""
        items: list[_Item] = []
        conjunction = modifier = ""
        for leaf, joined in _flatten(node, ""):
            word = leaf.value if isinstance(leaf, lt.Word) else ""
            if word in ("&&", "||"):
                conjunction = "AND" if word == "&&" else "OR"
                continue
            if word == "!":
                modifier = "not"
                continue
            item = self.item(leaf, name, joined or conjunction, modifier)
            conjunction = modifier = ""
            if items and item.conjunction == "AND" and items[-1].occur != "not":
                items[-1].occur = "must"
            if item.occur == "" and item.conjunction == "AND":
                item.occur = "must"
            items.append(item)
            self.count(leaf)
        return _clauses(items)

    def count(self, leaf: Any) -> None:
        self.clauses += 1
        if self.clauses > MAX_CLAUSES:
            raise QueryComplaint(self.query, leaf.pos, f"more than {MAX_CLAUSES:,} clauses", "Ask in several queries.")

    def item(self, leaf: Any, name: str, conjunction: str, modifier: str) -> _Item:
        occur = modifier
        while isinstance(leaf, (lt.Plus, lt.Prohibit, lt.Not)):
            negative = not isinstance(leaf, lt.Plus)
            occur = ("" if occur == "not" else "not") if negative else occur or "must"
            leaf = leaf.children[0]
        if isinstance(leaf, lt.Word) and leaf.value.startswith("!") and len(leaf.value) > 1:
            occur = "" if occur == "not" else "not"
            leaf = _moved(leaf.value[1:], leaf.pos + 1)
        return _Item(self.leaf(leaf, name), conjunction, occur)

    def leaf(self, node: Any, name: str) -> Node:
        """One clause."""
        if isinstance(node, lt.SearchField):
            return self.named(node, name)
        if isinstance(node, (lt.Group, lt.FieldGroup)):
            return self.group(node.children[0], name)
        if isinstance(node, lt.BaseOperation):
            return self.group(node, name)
        if isinstance(node, lt.Boost):
            return self.leaf(node.children[0], name)
        if isinstance(node, lt.Phrase):
            return Phrase(name, unescape(node.value[1:-1]), node.pos)
        if isinstance(node, lt.Range):
            low, high = (_bound(c) for c in node.children)
            return Range(name, low, high, node.include_low, node.include_high, node.pos)
        if isinstance(node, (lt.From, lt.To)):
            bound = _bound(node.children[0])
            return (
                Range(name, bound, None, node.include, True, node.pos)
                if isinstance(node, lt.From)
                else Range(name, None, bound, True, node.include, node.pos)
            )
        if isinstance(node, lt.Word):
            return self.word(node, name)
        said = {
            lt.Fuzzy: "a fuzzy word (~) is not taken",
            lt.Proximity: 'a distance ("…"~n) is not taken',
            lt.Regex: "a regular expression (/…/) is not taken",
        }
        raise QueryComplaint(
            self.query,
            node.pos or 0,
            said.get(type(node), "this form is not taken"),
            "Use * and ?, or words joined by AND.",
            max(1, node.size or 1),
        )

    def named(self, node: Any, outer: str) -> Node:
        name, below = unescape(node.name), node.children[0]
        if outer and name != outer:
            raise QueryComplaint(
                self.query, node.pos, f"a field in a field: {outer}:…{name}:", "Escape a colon that belongs to the value: \\:"
            )
        if name == "*" and isinstance(below, lt.Word) and below.value == "*":
            return Everything()
        if name == "_exists_":
            if not isinstance(below, (lt.Word, lt.Phrase)):
                raise QueryComplaint(self.query, below.pos or 0, "_exists_ takes one field name", "_exists_:process.name")
            return Exists(unescape(below.value.strip('"')), below.pos)
        if isinstance(below, lt.SearchField):
            raise QueryComplaint(
                self.query, below.pos, f"a colon in the value of {name}", "Escape it, \\:, or put the value in quotes.", len(below.name) + 1
            )
        if isinstance(below, (lt.Prohibit, lt.Plus)):
            raise QueryComplaint(self.query, below.pos, "a sign in front of a value", f'Put a negative number in quotes: {name}:"-1".')
        return self.leaf(below, name)

    def word(self, node: Any, name: str) -> Node:
        parts = split(node.value)
        if parts == (ANY,):
            return Exists(name, node.pos) if name else Everything()
        return Word(name, parts, node.pos)


def parse(query: str) -> Node:
    """The clauses of a query; an empty one is everything. Raises QueryComplaint."""
    if not query.strip():
        return Everything()
    _check(query)
    try:
        tree = parser.parse(query)
    except (ParseError, ValueError, IndexError) as e:
        found = re.search(r"position (\d+)", str(e))
        at = int(found.group(1)) if found else len(query)
        problem = "the query ends here, and something must follow" if not found else "this cannot stand here"
        raise QueryComplaint(query, at, problem) from e
    except RecursionError as e:
        raise QueryComplaint(query, 0, "too deeply nested") from e
    return _Reader(query).group(tree, "")


def _check(query: str) -> None:
    """Length, quotes and brackets, before the grammar: these are the errors that people make, and the grammar cannot place them."""
    if len(query) > MAX_LENGTH:
        raise QueryComplaint(query, MAX_LENGTH, f"longer than {MAX_LENGTH:,} characters")
    opened: list[tuple[int, str]] = []
    quote, skip = -1, False
    for at, c in enumerate(query):
        if skip:
            skip = False
        elif c == "\\":
            skip = True
        elif c == '"':
            quote = -1 if quote >= 0 else at
        elif quote >= 0:
            continue
        elif c in "([{":
            opened.append((at, c))
            if len(opened) > MAX_DEPTH:
                raise QueryComplaint(query, at, f"more than {MAX_DEPTH} brackets within each other")
        elif c in ")]}":
            if not opened or (opened[-1][1] == "(") != (c == ")"):
                raise QueryComplaint(query, at, f"{c} closes nothing")
            opened.pop()
    if skip:
        raise QueryComplaint(query, len(query) - 1, "\\ stands at the end and escapes nothing")
    if quote >= 0:
        raise QueryComplaint(query, quote, 'this " is not closed')
    if opened:
        raise QueryComplaint(query, opened[-1][0], f"this {opened[-1][1]} is not closed")


def _flatten(node: Any, joined: str) -> Iterator[tuple[Any, str]]:
    """Operands of one level from left to right, each with what joins it to the one before."""
    if not isinstance(node, lt.BaseOperation):
        yield node, joined
        return
    own = "AND" if isinstance(node, lt.AndOperation) else "OR" if isinstance(node, lt.OrOperation) else ""
    for n, child in enumerate(node.children):
        yield from _flatten(child, own if n else joined)


def _clauses(items: list[_Item]) -> Node:
    must, should, must_not = ([i.node for i in items if i.occur == occur] for occur in ("must", "", "not"))
    if len(items) == 1 and not must_not:
        return items[0].node
    if not must and not should:
        must = [Everything()]
    return Clauses(tuple(must), tuple(should), tuple(must_not))


def _moved(value: str, position: int) -> lt.Word:
    word = lt.Word(value)
    word.pos = position
    return word


def _bound(node: Any) -> str | None:
    if isinstance(node, lt.Prohibit):  # a negative number: luqum takes the sign for an operator
        return f"-{_bound(node.children[0])}"
    value = str(node.value)
    if isinstance(node, lt.Phrase):
        return unescape(value[1:-1])
    return None if value == "*" else unescape(value)


def split(raw: str) -> tuple[str, ...]:
    """A word as written → literal parts, without their escapes, and wildcards."""
    parts: list[str] = []
    literal, at = "", 0
    while at < len(raw):
        c = raw[at]
        if c in "*?":
            parts += [literal] if literal else []
            literal = ""
            parts.append(ANY if c == "*" else ONE)
            at += 1
            continue
        text, at = _character(raw, at)
        literal += text
    return tuple(parts + ([literal] if literal or not parts else []))


def unescape(raw: str) -> str:
    r"""Text without its escapes: `\:` is `:`, `\\` is `\`, `\u0041` is `A`."""
    text, at = "", 0
    while at < len(raw):
        c, at = _character(raw, at)
        text += c
    return text


def _character(raw: str, at: int) -> tuple[str, int]:
    if raw[at] != "\\" or at + 1 >= len(raw):
        return raw[at], at + 1
    if raw[at + 1] == "u" and re.fullmatch(r"[0-9a-fA-F]{4}", raw[at + 2 : at + 6]):
        return chr(int(raw[at + 2 : at + 6], 16)), at + 6
    return raw[at + 1], at + 2
