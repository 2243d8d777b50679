"""Compile the normal form of a rule into a closure that tests a record. A rule is compiled when it is first needed."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any

from commodore.detection.sigma.nodes import Node, Part, glob_regex
from commodore.detection.sigma.record_view import RecordView
from scout.bounded import searcher

Test = Callable[[RecordView], bool]


def compiled(node: Node) -> Test:
    """Return the test of a node."""
    kind = node[0]
    if kind == "and":
        return _all([compiled(n) for n in node[1:]])
    if kind == "or":
        return _any([compiled(n) for n in node[1:]])
    if kind == "not":
        inner = compiled(node[1])
        return lambda v: not inner(v)
    return _leaf(kind, node[1], node[2])


def _all(tests: list[Test]) -> Test:
    if len(tests) == 2:
        a, b = tests
        return lambda v: a(v) and b(v)
    fixed = tuple(tests)

    def every(v: RecordView) -> bool:
        for t in fixed:  # noqa: SIM110  (a plain loop is twice as fast as all() over a generator here)
            if not t(v):
                return False
        return True

    return every


def _any(tests: list[Test]) -> Test:
    if len(tests) == 2:
        a, b = tests
        return lambda v: a(v) or b(v)
    fixed = tuple(tests)

    def some(v: RecordView) -> bool:
        for t in fixed:  # noqa: SIM110
            if t(v):
                return True
        return False

    return some


def _leaf(kind: str, field: str, payload: Any) -> Test:
    if kind in ("true", "false"):
        settled = kind == "true"
        return lambda _: settled
    if kind in _WHOLE:
        return _WHOLE[kind](field, payload)
    if kind.endswith("c"):  # with case
        text = _text_test(kind[:-1], payload, keyword=not field)
        return (lambda v: text(v.exact_text)) if not field else (lambda v: v.any_of(field, text, cased=True))
    text = _text_test(kind, payload, keyword=not field)
    if not field:
        return lambda v: text(v.text)

    def folded(v: RecordView) -> bool:  # `any_of`, without a call for a field of one value
        x = v[field]
        return x is not None and (text(x) if v.lists is None else v.any_of(field, text, cased=False))

    return folded


def _text_test(kind: str, payload: list[Any], *, keyword: bool) -> Callable[[str], bool]:
    """Return a test on one text; the caller lowers the case where the test ignores it."""
    if kind == "eq":
        if len(payload) == 1:
            only = payload[0]
            return lambda x: x == only
        chosen = frozenset(payload)
        return lambda x: x in chosen
    if kind == "sw":
        starts = tuple(payload)
        return lambda x: x.startswith(starts)
    if kind == "ew":
        ends = tuple(payload)
        return lambda x: x.endswith(ends)
    if kind == "has":
        return _contains(tuple(payload))
    return _patterns([glob_regex(p, keyword=keyword) for p in payload])


def _contains(texts: tuple[str, ...]) -> Callable[[str], bool]:
    if len(texts) == 1:
        only = texts[0]
        return lambda x: only in x

    def some(x: str) -> bool:
        for t in texts:  # noqa: SIM110
            if t in x:
                return True
        return False

    return some


def _patterns(patterns: list[str]) -> Callable[[str], bool]:
    found = [searcher(p) for p in patterns]
    if len(found) == 1:
        search = found[0].search
        return lambda x: search(x) is not None
    return lambda x: any(p.search(x) is not None for p in found)


_LONG = re.compile(r"\^?\.\{(\d{1,6}),\}\Z")
"""`.{1000,}`: a minimum length, for which an automaton would need as many states."""


def _regex(field: str, patterns: list[str]) -> Test:
    long = _LONG.match(patterns[0]) if len(patterns) == 1 else None
    match = _longer(int(long.group(1))) if long else _patterns(patterns)
    return (lambda v: v.any_of(field, match, cased=True)) if field else (lambda v: match(v.exact_text))


def _longer(least: int) -> Callable[[str], bool]:
    return lambda x: len(x) >= least and max(map(len, x.split("\n"))) >= least


def _cidr(field: str, networks: list[str]) -> Test:
    parsed = [ipaddress.ip_network(n) for n in networks]

    def inside(text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in n for n in parsed if n.version == address.version)

    return lambda v: v.any_of(field, inside, cased=False)


def _null(field: str, _: None) -> Test:
    return lambda v: not v.any_of(field, bool, cased=False)  # event logs store an element without content as the null type


def _present(field: str, _: None) -> Test:
    return (lambda v: v[field] is not None) if field else (lambda _v: True)


def _exists(field: str, wanted: bool) -> Test:
    return lambda v: (v[field] is not None) is wanted


def _number(field: str, payload: list[Any]) -> Test:
    operator, bound = payload

    def compare(text: str) -> bool:
        x = number(text)
        if x is None:
            return False
        return bool(x < bound if operator == "<" else x <= bound if operator == "<=" else x > bound if operator == ">" else x >= bound)

    return lambda v: v.any_of(field, compare, cased=False)


def number(text: str | None) -> float | int | None:
    """Return the number of a decimal, hexadecimal (`0x`) or fractional text; None for any other text."""
    if not text or len(text) > 40:
        return None
    try:
        return int(text, 16) if text.startswith("0x") else float(text) if "." in text else int(text)
    except ValueError:
        return None


def _reference(field: str, payload: list[str]) -> Test:
    other, how = payload
    cased = how.endswith("c")
    holds = _HOLDS[how.removesuffix("c")]

    def compare(v: RecordView) -> bool:
        return v.any_of(field, lambda a: v.any_of(other, lambda b: holds(a, b), cased=cased), cased=cased)

    return compare


_HOLDS: dict[str, Callable[[str, str], bool]] = {"eq": str.__eq__, "sw": str.startswith, "ew": str.endswith, "has": str.__contains__}
_WHOLE: dict[str, Callable[[str, Any], Test]] = {
    "re": _regex,
    "cidr": _cidr,
    "null": _null,
    "any": _present,
    "exists": _exists,
    "num": _number,
    "ref": _reference,
}


def matched(node: Node, view: RecordView, positive: bool = True) -> dict[str, Any]:
    """Return field → value for the tests that made the rule fire, in the order of the rule."""
    kind = node[0]
    if kind == "not":
        return matched(node[1], view, not positive)
    if kind in ("and", "or"):
        out: dict[str, Any] = {}
        for n in node[1:]:
            out.update(matched(n, view, positive))
        return out
    if not positive or kind in ("true", "false", "null") or not compiled(node)(view):
        return {}
    if not node[1]:
        return {"keywords": _keywords(node, view)}
    value = view.exact(node[1])
    return {} if value is None else {view.shown(node[1]): value}


def _keywords(node: Node, view: RecordView) -> list[str]:
    if node[0] == "has":
        return [t for t in node[2] if t in view.text]
    return [str(p) if not isinstance(p, list) else _shown(p) for p in node[2] or []]


def _shown(parts: list[Part]) -> str:
    return "".join(p if isinstance(p, str) else "*?-"[p] for p in parts)
