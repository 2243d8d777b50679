r"""Reads what an analyst types or pastes.

The syntax is Lucene's where it can be distinguished from text: quotes, `field:value`, brackets around clauses, AND, OR, NOT, ranges after
a field, wildcards. All that cannot be syntax is text, so paths, addresses and command lines need no escaping:

- a colon after something that is no field is text (`C:\Temp`, `https://…`);
- a backslash escapes only what has a meaning: `* ? " ( ) [ ] { } : \ / ! + - ^ ~ & |` and a blank; before anything else it is a backslash;
- a bracket or a quote that nothing closes is text, and so is a bracket within a word (`Func(1)`) and a quote that text follows (`"a":"b"`);
- a dash before a bare word is text (`-enc`); before a field, a quote or a bracket it means NOT;
- in a path a backslash escapes little, and `Temp\*.ps1` is read both ways (eye.query.escapes);
- `&&` and `||` without a clause beside them are text, and so is an operator beside signs without a word (`' OR 1=1`);
- a question mark is text in a web address (`://`) and before `=`.

AND binds more than OR; two clauses side by side mean AND. Source of the syntax: Lucene, `QueryParser` (classic).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from eye.query.escapes import ESCAPED, escapes_blank, in_quotes, readings, unescape
from eye.query.fields import known_field, known_type
from eye.query.tree import ALL_FORMS, ANY, ONE, And, Everything, Exists, Fuzzy, Node, Not, Or, Pattern, QueryComplaint, Range, Regex, Text
from eye.query.words import words

MAX_LENGTH, MAX_DEPTH, MAX_CLAUSES = 50_000, 60, 1_000
_WORDS = re.compile(r"(AND|OR|NOT|&&|\|\|)(?=[\s()\"]|$)")
_RANGE = re.compile(r'([\[{])\s*("(?:\\.|[^"\\])*"|[^\s"\]}]+)\s+TO\s+("(?:\\.|[^"\\])*"|[^\s"\]}]+)\s*([\]}])', re.DOTALL)
_REGEX = re.compile(r"/((?:\\.|[^/\\\n])+)/(?=[\s)]|$)")
_META = re.compile(r"[.*+?\[\](){}|^$\\]")
_QUOTED = re.compile(r'"(?:[^"\\]|\\["\\]|\\(?!["\\]))*"')
_QUOTED_PATH = re.compile(r'"[^"]*\\"(?=[\s)]|$)')
r"""A path in quotes that ends with a separator: `"C:\Program Files\"`."""
_PHRASE_ENDS = re.compile(r"[\s)]|$|~[0-9]{1,9}(?:[\s)^]|$)|\^[0-9]|(?:AND|OR|NOT|&&|\|\|)[\s(]")
"""What may follow the quote that ends a phrase; before anything else it is a quote within a text (`"a":"b"`)."""
_EVERYTHING = re.compile(r"\*:\*(?=[\s)]|$)")
_PREFIXES = re.compile(r"(?:[-+]?!)*[-+]?")
_BETWEEN_MARKS = re.compile(r"!\w+!(?!\w)")
"""A variable of a batch file, `!path!`: text, and no clause that must not match."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_FUZZY = re.compile(r"~([0-9]*)$")
_NOTHING = "this has nothing to its left"
_QUOTE = "Put quotes around an operator that is meant as text."
_BOOST = re.compile(r"\^[0-9]+(?:\.[0-9]+)?$")


def parse(query: str) -> Node:
    """The meaning of a query; an empty one is everything. Raises QueryComplaint."""
    if len(query) > MAX_LENGTH:
        raise QueryComplaint(query, MAX_LENGTH, f"longer than {MAX_LENGTH:,} characters", "Ask for a part of it.")
    if odd := _SURROGATE.search(query):
        raise QueryComplaint(
            query,
            odd.start(),
            "a byte that is no UTF-8, or half of a character",
            f"Records show it as {ascii(odd[0])[1:-1]}: type these characters.",
        )
    if not query.strip():
        return Everything()
    return _Reader(query).whole()


