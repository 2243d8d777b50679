r"""Reads what an analyst types or pastes.

The syntax is Lucene's where it can be distinguished from text: quotes, `field:value`, brackets around clauses, AND, OR, NOT, ranges after
a field, wildcards. All that cannot be syntax is text, so paths, addresses and command lines need no escaping:

- a colon after something that is no field is text (`C:\Temp`, `https://…`);
- a backslash escapes only what has a meaning: `* ? " ( ) [ ] { } : \ / ! + - ^ ~ & |` and a blank; before anything else it is a backslash;
- a bracket or a quote that nothing closes is text, and so is a bracket within a word (`Func(1)`);
- a dash before a bare word is text (`-enc`); before a field, a quote or a bracket it means NOT;
- a backslash before `*` or `?` is a separator where the same text has another one or begins with `*\`, else it escapes (`a\*b`);
- a question mark is text in a web address (`://`) and before `=`.

AND binds more than OR; two clauses side by side mean AND. Source of the syntax: Lucene, `QueryParser` (classic).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from commodore.schema import Field, registry
from eye.query.tree import ALL_FORMS, ANY, ONE, And, Everything, Exists, Fuzzy, Node, Not, Or, Pattern, QueryComplaint, Range, Regex, Text

MAX_LENGTH, MAX_DEPTH, MAX_CLAUSES = 50_000, 60, 1_000
ESCAPED = frozenset('*?"()[]{}:\\/!+-^~&| ')
"""What a backslash makes literal."""
_WORDS = re.compile(r"(AND|OR|NOT|&&|\|\|)(?=[\s()\"]|$)")
_RANGE = re.compile(r'([\[{])\s*("(?:\\.|[^"\\])*"|[^\s"\]}]+)\s+TO\s+("(?:\\.|[^"\\])*"|[^\s"\]}]+)\s*([\]}])', re.DOTALL)
_REGEX = re.compile(r"/((?:\\.|[^/\\\n])+)/(?=[\s)]|$)")
_META = re.compile(r"[.*+?\[\](){}|^$\\]")
_QUOTED = re.compile(r'"(?:\\["\\]|[^"])*+"')
_SURROGATE = re.compile("[\ud800-\udfff]")
_FUZZY = re.compile(r"~([0-9]*)$")
_NOTHING = "this has nothing to its left"
_QUOTE = "Put quotes around an operator that is meant as text."
_PLAIN = re.compile(r"(?<!\\)\\[^\W_]")
r"""A backslash that is a separator of a path: then one before a wildcard is one too (`C:\Windows\*`)."""
_BOOST = re.compile(r"\^[0-9]+(?:\.[0-9]+)?$")


def known_field(name: str, known: Mapping[str, Field] | None = None) -> tuple[Field, str] | None:
    """The field that a name means and, below a free-form field, its key; None where no field is called so."""
    known = registry() if known is None else known
    name = "escadre.id" if name == "_id" else name
    if name in known:
        return known[name], ""
    above = name
    while "." in above:
        above = above.rpartition(".")[0]
        if above in known and known[above].type == "flattened":
            return known[above], name[len(above) + 1 :]
    return None


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
        n, fresh = 0, True
        while n < len(self.query):
            c = self.query[n]
            if c == "\\":
                n, fresh = n + 2, False
                continue
            if c == '"':
                end = self._quote_end(n)
                if end >= 0:
                    found[n] = end
                    n, fresh = end + 1, False
                    continue
            elif c == "(":
                stack.append(n if fresh or self.query[n - 1] in ":(-!+" else -1)
            elif c == ")" and stack:
                start = stack.pop()
                if start >= 0:
                    found[start] = n
            fresh = c.isspace() or c == "("
            n += 1
        return found

    def _quote_end(self, start: int) -> int:
        found = _QUOTED.match(self.query, start)
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
        nodes = [self.both(name)]
        while self.operator() == "OR" and nodes[0] is not None:
            self.at += 2
            after = self.both(name)
            if after is None:
                raise QueryComplaint(self.query, self.at, "a clause must follow OR", f"{_QUOTE} {ALL_FORMS}")
            nodes.append(after)
        found = tuple(node for node in nodes if node is not None)
        return found[0] if len(found) == 1 else Or(found) if found else None

    def both(self, name: str) -> Node | None:
        nodes: list[Node] = []
        while True:
            word = self.operator()
            if word == "OR" or self.ends():
                break
            if word == "AND":
                if not nodes:
                    break
                self.at += 3 if self.query.startswith("AND", self.at) else 2
                self.skip()
                if self.ends() or self.operator() in ("AND", "OR"):
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
        if c == "!" and after and not after.isspace():
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
        if self.query.startswith("*:*", position) or self.query.startswith("_exists_:", position):
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
        if self.query[self.at] == '"' and self.at in self.closing:
            return self.phrase(name, start)
        begin = self.at
        self.at = self.word_end(begin)
        raw = self.query[begin : self.at]
        return self.counted(_word(raw, name, start, self.at, self.query))

    def phrase(self, name: str, start: int) -> Node | None:
        """Return the text in quotes; None where there is nothing to look for."""
        end = self.closing[self.at]
        text = re.sub(r'\\(["\\])', r"\1", self.query[self.at + 1 : end])
        self.at = end + 1
        slop = re.compile(r"~([0-9]{1,3})(?![^\s)^])").match(self.query, self.at)
        self.at = slop.end() if slop else self.at
        boost = re.compile(r"\^[0-9.]+").match(self.query, self.at)
        self.at = boost.end() if boost else self.at
        if not name and not any(map(str.isalnum, text)):
            return None
        return self.counted(Text(name, start, self.at, text, int(slop[1]) if slop else 0))

    def word_end(self, n: int) -> int:
        """Return the end of the text that begins here: at a blank outside quotes, or at the bracket that closes its group."""
        inner = 0
        while n < len(self.query):
            c = self.query[n]
            if c == "\\" and n + 1 < len(self.query) and self.query[n + 1] in ESCAPED:
                n += 2
                continue
            if c.isspace():
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


def known_type(name: str) -> str:
    """The type of a known field."""
    found = known_field(name)
    return found[0].type if found else ""


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
    parts = split(raw)
    if any(part in (ANY, ONE) for part in parts):
        if all(part == ANY for part in parts):
            return Exists(name, start, end) if name else Everything()
        if name or any(c.isalnum() for part in parts if part not in (ANY, ONE) for c in part):
            return Pattern(name, start, end, parts)
        return None
    text = "".join(parts)
    return Text(name, start, end, text) if name or any(map(str.isalnum, text)) else None


def split(raw: str) -> tuple[str, ...]:
    """A word as typed → literal parts, without their escapes, and wildcards."""
    parts: list[str] = []
    literal, at = "", 0
    address = "://" in raw
    plain = _PLAIN.search(raw) is not None or raw.startswith("*\\")
    if raw.startswith("\\\\") and "\\\\" not in raw[2:]:  # the two backslashes of \\server\share
        literal, at = "\\\\", 2
    while at < len(raw):
        c = raw[at]
        if c == "*" or (c == "?" and not address and "=" not in raw[at:]):
            parts += [literal] if literal else []
            literal = ""
            if not (c == "*" and parts and parts[-1] == ANY):
                parts.append(ANY if c == "*" else ONE)
            at += 1
        elif c == "\\" and at + 1 < len(raw) and raw[at + 1] in ESCAPED and not (plain and raw[at + 1] in "*?"):
            literal += raw[at + 1]
            at += 2
        else:
            literal += c
            at += 1
    return tuple(parts + ([literal] if literal or not parts else []))


def unescape(raw: str) -> str:
    r"""Text without its escapes: `\:` is `:`, `\\` is `\`; other backslashes stay."""
    return re.sub(r"\\(.)", lambda m: m[1] if m[1] in ESCAPED else m[0], raw, flags=re.DOTALL)


def similar_fields(query: str) -> list[tuple[str, list[str]]]:
    """Names before a colon that look like a field (with a dot) but are none, each with the nearest fields."""
    named = re.finditer(r"(?<![\w.\-\\/])([A-Za-z_][\w\-]*(?:\.[\w\-]+)+):(?!//)", query)
    return [(name, near) for name in (one[1] for one in named) if known_field(name) is None and (near := near_fields(name))]


def near_fields(name: str) -> list[str]:
    """Up to three fields whose name is like this one."""
    import difflib

    tail = [one for one in registry() if one.rpartition(".")[2] == name.rpartition(".")[2]]
    return list(dict.fromkeys([*difflib.get_close_matches(name, registry(), 3, 0.6), *tail]))[:3]
