"""Search for patterns whose time grows faster than their text: `python -m bench.patterns [--all]`.

Each pattern of the source is tried on texts that are made of what its own repeats take, in two lengths. Those that only `match` or
`fullmatch` uses are tried at the beginning of a text, others as `finditer`. Exit 1 where one takes more than `SLOWEST` per character and
twice the text takes much more than twice as long. Patterns that are made at run time are not tried; `--all` names them.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from re import _parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

from bench.common import ROOT

PACKAGES = ("scout", "commodore", "hunter", "eye", "escadre")
SLOWEST, DOUBLED, SECONDS = 2e-6, 2.9, 3.0
"""seconds a character; how much more twice the text may take; CPU seconds for one pattern"""
LENGTHS = (250, 1000, 4000)
OPEN = 64
SAMPLES = [" ", "a", "0", "\\", "/", ".", "A", "'", '"', "-", "\t", "=", ":", "(", "\n", "%", "{", "$", *map(chr, range(33, 127))]
FLAGS = ("IGNORECASE", "DOTALL", "VERBOSE", "MULTILINE", "ASCII")
ANCHORED = {"match", "fullmatch"}
EXCUSED = {
    "scout/collecting/secrets.py": "matched at the beginning of a file",
    "scout/formats/indicator_forms.py": "searches 512 characters",
    "commodore/persistence/index.py": "splits patterns of our own table",
    "commodore/persistence/windows.py": "a path of at most 250 characters: 250 steps for each character",
    "commodore/readers/programs/certificates.py": "reads the roots that come with the project",
    "eye/elastic/bulk.py": "searches 2,000 characters",
    "eye/index/clauses.py": "an error text of our own library",
    "eye/push/artefacts.py": "a full match of one value",
    "eye/query/parse.py": "matched at one place of a query, whose length is bounded",
}
"""file → why a pattern of it that looks slow is not"""


class Found(NamedTuple):
    """A pattern of the source: where it is, the compiled pattern, and by which methods it is used. None: it is made at run time."""

    place: str
    pattern: re.Pattern[Any] | None
    used: frozenset[str]


def patterns() -> Iterator[Found]:
    """Yield the patterns of all packages."""
    files = {path: path.read_text(encoding="utf-8") for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))}
    methods: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path, text in files.items():
        for use in re.finditer(r"\b(_?[A-Z][A-Z0-9_]*)\.(search|match|fullmatch|finditer|findall|sub|subn|split)\b", text):
            methods["" if use[1][0] != "_" else str(path), use[1]].add(use[2])
    for path, text in files.items():
        tree = ast.parse(text)
        named = {
            id(call): ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
            for call in ast.walk(node.value)
        }
        for call in ast.walk(tree):
            if not (isinstance(call, ast.Call) and ast.unparse(call.func).startswith("re.") and call.args):
                continue
            method = ast.unparse(call.func)[3:]
            if method == "escape":
                continue
            name = named.get(id(call), "")
            used = methods["", name] | methods[str(path), name] if method == "compile" else {method}
            yield Found(f"{path.relative_to(ROOT)}:{call.lineno}", _compiled(call), frozenset(used))


def _compiled(call: ast.Call) -> re.Pattern[Any] | None:
    said = ast.unparse(call)
    try:
        return re.compile(ast.literal_eval(call.args[0]), sum(getattr(re, flag) for flag in FLAGS if f"re.{flag}" in said))
    except (ValueError, TypeError, re.error):
        return None


def sample(code: Any, value: Any) -> str:
    """Return a text that an item of a parsed pattern takes."""
    match str(code):
        case "LITERAL":
            return chr(value)
        case "NOT_LITERAL":
            return "b" if value == ord("a") else "a"
        case "ANY":
            return "a"
        case "IN":
            return next((one for one in SAMPLES if _takes(value, one)), "")
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            return whole(value[2]) * value[0]
        case "SUBPATTERN":
            return whole(value[-1])
        case "ATOMIC_GROUP":
            return whole(value)
        case "BRANCH":
            return whole(value[1][0])
    return ""


def whole(parsed: Any) -> str:
    """Return a text that a parsed pattern takes."""
    return "".join(sample(code, value) for code, value in parsed)


def _takes(items: Any, one: str) -> bool:
    classes = {"DIGIT": r"\d", "NOT_DIGIT": r"\D", "SPACE": r"\s", "NOT_SPACE": r"\S", "WORD": r"\w", "NOT_WORD": r"\W"}
    hit = negated = False
    for code, value in items:
        match str(code):
            case "NEGATE":
                negated = True
            case "LITERAL":
                hit |= ord(one) == value
            case "RANGE":
                hit |= value[0] <= ord(one) <= value[1]
            case "CATEGORY":
                hit |= re.match(classes[str(value).removeprefix("CATEGORY_")], one) is not None
    return hit != negated


def texts(parsed: Any) -> list[tuple[str, str]]:
    """Return (beginning, what is repeated behind it)."""
    out: list[tuple[str, str]] = []

    def walk(items: Any, before: str) -> None:
        for code, value in items:
            kind = str(code)
            if kind.endswith("_REPEAT"):
                inner = value[2]
                if value[1] >= OPEN:
                    single = len(inner) == 1 and str(inner[0][0]) == "IN"
                    units = {whole(inner), *((one for one in SAMPLES[:18] if _takes(inner[0][1], one)) if single else ())} - {""}
                    out.extend((before, unit) for unit in sorted(units))
                    out.extend(("", before + unit) for unit in sorted(units)[:3] if before)
                walk(inner, before)
            elif kind in ("SUBPATTERN", "ASSERT", "ASSERT_NOT"):
                walk(value[-1], before)
            elif kind == "ATOMIC_GROUP":
                walk(value, before)
            elif kind == "BRANCH":
                for branch in value[1]:
                    walk(branch, before)
            before += sample(code, value)

    walk(parsed, "")
    return list(dict.fromkeys([*out, ("", whole(parsed)), ("", whole(parsed) + " ")]))


def slow(found: Found) -> str:
    """Return in words on which text a pattern is slow, '' where on none."""
    pattern = found.pattern
    assert pattern is not None
    ways = (
        [pattern.match] if found.used and found.used <= ANCHORED else [pattern.match, lambda text: sum(1 for _ in pattern.finditer(text))]
    )
    start = time.process_time()
    for before, unit in texts(_parser.parse(pattern.pattern, pattern.flags)):
        for behind in ("\x01", "") if unit else ():
            for way in ways:
                for length in LENGTHS:
                    one, two = (_cost(way, pattern, before + unit * (times * length // len(unit) + 1) + behind) for times in (1, 2))
                    if one > max(length * SLOWEST, 0.002) and two > DOUBLED * one and two > 0.02:
                        return f"{2 * length:,} characters of {unit[:30]!r} behind {before[:30]!r} take {two * 1000:.0f} ms"
                if time.process_time() - start > SECONDS:
                    return ""
    return ""


def _cost(way: Any, pattern: re.Pattern[Any], text: str) -> float:
    given = text.encode("latin-1", "replace") if isinstance(pattern.pattern, bytes) else text
    start = time.process_time()
    way(given)
    return time.process_time() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="name the patterns that are made at run time")
    named = parser.parse_args().all
    warnings.simplefilter("ignore")
    tried = bad = made = 0
    for found in patterns():
        if found.pattern is None:
            made += 1
            print(f"{found.place}: made at run time") if named else None
            continue
        tried += 1
        if why := slow(found):
            excuse = EXCUSED.get(found.place.partition(":")[0], "")
            bad += not excuse
            print(f"{found.place}: {why}" + (f"; {excuse}" if excuse else ""), flush=True)
    print(f"{tried:,} patterns, {bad:,} of them slow, {made:,} made at run time and not tried")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
