"""Parse the condition of a rule: `selection and not 1 of filter_*` → node. Source: Sigma Rules Specification 2, "Condition"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

from commodore.detection.sigma.nodes import Node, conjunction, disjunction, negation
from commodore.detection.sigma.values import Unsupported

_WORD = re.compile(r"\(|\)|[^\s()]+")
MAX_DEPTH, MAX_WORDS = 60, 2000


def condition(text: str, selections: Mapping[str, Node]) -> Node:
    """Return the node of a condition over named selections. Precedence: not, and, or. Raises Unsupported."""
    if "|" in text:
        raise Unsupported("aggregations (`|` in the condition) are not supported: Sigma 2 has correlation rules for them", "condition")
    words = _WORD.findall(text)
    if len(words) > MAX_WORDS:
        raise Unsupported(f"the condition has more than {MAX_WORDS} words", "condition")
    parser = _Parser(words, selections)
    node = parser.either(0)
    if parser.at < len(words):
        raise Unsupported(f"the condition cannot be read at `{words[parser.at]}`", "condition")
    return node


class _Parser:
    def __init__(self, words: list[str], selections: Mapping[str, Node]) -> None:
        self.words, self.selections, self.at = words, selections, 0

    def peek(self) -> str:
        return self.words[self.at].lower() if self.at < len(self.words) else ""

    def take(self) -> str:
        if self.at >= len(self.words):
            raise Unsupported("the condition ends too early", "condition")
        self.at += 1
        return self.words[self.at - 1]

    def either(self, depth: int) -> Node:
        nodes = [self.both(depth)]
        while self.peek() == "or":
            self.at += 1
            nodes.append(self.both(depth))
        return disjunction(nodes)

    def both(self, depth: int) -> Node:
        nodes = [self.unary(depth)]
        while self.peek() == "and":
            self.at += 1
            nodes.append(self.unary(depth))
        return conjunction(nodes)

    def unary(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise Unsupported("the condition is nested too deeply", "condition")
        if self.peek() == "not":
            self.at += 1
            return negation(self.unary(depth + 1))
        if self.peek() == "(":
            self.at += 1
            node = self.either(depth + 1)
            if self.peek() != ")":
                raise Unsupported("a parenthesis of the condition is not closed", "condition")
            self.at += 1
            return node
        return self.name()

    def name(self) -> Node:
        word = self.take()
        if self.peek() == "of" and (word.isdigit() or word.lower() in ("all", "any")):
            self.at += 1
            return self.several(word.lower(), self.take())
        if word not in self.selections:
            raise Unsupported(f"the condition names `{word}`, which is not defined", "condition")
        return self.selections[word]

    def several(self, amount: str, pattern: str) -> Node:
        if pattern.count("*") > 8:
            raise Unsupported(f"`{pattern[:40]}` has too many wildcards for a pattern of names", "condition")
        if pattern == "them":
            names = [n for n in self.selections if not n.startswith("_")]
        else:
            names = [n for n in self.selections if fnmatchcase(n, pattern)]
        if not names:
            raise Unsupported(f"no selection has a name like `{pattern}`, which the condition asks for", "condition")
        nodes = [self.selections[n] for n in names]
        if amount == "all":
            return conjunction(nodes)
        if amount in ("1", "any"):
            return disjunction(nodes)
        raise Unsupported(f"`{amount} of` is not supported: use 1, any or all", "condition")
