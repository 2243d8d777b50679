"""The normal form of a rule: nested JSON lists, small enough to store and quick to compile.

    ["and", node, …]   ["or", node, …]   ["not", node]
    [kind, field, payload]      a test on one field; field '' means any value of the event (a keyword)

Kinds: `eq` `sw` `ew` `has` (payload: list of strings, any of them; lower case, compared without case) and the same with `c`
appended (with case); `glob`, `globc` (list of part lists, see `STAR`); `re` (list of patterns); `cidr` (list of networks);
`num` ([operator, number]); `null`, `any` (null); `exists` (boolean); `ref` ([other field, how]); `true`, `false` (decided by the log
source).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Node = list[Any]
Part = str | int

STAR, ANY_ONE, DASH = 0, 1, 2
"""Parts of a pattern that are not text: `*`, `?`, and any character that Windows accepts as a dash."""

DASHES = ("-", "/", "–", "—", "―")
TRUE: Node = ["true", "", None]
FALSE: Node = ["false", "", None]


def conjunction(nodes: list[Node]) -> Node:
    """Return the node that needs all of `nodes`, constants folded."""
    if any(n[0] == "false" for n in nodes):
        return FALSE
    left = [n for n in nodes if n[0] != "true"]
    if not left:
        return TRUE
    return left[0] if len(left) == 1 else ["and", *left]


def disjunction(nodes: list[Node]) -> Node:
    """Return the node that needs one of `nodes`, constants folded."""
    if any(n[0] == "true" for n in nodes):
        return TRUE
    left = [n for n in nodes if n[0] != "false"]
    if not left:
        return FALSE
    return left[0] if len(left) == 1 else ["or", *left]


def negation(node: Node) -> Node:
    """Return the negated node, constants folded."""
    if node[0] in ("true", "false"):
        return FALSE if node[0] == "true" else TRUE
    return ["not", node]


def leaves(node: Node) -> Iterator[Node]:
    """Yield all tests below a node."""
    stack = [node]
    while stack:
        top = stack.pop()
        if top[0] in ("and", "or", "not"):
            stack.extend(reversed(top[1:]))
        else:
            yield top


def glob_regex(parts: list[Part], *, keyword: bool = False) -> str:
    """Return the RE2 pattern of a wildcard pattern; anchored, except for a keyword, which may occur anywhere."""
    wild = {STAR: ".*", ANY_ONE: ".", DASH: "[" + "".join(DASHES).replace("-", "\\-") + "]"}
    body = "".join(_quote(p) if isinstance(p, str) else wild[p] for p in parts)
    return f"(?s){body}" if keyword else f"(?s)\\A{body}\\z"


def _quote(text: str) -> str:
    return "".join(
        c if c.isalnum() or ord(c) > 127 else "\\x00" if c == "\0" else "\\" + c if c.isprintable() and c != " " else f"\\x{{{ord(c):x}}}"
        for c in text
    )
