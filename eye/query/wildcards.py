"""Wildcards and regular expressions, written for the engine's automata and for Python."""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache
from typing import Any

from eye.query.tree import ANY, ONE
from eye.query.words import fold, level
from scout.bounded import searcher

_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$#&~\-/])")

BROAD, UNICODE = 10, 100
_ATOMS = re.compile(
    r"""(?P<open>\((?:\?(?:P?<\w*>|[\w-]*:?))?) | (?P<close>\)) | (?P<repeat>\{\s*[0-9]*\s*(?:,\s*[0-9]*\s*)?\})
    | (?P<any>\.|\\[pP](?:\{[^}]*\}|.)|\\[wWdDsS]|\[\^?\]?(?:\\.|[^\]\\])*\]) | (?P<one>\\.|[^*+?|])""",
    re.VERBOSE | re.DOTALL,
)
_UNICODE = re.compile(r"\\[wWDSpP]")


def literal(text: str) -> str:
    """A text as a regular expression of the engine."""
    return _SPECIAL.sub(r"\\\1", text)


def automaton(parts: tuple[str, ...], *, but: str = "", keep_case: bool = False) -> str:
    """A pattern as a regular expression of the engine. `but`: a character that a wildcard does not match."""
    one = f"[^{but}]" if but else "(?s:.)"
    return "".join(f"{one}*" if p == ANY else one if p == ONE else literal(p if keep_case else fold(p)) for p in parts)


def any_case(parts: tuple[str, ...]) -> str:
    """The same for a part of a text that has its case."""
    one, inner = "(?s:.)", ""
    for part in parts:
        letters = part if part in (ANY, ONE) else fold(level(part))
        inner += f"{one}*" if part == ANY else one if part == ONE else "".join(map(_either_case, letters))
    return f"{one}*{inner}{one}*"


def _either_case(letter: str) -> str:
    forms = _FORMS.get(letter) or (_forms().get(letter) if not letter.isascii() else None)
    return f"[{forms}]" if forms else literal(letter)


_FORMS = {chr(n): chr(n) + chr(n - 32) for n in range(97, 123)} | {"k": "kK\u212a", "i": "iI\u0130"}


@cache
def _forms() -> dict[str, str]:
    """Each letter in lower case beyond ASCII that others fold to → it and the others."""
    found: dict[str, str] = {}
    for letter in map(chr, range(128, sys.maxunicode + 1)):
        if (low := fold(letter)) != letter and not low.isascii():
            found[low] = found.get(low, low) + letter
    return found


def pattern(parts: tuple[str, ...]) -> Any:
    """A pattern for a search in folded text, in linear time."""
    inner = "".join(".*" if p == ANY else "." if p == ONE else re.escape(fold(level(p))) for p in parts)
    return searcher("(?s)" + inner.removeprefix(".*").removesuffix(".*"))


def whole(parts: tuple[str, ...]) -> Any:
    """A pattern for a complete folded value, in linear time."""
    return searcher("(?s)\\A" + "".join(".*" if p == ANY else "." if p == ONE else re.escape(fold(p)) for p in parts) + "\\z")


def expanded(expression: str) -> int:
    r"""Estimate the states of a regular expression whose counted repetitions are written out, as the engine does before it looks at it:
    1 for a character, BROAD for a class or a dot, UNICODE for a class of Unicode such as `\w`.
    """
    total = atom = 0
    groups: list[int] = []
    for found in _ATOMS.finditer(expression):
        kind, text = found.lastgroup, found[0]
        if kind == "open":
            groups.append(total)
            total = atom = 0
        elif kind == "close":
            atom, before = total, groups.pop() if groups else 0
            total += before
        elif kind == "repeat":
            times = max([1, *(int(n[:6]) for n in re.findall("[0-9]+", text))])
            total += atom * (times - 1)
            atom *= times
        else:
            atom = UNICODE if _UNICODE.search(text) else BROAD if kind == "any" else 1
            total += atom
    return total + sum(groups)


Word = tuple[str, ...]
"""A word, or a word of a shape: its text, and ANY where it may be part of a longer word."""


def rows(parts: tuple[str, ...]) -> list[list[Word]]:
    """The words that a value must hold to match a pattern anywhere, each as a pattern of its own; those of one list follow each other.

    A word beside a wildcard, or at an end of the pattern, may be part of a longer word.
    """
    found: list[list[list[str]]] = [[[ANY]]]
    for part in parts:
        if part in (ANY, ONE):
            found[-1][-1].append(ANY)
            found.append([[ANY]])  # a wildcard may span the end of a word
            continue
        if any(unicodedata.category(c)[0] == "M" for c in part):  # a mark may belong to a word or part two: no word is certain
            found += [[[ANY]], [[ANY]]]
            continue
        for n, run in enumerate(re.split(r"\W|_", fold(part))):
            if n:
                found[-1].append([])
            if run:
                found[-1][-1].append(run)
    found[-1][-1].append(ANY)
    once = [[tuple(p for n, p in enumerate(one) if not (p == ANY and n and one[n - 1] == ANY)) for one in row] for row in found]
    return [words for row in once if (words := [one for one in row if any(p != ANY for p in one)])]


def pieces(parts: tuple[str, ...]) -> list[Word]:
    """The same words, one by one."""
    return [one for row in rows(parts) for one in row]


_ZONES = ("", "z", "+00:00", "-00:00", "+0000", "-0000")
_TIMES = tuple(f"0000-00-00t00:00:00{'.' * bool(n)}{'0' * n}{zone}" for n in range(13) for zone in _ZONES)
"""Every form of a time (eye.query.values), with 0 for each digit and `t` for the letter or blank between day and hour."""
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]|[0-9]{2}(?:t[0-9]{0,2})?)")


def in_time(parts: tuple[str, ...]) -> bool:
    """Return whether a time may have a pattern in its text."""
    shapes = (re.sub("[0-9]", "0", fold(part).replace(" ", "t")) for part in parts if part not in (ANY, ONE))
    return all(any(shape in one for one in _TIMES) for shape in shapes)


def a_day(parts: tuple[str, ...]) -> list[str]:
    """The words of a time that begins with a pattern (`2026-10-3*`), which no other time has in a row; [] for another pattern."""
    literals = [fold(part) for part in parts if part != ANY]
    found = _DAY.fullmatch(literals[0]) if len(literals) == 1 else None
    if found is None:
        return []
    year, month, day = found.groups()
    return [year, month, f"{day}.*" if "t" in day else f"{day}[0-9]?t.*"]


def inner_part(parts: tuple[str, ...]) -> str:
    """The text of a pattern `*text*` or `*text`; '' for any other pattern."""
    inner = len(parts) in (2, 3) and parts[0] == ANY and parts[1] not in (ANY, ONE) and parts[2:] in ((), (ANY,))
    return parts[1] if inner else ""
