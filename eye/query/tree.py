"""The tree of a query. The parser makes it; the index, the page and the translation for Kibana read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from scout.console import WRONG_USE, Complaint

EXAMPLES = 'Such as: powershell, "net user", C:\\Windows\\Temp, process.name:cmd.exe, *enc*.'
"""A few forms, for a line of a complaint."""
ALL_FORMS = "All forms: eye search --syntax"

ANY, ONE = "\ue000*", "\ue000?"
"""Wildcards as parts of a pattern: any run of characters, one character. Never equal to a literal part."""


class QueryComplaint(Complaint):
    """A query that cannot be answered as written: `position` (from 0) and `length` of what is wrong in `query`."""

    def __init__(self, query: str, position: int, problem: str, do: str = "", length: int = 1) -> None:
        self.query, self.position, self.length, self.problem = query, max(0, min(position, len(query))), length, problem
        at, end = self.position, self.position + length
        shown = f"{query[max(0, at - 40) : at]}»{query[at:end][:80]}«{query[end : end + 40]}"
        super().__init__(f"query, character {self.position + 1}: {problem}: {shown}", do or f"{EXAMPLES} {ALL_FORMS}", WRONG_USE)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A clause that is no group. `field` is '' for any value; the clause is `query[position:end]`."""

    field: str
    position: int
    end: int


@dataclass(frozen=True, slots=True)
class Text(Leaf):
    """A word, a path, a pasted fragment, or what is in quotes. `slop`: places that its words may be apart (`"a b"~3`)."""

    text: str
    slop: int = 0


@dataclass(frozen=True, slots=True)
class Pattern(Leaf):
    """Text with wildcards: literal parts, `ANY` and `ONE`."""

    parts: tuple[str, ...]

    @property
    def across(self) -> bool:
        """Return whether it holds more than letters and digits, so that it is matched on values and not on words."""
        return any(not c.isalnum() for part in self.parts if part not in (ANY, ONE) for c in part)


@dataclass(frozen=True, slots=True)
class Fuzzy(Leaf):
    """A word that may differ by so many characters (`word~1`)."""

    text: str
    distance: int


@dataclass(frozen=True, slots=True)
class Regex(Leaf):
    """`field:/…/`: a whole word of text, a whole value of a keyword field."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Range(Leaf):
    """`[low TO high]`, `{low TO high}`, `>=low` …; None is open."""

    low: str | None
    high: str | None
    include_low: bool
    include_high: bool


@dataclass(frozen=True, slots=True)
class Exists(Leaf):
    """`_exists_:field` or `field:*`."""


@dataclass(frozen=True, slots=True)
class Everything:
    """`*:*`, `*` and the empty query."""


@dataclass(frozen=True, slots=True)
class Not:
    """All records that the node does not match."""

    node: Node


@dataclass(frozen=True, slots=True)
class And:
    """Records that all nodes match."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Records that one of the nodes matches."""

    nodes: tuple[Node, ...]


Node = Text | Pattern | Fuzzy | Regex | Range | Exists | Everything | Not | And | Or


Clause = Text | Pattern | Fuzzy | Regex | Range | Exists


def leaves_of(node: Node, *, wanted: bool = True) -> Iterator[Clause]:
    """The clauses of a query from left to right. `wanted`: without those that a record must not match."""
    if isinstance(node, (And, Or)):
        for below in node.nodes:
            yield from leaves_of(below, wanted=wanted)
    elif isinstance(node, Not):
        if not wanted:
            yield from leaves_of(node.node, wanted=wanted)
    elif isinstance(node, (Text, Pattern, Fuzzy, Regex, Range, Exists)):
        yield node
