"""Turn field, modifiers and values of a rule into tests.

Sources: Sigma Modifiers Specification 2.x; escaping of wildcards: Sigma Rules Specification, "Escaping".
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Callable
from itertools import product
from typing import Any

from commodore.detection.sigma.nodes import ANY_ONE, DASH, DASHES, STAR, Node, Part, conjunction, disjunction, negation
from scout.bounded import pattern_error

MAX_PERMUTATIONS = 25

_PLACING = {"contains", "startswith", "endswith"}
_ENCODING: dict[str, str] = {"wide": "utf-16-le", "utf16le": "utf-16-le", "utf16be": "utf-16-be", "utf16": "utf-16"}
_COMPARE = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_FLAGS = {"i", "ignorecase", "m", "multiline", "s", "dotall"}
_KNOWN = (
    _PLACING
    | set(_ENCODING)
    | set(_COMPARE)
    | _FLAGS
    | {"all", "re", "cidr", "windash", "base64", "base64offset", "fieldref", "exists", "cased", "neq"}
)


class Unsupported(Exception):  # noqa: N818  (it becomes a refusal with a line)
    """The reason why a rule is refused. `key`: the mapping key at fault, which gives the line."""

    def __init__(self, reason: str, key: str = "") -> None:
        super().__init__(reason)
        self.reason, self.key = reason, key


def field_test(key: str, value: Any) -> Node:
    """Return the node of `CommandLine|contains|all: [a, b]`. An empty field name makes a keyword. Raises Unsupported."""
    field, *modifiers = key.split("|")
    for number, m in enumerate(modifiers):
        if m not in _KNOWN:
            raise Unsupported(f"modifier `{m}` is not supported", key)
        if m in modifiers[:number]:  # each `base64offset` makes three texts of one
            raise Unsupported(f"modifier `{m}` is written twice", key)
    if "neq" in modifiers:
        return negation(field_test("|".join([field, *(m for m in modifiers if m != "neq")]), value))
    values = value if isinstance(value, list) else [value]
    if any(isinstance(v, dict | list) for v in values):
        raise Unsupported("a value must be text, a number, true, false or null, or a list of these", key)
    try:
        nodes = [_one(field, modifiers, v) for v in values]
    except Unsupported as e:
        raise Unsupported(e.reason, key) from e
    if not nodes:
        raise Unsupported("an empty list of values", key)
    return conjunction(nodes) if "all" in modifiers else disjunction(merged(nodes))


def keyword(value: Any) -> Node:
    """Return the node of a keyword: a text that may occur anywhere in the event."""
    if value is None:
        raise Unsupported("an empty keyword")
    return _one("", [], value)


def merged(nodes: list[Node]) -> list[Node]:
    """Merge tests of the same kind on the same field into one test with all their values."""
    out: list[Node] = []
    places: dict[tuple[str, str], Node] = {}
    for n in nodes:
        if n[0] in ("and", "or", "not") or not isinstance(n[2], list) or n[0] in ("num", "ref"):
            out.append(n)
        elif (n[0], n[1]) in places:
            places[n[0], n[1]][2].extend(n[2])
        else:
            places[n[0], n[1]] = copy = [n[0], n[1], list(n[2])]
            out.append(copy)
    return out


def _one(field: str, modifiers: list[str], value: Any) -> Node:
    """Return the node of one value with its modifiers."""
    names = set(modifiers)
    for special, make in _SPECIAL.items():
        if special in names:
            return make(field, modifiers, value)
    if _COMPARE.keys() & names:
        return _number(field, modifiers, value)
    if value is None:
        if names - {"all"}:
            raise Unsupported("null takes no modifier")
        return ["null", field, None]
    text = str(value).lower() if isinstance(value, bool) else str(value)
    alternatives = _encoded(parse(text), modifiers)
    nodes = [_placed(field, parts, "cased" in names) for parts in alternatives]
    return disjunction(merged(nodes))


def parse(text: str) -> list[Part]:
    """Split a text with wildcards into parts. A backslash escapes `*`, `?` and itself; before any other character it is a backslash."""
    parts: list[Part] = []
    plain: list[str] = []
    i, n = 0, len(text)
    while i < n:
        c = text[i]
        if c == "\\" and i + 1 < n and text[i + 1] in "*?\\":
            plain.append(text[i + 1])
            i += 2
            continue
        if c in "*?":
            if plain:
                parts.append("".join(plain))
                plain = []
            parts.append(STAR if c == "*" else ANY_ONE)
        else:
            plain.append(c)
        i += 1
    if plain:
        parts.append("".join(plain))
    return parts


def _encoded(parts: list[Part], modifiers: list[str]) -> list[list[Part]]:
    """Apply the modifiers in their order (encodings, dashes, placing) and return the alternatives."""
    variants = [parts]
    codec = ""
    for m in modifiers:
        if m in _ENCODING:
            codec = _ENCODING[m]
        elif m in ("base64", "base64offset"):
            variants = [[v] for p in variants for v in _base64(p, codec, offsets=m == "base64offset")]
            codec = ""
        elif m == "windash":
            variants = [w for p in variants for w in _dashes(p)]
        elif m in _PLACING:
            before = [STAR] if m in ("contains", "endswith") else []
            after = [STAR] if m in ("contains", "startswith") else []
            variants = [[*before, *p, *after] for p in variants]
    if codec:
        variants = [[_plain(p).encode(codec).decode("latin-1")] for p in variants]
    return variants


def _plain(parts: list[Part]) -> str:
    if any(not isinstance(p, str) for p in parts):
        raise Unsupported("wildcards cannot be encoded")
    return "".join(p for p in parts if isinstance(p, str))


def _base64(parts: list[Part], codec: str, *, offsets: bool) -> list[str]:
    """Return the Base64 of the text; with offsets, the three forms that it can have inside a longer encoded text."""
    raw = _plain(parts).encode(codec or "utf-8")
    if not offsets:
        return [base64.b64encode(raw).decode()]
    start, end = (0, 2, 3), (None, -3, -2)
    return [base64.b64encode(b" " * i + raw)[start[i] : end[(len(raw) + i) % 3]].decode() for i in range(3)]


def _dashes(parts: list[Part]) -> list[list[Part]]:
    """Return the text with each dash or slash that begins a word in all five forms; as a character class where there would be too many."""
    marked: list[Part] = []
    for i, p in enumerate(parts):
        if not isinstance(p, str):
            marked.append(p)
            continue
        before = "" if i == 0 else "*"
        text = ""
        for j, c in enumerate(p):
            left = p[j - 1] if j else before
            right = p[j + 1] if j + 1 < len(p) else ""
            if c in "-/" and not _word(left) and _word(right):
                if text:
                    marked.append(text)
                text = ""
                marked.append(DASH)
            else:
                text += c
        if text:
            marked.append(text)
    places = [i for i, p in enumerate(marked) if p == DASH]
    if not places or len(DASHES) ** len(places) > MAX_PERMUTATIONS:
        return [marked]
    out = []
    for choice in product(DASHES, repeat=len(places)):
        chosen = dict(zip(places, choice, strict=True))
        out.append(_joined([chosen.get(i, p) for i, p in enumerate(marked)]))
    return out


def _word(c: str) -> bool:
    return bool(c) and (c.isalnum() or c == "_")


def _joined(parts: list[Part]) -> list[Part]:
    """Join neighbouring texts, and neighbouring stars."""
    out: list[Part] = []
    for p in parts:
        if out and isinstance(p, str) and isinstance(out[-1], str):
            out[-1] += p
        elif not (out and p == STAR and out[-1] == STAR):
            out.append(p)
    return out


def _placed(field: str, parts: list[Part], cased: bool) -> Node:
    """Return the cheapest test that is equivalent to the pattern."""
    parts = _joined(parts)
    if not cased:
        parts = [p.lower() if isinstance(p, str) else p for p in parts]
    c = "c" if cased else ""
    texts = [p for p in parts if isinstance(p, str)]
    shape = "".join("t" if isinstance(p, str) else str(p) for p in parts)
    if not field:  # a keyword may occur anywhere: stars at its ends have no effect
        inner = shape.strip("0")
        if inner == "t":
            return ["has" + c, field, texts]
        return ["any", field, None] if not inner else ["glob" + c, field, [parts]]
    kind = {"": "eq", "t": "eq", "t0": "sw", "0t": "ew", "0t0": "has"}.get(shape)
    if kind:
        return [kind + c, field, texts or [""]]
    return ["any", field, None] if shape == "0" else ["glob" + c, field, [parts]]


def _regex(field: str, modifiers: list[str], value: Any) -> Node:
    rest = set(modifiers) - _FLAGS - {"re", "all"}
    if rest:
        raise Unsupported(f"`re` cannot be combined with `{sorted(rest)[0]}`")
    flags = "".join(sorted({m[0] if m != "dotall" else "s" for m in modifiers if m in _FLAGS}))
    pattern = f"(?{flags}){value}" if flags else str(value)
    error = pattern_error(pattern)
    if error:
        raise Unsupported(f"the regular expression cannot be matched in bounded time: {error}")
    return ["re", field, [pattern]]


def _cidr(field: str, modifiers: list[str], value: Any) -> Node:
    if set(modifiers) - {"cidr", "all"}:
        raise Unsupported("`cidr` takes no other modifier")
    try:
        return ["cidr", field, [str(ipaddress.ip_network(str(value), strict=False))]]
    except ValueError as e:
        raise Unsupported(f"not a network: {value}") from e


def _exists(field: str, modifiers: list[str], value: Any) -> Node:
    if not isinstance(value, bool) or len(modifiers) > 1 or not field:
        raise Unsupported("`exists` takes true or false, a field, and no other modifier")
    return ["exists", field, value]


def _reference(field: str, modifiers: list[str], value: Any) -> Node:
    rest = set(modifiers) - {"fieldref", "all", "cased"}
    if not isinstance(value, str) or rest - _PLACING or len(rest) > 1 or not field:
        raise Unsupported("`fieldref` takes the name of a field, with contains, startswith or endswith at most")
    how = {"contains": "has", "startswith": "sw", "endswith": "ew"}.get(next(iter(rest), ""), "eq")
    return ["ref", field, [value, how + ("c" if "cased" in modifiers else "")]]


def _number(field: str, modifiers: list[str], value: Any) -> Node:
    if isinstance(value, bool) or not isinstance(value, int | float) or not field:
        raise Unsupported("a comparison takes a field and a number")
    return conjunction([["num", field, [_COMPARE[m], value]] for m in modifiers if m in _COMPARE])


_SPECIAL: dict[str, Callable[[str, list[str], Any], Node]] = {"re": _regex, "cidr": _cidr, "exists": _exists, "fieldref": _reference}
