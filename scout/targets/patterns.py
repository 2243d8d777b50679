"""Path patterns, compiled into one tree so that a walk matches all of them at once.

A pattern is a path below the root with `/`: `*` and `?` within a component, `{a,b}` alternatives, `**` any number of folders
(at the end: everything below), `<U>` every user profile, `%SystemRoot%` and its like from the examined host. `[=0-9]` is one of these
characters, `[!0-9]` any other.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

_VARIABLE = re.compile(r"%([A-Za-z]+)%")
_GLOB = re.compile(r"[*?]|\[[=!]")
_PIECES = re.compile(r"(\*|\?|\[[0-9a-f]{2}\]|\[[=!][^\]]+\])")


def braces(pattern: str) -> list[str]:
    """Return the alternatives: `a{b,c}d` → `abd`, `acd`. Raises ValueError for nested or unbalanced braces."""
    start = pattern.find("{")
    if start < 0:
        if "}" in pattern:
            raise ValueError(f"unbalanced braces in {pattern!r}")
        return [pattern]
    end = pattern.find("}", start)
    inner = pattern[start + 1 : end]
    if end < 0 or "{" in inner:
        raise ValueError(f"unbalanced or nested braces in {pattern!r}")
    return [pattern[:start] + choice + rest for rest in braces(pattern[end + 1 :]) for choice in inner.split(",")]


def expand(pattern: str, profiles: Iterable[str], variables: Mapping[str, str]) -> Iterator[str]:
    """Expand a pattern for this host: `<U>` becomes each profile (paths below the root), `%Name%` its value (names without case).

    A variable that the host does not have yields nothing.
    """
    names = {name.lower(): value for name, value in variables.items()}
    if any(found.group(1).lower() not in names for found in _VARIABLE.finditer(pattern)):
        return
    plain = _VARIABLE.sub(lambda found: literal(names[found.group(1).lower()]), pattern)
    if "<U>" not in plain:
        yield plain
        return
    for profile in profiles:
        yield plain.replace("<U>", literal(profile))


def literal(text: str) -> str:
    """Escape text of the host for a pattern: its wildcards are literal (written as `[2a]`-like escapes)."""
    return re.sub(r"([*?\[\]{}])", lambda found: f"[{ord(found.group(1)):x}]", text)


def plain(component: str) -> str:
    """Return one component as the host writes it: undo `literal`."""
    return re.sub(r"\[([0-9a-f]{2})\]", lambda found: chr(int(found.group(1), 16)), component)


def component_regex(component: str, fold: bool) -> re.Pattern[str]:
    """Return one component with `*`, `?` and classes as a regular expression for a complete name."""
    return re.compile(component_text(component), re.DOTALL | (re.IGNORECASE if fold else 0))


def component_text(component: str) -> str:
    """Return the text of that expression."""
    return "".join(map(_piece, _PIECES.split(component)))


def _piece(piece: str) -> str:
    if piece in ("*", "?"):
        return {"*": "[^/]*", "?": "[^/]"}[piece]
    if piece[:2] in ("[=", "[!"):
        return f"[{'^/' if piece[1] == '!' else ''}{piece[2:-1].replace(chr(92), '')}]"
    return re.escape(plain(piece))


@lru_cache(maxsize=4096)
def path_regex(pattern: str, fold: bool) -> re.Pattern[str]:
    """Return a pattern without variables as a regular expression for a path below the root. It is compiled once."""
    return re.compile(path_text(pattern), re.DOTALL | (re.IGNORECASE if fold else 0))


def path_text(pattern: str) -> str:
    """Return the text of that expression, to be compiled with others."""
    out = []
    for alternative in braces(pattern):
        pieces = alternative.strip("/").split("/")
        text = ""
        for at, piece in enumerate(pieces):
            last = at == len(pieces) - 1
            if piece == "**":
                text += ".*" if last else "(?:[^/]+/)*"
            else:
                text += component_text(piece) + ("" if last else "/")
        out.append(text)
    return "|".join(f"(?:{text})" for text in out)


@dataclass(slots=True)
class PatternNode:
    """One node of the tree. `ends` holds what is wanted when the last component of a path leads here."""

    literals: dict[str, tuple[str, PatternNode]] = field(default_factory=dict)
    """folded name → (name as written, next node)"""
    globs: dict[str, tuple[re.Pattern[str], PatternNode]] = field(default_factory=dict)
    deep: PatternNode | None = None
    """the node after `**`: reached without a step, and kept on every step"""
    loops: bool = False
    ends: list[Hashable] = field(default_factory=list)


class PatternTree:
    """All patterns of a walk. `fold` compares without case, as Windows does."""

    def __init__(self, fold: bool) -> None:
        self.fold = fold
        self.top = PatternNode()

    def add(self, pattern: str, wanted: Hashable) -> None:
        """Add one expanded pattern; `wanted` is returned for each path that matches."""
        for alternative in braces(pattern):
            pieces = [piece for piece in alternative.split("/") if piece]
            if pieces and pieces[-1] == "**":
                pieces.append("*")
            node = self.top
            for piece in pieces:
                node = self._step(node, piece)
            node.ends.append(wanted)

    def _step(self, node: PatternNode, piece: str) -> PatternNode:
        if piece == "**":
            if node.deep is None:
                node.deep = PatternNode(loops=True)
            return node.deep
        if _GLOB.search(piece):
            key = piece.lower() if self.fold else piece
            if key not in node.globs:
                node.globs[key] = (component_regex(piece, self.fold), PatternNode())
            return node.globs[key][1]
        name = plain(piece)
        return node.literals.setdefault(self.key(name), (name, PatternNode()))[1]

    def key(self, name: str) -> str:
        """Return the name in the form for comparison."""
        return name.lower() if self.fold else name

    def start(self) -> tuple[PatternNode, ...]:
        """Return the state at the root of the walk."""
        return _closure([self.top])

    def advance(self, state: Sequence[PatternNode], name: str) -> tuple[PatternNode, ...]:
        """Return the state after one more component; empty where no pattern can match any more."""
        key = self.key(name)
        out: list[PatternNode] = []
        for node in state:
            if key in node.literals:
                out.append(node.literals[key][1])
            out.extend(after for regex, after in node.globs.values() if regex.fullmatch(name))
            if node.loops:
                out.append(node)
        return _closure(out)


def _closure(nodes: list[PatternNode]) -> tuple[PatternNode, ...]:
    out: list[PatternNode] = []
    seen: set[int] = set()
    while nodes:
        node = nodes.pop(0)
        if id(node) in seen:
            continue
        seen.add(id(node))
        out.append(node)
        if node.deep is not None:
            nodes.append(node.deep)
    return tuple(out)


def needs_listing(state: Sequence[PatternNode]) -> bool:
    """Return whether the folder must be listed; otherwise its few literal names are looked up."""
    return any(node.globs or node.loops for node in state)


def literal_names(state: Sequence[PatternNode]) -> list[str]:
    """Return the names to look up in a folder that need not be listed, as written in the patterns."""
    return [name for node in state for name, _ in node.literals.values()]


def wanted(state: Sequence[PatternNode]) -> list[Hashable]:
    """Return what is wanted for a file in this state, each once, in the order of the patterns."""
    return list(dict.fromkeys(end for node in state for end in node.ends))


def leads_on(state: Sequence[PatternNode]) -> bool:
    """Return whether a folder in this state can contain anything wanted."""
    return any(node.literals or node.globs or node.loops for node in state)