@dataclass
class _Reader:
    query: str
    at: int = 0
    depth: int = 0
    clauses: int = 0
    closing: dict[int, int] = field(default_factory=dict)
    closers: frozenset[int] = frozenset()

    def whole(self) -> Node:
        self.closing = self._pairs()
        self.closers = frozenset(self.closing.values())
        node = self.either("")
        self.skip()
        if self.at < len(self.query):  # only an operator without its second clause, or a bracket that closes nothing, is left
            raise QueryComplaint(self.query, self.at, _NOTHING, _QUOTE)
        if node is None:
            raise QueryComplaint(self.query, 0, "there is no letter or digit to look for", length=len(self.query))
        return node

    def _pairs(self) -> dict[int, int]:
        """Position of each bracket and quote that begins a clause and is closed → position that closes it."""
        found: dict[int, int] = {}
        stack: list[int] = []
        n = begin = 0
        while n < len(self.query):
            c = self.query[n]
            if c == "\\" and not (self.query[n + 1 : n + 2].isspace() and not escapes_blank(self.query, begin, n)):
                n += 2
                continue
            if c == '"' and not self.query[max(0, n - 1) : n].isalnum():
                end = self._quote_end(n)
                if end >= 0:
                    found[n] = end
                    n = end
            elif c == "(":
                group = self._may_open(begin, n)
                stack.append(n if group else -1)
                begin = n + 1 if group else begin
            elif c == ")" and stack:
                start = stack.pop()
                if start >= 0:
                    found[start] = n
                    begin = n + 1
            n += 1
            if c.isspace():
                begin = n
        return found

    def _may_open(self, begin: int, at: int) -> bool:
        """Return whether a bracket can open a group: only prefixes, an operator or a field precede it in its word."""
        if at > begin and self.query[at - 1] not in ":-+!&|DRT":
            return False
        prefixes = _PREFIXES.match(self.query, begin, at)
        start = prefixes.end() if prefixes else begin
        operator = _WORDS.match(self.query, start)
        field = self.field_at(start)
        return at in (start, operator.end() if operator else -1, field[1] if field else -1)

    def _quote_end(self, start: int) -> int:
        found = _QUOTED.match(self.query, start) or _QUOTED_PATH.match(self.query, start)
        return found.end() - 1 if found else -1

    def skip(self) -> None:
        while self.at < len(self.query) and self.query[self.at].isspace():
            self.at += 1

    def operator(self) -> str:
        """The operator at this place, or ''."""
        self.skip()
        found = _WORDS.match(self.query, self.at)
        return {"&&": "AND", "||": "OR"}.get(found[1], found[1]) if found else ""

    def either(self, name: str) -> Node | None:
        self.skip()
        start, nodes = self.at, [self.both(name)]
        while self.operator() == "OR" and self.at > start:
            sign, self.at = self.sign(), self.at + 2
            before = self.at
            after = self.both(name)
            if after is None and not sign and not self.query[before : self.at].strip():
                raise QueryComplaint(self.query, self.at, "a clause must follow OR", f"{_QUOTE} {ALL_FORMS}")
            nodes.append(after)
        found = tuple(node for node in nodes if node is not None)
        return found[0] if len(found) == 1 else Or(found) if found else None

    def sign(self) -> bool:
        """Return whether the operator at this place is `&&` or `||`, which are text where they have no clause beside them."""
        return self.query[self.at] in "&|"

    def both(self, name: str) -> Node | None:
        nodes: list[Node] = []
        start = self.at
        while True:
            word = self.operator()
            first = not self.query[start : self.at].strip()
            if word in ("AND", "OR") and first and self.sign():
                self.at += 2
                continue
            if word == "OR" or self.ends():
                break
            if word == "AND":
                if first:
                    break
                sign = self.sign()
                self.at += 2 if sign else 3
                self.skip()
                if not sign and (self.ends() or self.operator() in ("AND", "OR")):
                    raise QueryComplaint(self.query, self.at, "a clause must follow AND", f"{_QUOTE} {ALL_FORMS}")
                continue
            node = self.clause(name)
            if node is not None:
                nodes.append(node)
        return nodes[0] if len(nodes) == 1 else And(tuple(nodes)) if nodes else None

    def ends(self) -> bool:
        """Return whether the query or the open bracket ends here."""
        return self.at >= len(self.query) or (self.query[self.at] == ")" and self.at in self.closers)

    def clause(self, name: str) -> Node | None:
        """Return one clause with its prefix; None for text without letters or digits."""
        if self.operator() == "NOT":
            return self.negated(name, 3)
        c = self.query[self.at]
        after = self.query[self.at + 1 : self.at + 2]
        if c == "!" and after and not after.isspace() and not _BETWEEN_MARKS.match(self.query, self.at):
            return self.negated(name, 1)
        if c in "-+" and after and (self.at + 1 in self.closing or (not name and self.field_at(self.at + 1)) or (after in "!")):
            if c == "-":
                return self.negated(name, 1)
            self.at += 1
        if self.query[self.at] == "(" and self.at in self.closing:
            return self.group(name)
        found = None if name else self.field_at(self.at)
        return self.named(*found) if found else self.value(name, self.at)

    def negated(self, name: str, length: int) -> Node:
        start = self.at
        self.at += length
        self.skip()
        if self.ends():
            raise QueryComplaint(self.query, self.at, "a clause must follow NOT", f"{_QUOTE} {ALL_FORMS}")
        self.deeper(start)
        node = self.clause(name)
        self.depth -= 1
        return Not(node) if node is not None else Everything()

    def deeper(self, position: int) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise QueryComplaint(self.query, position, f"more than {MAX_DEPTH} brackets within each other", "Ask in several queries.")

    def group(self, name: str) -> Node | None:
        start, end = self.at, self.closing[self.at]
        self.deeper(start)
        self.at += 1
        node = self.either(name)
        self.skip()
        if self.at != end:
            raise QueryComplaint(self.query, self.at, _NOTHING, _QUOTE)
        self.at = end + 1
        self.depth -= 1
        boost = re.compile(r"\^[0-9.]+").match(self.query, self.at)
        self.at = boost.end() if boost else self.at
        return node

    def field_at(self, position: int) -> tuple[str, int] | None:
        """The name of a known field that begins here, and the position after its colon."""
        if _EVERYTHING.match(self.query, position) or self.query.startswith("_exists_:", position):
            return (self.query[position : self.query.index(":", position)], self.query.index(":", position) + 1)
        raw = re.compile(r"(?:[\w@.\-]|\\.)+:").match(self.query, position)
        if raw is None:
            return None
        name = re.sub(r"\\(.)", r"\1", raw[0][:-1])
        return (name, raw.end()) if known_field(name) else None

    def named(self, name: str, after: int) -> Node | None:
        start, self.at = self.at, after
        if name == "*":
            self.at += 1
            return Everything()
        self.skip()
        if self.ends():
            raise QueryComplaint(self.query, self.at, f"a value of {name} must follow", f"{name}:* is any value.")
        if name == "_exists_":
            found = re.compile(r'"?((?:[\w@.\-]|\\.)+)"?').match(self.query, self.at)
            if not found or not known_field(re.sub(r"\\(.)", r"\1", found[1])):
                raise QueryComplaint(self.query, self.at, "_exists_ takes the name of a field", "_exists_:process.name")
            self.at = found.end()
            return self.counted(Exists(re.sub(r"\\(.)", r"\1", found[1]), start, self.at))
        if self.query[self.at] == "(" and self.at in self.closing:
            return self.group(name)
        for read in (self.range, self.one_sided, self.regex):
            node = read(name, start)
            if node is not None:
                return self.counted(node)
        return self.value(name, start)

    def range(self, name: str, start: int) -> Node | None:
        found = _RANGE.match(self.query, self.at)
        if not found:
            if self.query[self.at] in "[{" and known_type(name) != "keyword":
                raise QueryComplaint(self.query, self.at, "this range is not complete", f"{name}:[low TO high]; * is open.")
            return None
        self.at = found.end()
        low, high = _bound(found[2]), _bound(found[3])
        return Range(name, start, self.at, low, high, found[1] == "[", found[4] == "]")

    def one_sided(self, name: str, start: int) -> Node | None:
        found = re.compile(r'([<>]=?)\s*("(?:\\.|[^"\\])*"|[^\s)"]+)').match(self.query, self.at)
        if not found:
            return None
        self.at = found.end()
        bound, sign = _bound(found[2]), found[1]
        if sign[0] == ">":
            return Range(name, start, self.at, bound, None, "=" in sign, True)
        return Range(name, start, self.at, None, bound, True, "=" in sign)

    def regex(self, name: str, start: int) -> Node | None:
        found = _REGEX.match(self.query, self.at)
        if not found or not _META.search(found[1]):
            return None
        self.at = found.end()
        return Regex(name, start, self.at, found[1].replace("\\/", "/"))

    def value(self, name: str, start: int) -> Node | None:
        """Text, a pattern or a phrase; None where there is nothing to look for."""
        begin = self.at
        if self.query[begin] == '"' and begin in self.closing:
            end = self.closing[begin]
            if _PHRASE_ENDS.match(self.query, end + 1) or not words(self.query[begin:end]):
                return self.phrase(name, start)
        self.at = self.word_end(begin, named=bool(name))
        raw = self.query[begin : self.at]
        return self.counted(_word(raw, name, start, self.at, self.query))

    def phrase(self, name: str, start: int) -> Node | None:
        """Return the text in quotes; None where there is nothing to look for."""
        end = self.closing[self.at]
        text = in_quotes(self.query[self.at + 1 : end])
        self.at = end + 1
        slop = re.compile(r"~([0-9]{1,9})(?![^\s)^])").match(self.query, self.at)
        self.at = slop.end() if slop else self.at
        boost = re.compile(r"\^[0-9.]+").match(self.query, self.at)
        self.at = boost.end() if boost else self.at
        if not name and not words(text):
            return None
        return self.counted(Text(name, start, self.at, text, int(slop[1]) if slop else 0))

    def word_end(self, begin: int, *, named: bool) -> int:
        """Return the end of the text that begins here: at a blank outside quotes, at a group, or at the bracket that closes its group."""
        n, inner = begin, 0
        while n < len(self.query):
            c, after = self.query[n], self.query[n + 1 : n + 2]
            if c == "\\" and after in ESCAPED and after and (after != " " or named or escapes_blank(self.query, begin, n)):
                n += 2
                continue
            if c.isspace() or (c == "(" and n > begin and n in self.closing):
                break
            if c == '"' and n in self.closing:
                n = self.closing[n] + 1
                continue
            if c == "(":
                inner += 1
            elif c == ")":
                if inner == 0 and n in self.closers:
                    break
                inner = max(0, inner - 1)
            n += 1
        return n

    def counted(self, node: Node | None) -> Node | None:
        self.clauses += node is not None
        if self.clauses > MAX_CLAUSES:
            raise QueryComplaint(self.query, self.at, f"more than {MAX_CLAUSES:,} clauses", "Ask in several queries.")
        return node


