"""No pattern repeats a group possessively or has an atomic group: Python 3.11.0 to 3.11.4 (Debian 12 has 3.11.2) misreads them.

Source: CPython issue 106052, mended in 3.11.5: a subpattern that backtracks within a possessive quantifier or an atomic group. A single
character or set that is repeated possessively is read correctly.
"""

from __future__ import annotations

import ast
import re
import re._parser as parser  # type: ignore[import-not-found]  (part of Python, not of its types)
from collections.abc import Iterator
from re import _constants as constants  # type: ignore[attr-defined]
from typing import Any

import pytest

from tests.conftest import ROOT

PACKAGES = ("scout", "commodore", "eye", "hunter", "escadre")
SINGLE = {constants.IN, constants.LITERAL, constants.NOT_LITERAL, constants.ANY}
LIKELY = re.compile(r"[*+?}]\+|\(\?>")


def misread(items: Any) -> bool:
    """Return whether a parsed pattern has such a group at any level."""
    for code, value in items:
        if code is constants.ATOMIC_GROUP:
            return True
        if code is constants.POSSESSIVE_REPEAT and not (len(value[2]) == 1 and value[2][0][0] in SINGLE):
            return True
        parts = value if isinstance(value, tuple) else ()
        below = [part for one in parts for part in (one if isinstance(one, list) else [one]) if isinstance(part, parser.SubPattern)]
        if any(map(misread, below)):
            return True
    return False


def texts() -> Iterator[tuple[str, str]]:
    """Yield (place, text) of every text constant of a module, and every quoted text of a YAML file, that may have such a group."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*")):
            place = str(path.relative_to(ROOT))
            if path.suffix == ".py":
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                    if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
                        text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
                        if LIKELY.search(text):
                            yield f"{place}:{node.lineno}", text
            elif path.suffix in (".yaml", ".yml"):
                for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                    for quoted in re.findall(r"'((?:[^']|'')*)'", line):
                        if LIKELY.search(quoted):
                            yield f"{place}:{number}", quoted.replace("''", "'")


@pytest.mark.parametrize(
    ("pattern", "wrong"),
    [(r"[ab]*+c", False), (r"a++", False), (r"(?:ab|a)*+c", True), (r"x(?:y(?>a|ab))", True), (r"(?:a(?:b?)?+)+", True)],
)
def test_such_groups_are_recognised(pattern: str, wrong: bool) -> None:
    assert misread(parser.parse(pattern)) is wrong


def test_no_pattern_has_one() -> None:
    found = []
    for place, text in texts():
        try:
            parsed = parser.parse(text, re.VERBOSE if "\n" in text else 0)
        except (re.error, RecursionError, OverflowError):
            continue  # no pattern
        if misread(parsed):
            found.append(place)
    assert not found