def _bound(raw: str) -> str | None:
    if raw.startswith('"'):
        return re.sub(r'\\(["\\])', r"\1", raw[1:-1])
    return None if raw == "*" else unescape(raw)


def _word(raw: str, name: str, start: int, end: int, query: str) -> Node | None:
    raw = _BOOST.sub("", raw)
    fuzzy = _FUZZY.search(raw)
    if fuzzy and raw[: fuzzy.start()].isalnum():
        distance = int(fuzzy[1] or 2)
        if distance > 2:
            raise QueryComplaint(query, start, "a word may differ by two characters at most", "Write word~1 or word~2.", end - start)
        return Fuzzy(name, start, end, raw[: fuzzy.start()], distance)
    ways = readings(raw)
    if not name and all(part not in (ANY, ONE) for parts in ways for part in parts):
        ways = ways[:1]  # the same words
    nodes = [node for parts in ways if (node := _of_parts(parts, name, start, end)) is not None]
    return nodes[0] if len(nodes) == 1 else Or(tuple(nodes)) if nodes else None


def _of_parts(parts: tuple[str, ...], name: str, start: int, end: int) -> Node | None:
    literal = "".join(part for part in parts if part not in (ANY, ONE))
    if len(literal) == sum(map(len, parts)):
        return Text(name, start, end, literal) if name or words(literal) else None
    if all(part == ANY for part in parts):
        return Exists(name, start, end) if name else Everything()
    return Pattern(name, start, end, parts) if name or words(literal) else None
