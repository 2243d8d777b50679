r"""Lists of indicators: hashes, addresses, networks, domains, URLs, paths, file names, defanged or not. Text, CSV, STIX, MISP, OpenIOC.

One indicator a line, or a table with or without a header (separated by `,`, `;`, tab, or `|` between blanks). A line may begin with a word
that says what it is (`domain: evil.example`, `c2 = evil.example`), or be one of `sha256sum`.
`#` and `//` begin a comment, at the beginning of a line or behind a blank.
What is no indicator (`scout.formats.indicator_forms`) is refused with line and reason.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from scout.console import WRONG_USE, Complaint
from scout.formats.indicator_documents import DocumentItem, IndicatorFacts, items
from scout.formats.indicator_forms import NoIndicatorError, also, column, no_file, normalise, plain_form, short, words

MAX_LINE = 8192
_SEARCHED = 64
"""how often a document is searched from its beginning for values that are not in the order of its text"""

_SUM = re.compile(r"([0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64})[ \t]+\*?\S[^,;]*")
"""A line of md5sum, sha1sum, sha256sum: hash and name."""
_NAMED_SUM = re.compile(r"([0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64})\s*[:|]\s*[^\s:|][^:|]*")
"""A hash and the name of its file: `hash:name`."""
_EXPRESSION = re.compile(r"(?=.*(?:\\[.()\[\\$+*?sdw-]|\[[^\]]+\][{+*.]|\{\d))[\\/(\[^]")
"""The regular expression of a file name, as lists of Loki have it. What follows is a score, and what is exempt."""
_COMMENT = re.compile(r"(?:\A|(?<=\s))(?:#|//).*", re.DOTALL)
_WORD = re.compile(r"[a-z][a-z0-9 _-]*")


class Indicator(NamedTuple):
    """An indicator. `value` is normalised: lower case, refanged. A domain includes its subdomains, a path everything below it, `~` any
    home.
    """

    type: str
    value: str
    file: str
    line: int
    facts: IndicatorFacts = IndicatorFacts()


class Refused(NamedTuple):
    """A line that was refused, and the reason."""

    file: str
    line: int
    reason: str


def read_file(path: Path) -> tuple[list[Indicator], list[Refused]]:
    """Return all indicators of a file, and the refused lines. Raises Complaint where the file cannot be read."""
    try:
        raw = path.read_bytes()
    except OSError as e:
        raise Complaint(f"cannot read the indicators in {path}: {e.strerror or e}", "Give a text or CSV file.", WRONG_USE) from e
    text = raw.decode(_codec(raw), "replace")
    try:
        found = items(text)
    except (ValueError, RecursionError) as e:
        return [], [Refused(path.name, getattr(e, "lineno", 0), f"a document that cannot be read: {e}"[:200])]
    return read_lines(text.splitlines(), path.name) if found is None else read_items(found, text, path.name)


def read_items(found: Iterable[DocumentItem], text: str, name: str) -> tuple[list[Indicator], list[Refused]]:
    """Return the indicators of a structured document, each value once, and what was refused, each with the line that has its value."""
    taken: dict[tuple[str, str], Indicator] = {}
    refused: list[Refused] = []
    lines = _LinesOf(text)
    try:
        for item in found:
            line = lines.of(item.text)
            if item.refused:
                refused.append(Refused(name, line, f"{item.refused}: `{short(item.text)}`"))
                continue
            try:
                type_, value = normalise(item.text, item.kind)
            except NoIndicatorError as e:
                refused.append(Refused(name, line, str(e)))
                continue
            taken.setdefault((type_, value), Indicator(type_, value, name, line, item.facts))
    except (ValueError, TypeError, AttributeError, RecursionError) as e:
        refused.append(Refused(name, 0, f"the rest of the document cannot be read: {e}"[:200]))
    return list(taken.values()), refused


class _LinesOf:
    """The lines of a document in which its values are. Values come in the order of the text, but for a few."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self._line, self._left = text, 0, 1, _SEARCHED * len(text)

    def of(self, value: str) -> int:
        """Return the line of a value, counted from 1; 0 where it is not found, or the values before it took too long to find."""
        if not value or self._left < 0:
            return 0
        place = self._text.find(json.dumps(value, ensure_ascii=False)[1:-1], self._at)
        if place >= 0:
            self._line += self._text.count("\n", self._at, place)
            self._at = place
            return self._line
        place = self._text.find(value)
        self._left -= len(self._text)
        return self._text.count("\n", 0, place) + 1 if place >= 0 else 0


def _codec(raw: bytes) -> str:
    """Return the encoding of a list: UTF-16 where a mark of byte order or every other byte says so, UTF-8, else that of Windows."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    head = raw[:4096]
    for codec, zeros, letters in (("utf-16-le", head[1::2], head[::2]), ("utf-16-be", head[::2], head[1::2])):
        if len(head) > 3 and zeros.count(0) > len(zeros) // 2 and letters.count(0) <= len(letters) // 8:
            return codec
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def read_lines(lines: Iterable[str], name: str) -> tuple[list[Indicator], list[Refused]]:
    """Return the indicators of the lines, each value once, in order, and the refused lines."""
    found: dict[tuple[str, str], Indicator] = {}
    refused: list[Refused] = []
    columns: list[str] | None = None
    separator = ""
    for number, line in enumerate(lines, 1):
        text = _COMMENT.sub("", line.strip("\0\ufeff")).strip()
        if not text or text.startswith(";"):
            continue
        if len(text) > MAX_LINE:
            refused.append(Refused(name, number, f"longer than {MAX_LINE} characters"))
            continue
        if columns == [] and (plain := plain_form(text)):
            found.setdefault(plain, Indicator(*plain, name, number, NO_FACTS))
            continue
        cells = _cells(text, separator)
        if number == 1 or columns is None:
            columns = _header(cells)
            if columns:
                separator = _separator(text)
                continue
        for item in _of_cells(cells, columns or [], name, number):
            if isinstance(item, Refused):
                refused.append(item)
            else:
                found.setdefault((item.type, item.value), item)
    return list(found.values()), refused


def _cells(text: str, separator: str = "") -> list[str]:
    """Return the fields of a line, split at the separator of its table, else at the one that comes first; one field where it has none."""
    if not separator:
        if listed := _SUM.fullmatch(text) or _NAMED_SUM.fullmatch(text):
            return [listed[1]]
        first = text.partition(";")[0]
        if first is not text and _EXPRESSION.match(first):
            return [first]
        separator = _separator(text)
    if separator == "|":
        return [cell.strip() for cell in text.strip("|").split("|")]
    return [c.strip() for c in next(csv.reader([text], delimiter=separator), [])] if separator else [text]


def _separator(text: str) -> str:
    """Return what separates the fields of a line, '' where nothing does. A bar counts within a path or URL only between blanks."""
    if re.search(r"\A\||\s\|\s", text) or ("|" in text and "//" not in text):
        return "|"
    found = re.search(r"[,;\t]", re.sub(r'"[^"]*"', "", text))
    return found[0] if found else ""


def _header(cells: list[str]) -> list[str]:
    """Return the names of the columns where a line is the header of a table: words only, one of which is known as a heading; else []."""
    names = [column(cell) for cell in cells]
    known = any(name in words()["types"] or name in _headings() for name in names)
    return names if known and all(not name or _WORD.fullmatch(name) for name in names) else []


def _of_cells(cells: list[str], columns: list[str], name: str, number: int) -> Iterator[Indicator | Refused]:
    """Yield the indicators of one line: the columns that the header names, else every cell that is an indicator."""
    problems: list[tuple[str, str]] = []
    taken = 0
    facts = _facts(dict(zip(columns, cells, strict=False))) if columns else NO_FACTS
    for value, word in _values(cells, columns):
        kind = words()["types"].get(word, "")
        try:
            if unlike := no_file(word, value):
                raise NoIndicatorError(f"a value of the kind {unlike} is not looked for: `{short(value)}`")
            type_, normal = normalise(value, kind)
        except NoIndicatorError as e:
            problems.append((value, str(e)))
            continue
        taken += 1
        if type_ == "url" and not columns and any(_HASH.fullmatch(cell.strip("\"' ")) for cell in cells):
            yield Refused(name, number, f"`{short(value)}` is beside a hash: taken as a reference to a report; give it a line of its own")
            continue
        yield Indicator(type_, normal, name, number, facts)
        if not kind and (other := also(value, type_, normal)):
            yield Indicator(*other, name, number, facts)
    broad = [p for p in problems if "would match" in p[1] and re.search(r"[.*/\\]", p[0])]  # not a word beside an indicator
    if broad or (problems and not taken):
        yield Refused(name, number, (broad or problems)[0][1])


NO_FACTS = IndicatorFacts()
_HASH = re.compile("[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")


def _facts(about: Mapping[str, str]) -> IndicatorFacts:
    """Return what the columns of a table say of its indicators."""
    expires = next((about[c] for c in ("expires", "expiry", "valid_until", "expiration", "expiration_date") if about.get(c)), "")
    return IndicatorFacts(about.get("tlp", "").upper().removeprefix("TLP:"), about.get("confidence", ""), expires)


def _values(cells: list[str], columns: list[str]) -> list[tuple[str, str]]:
    """Return (value, word that says what it is, or '') of the cells that hold indicators."""
    if not columns:
        return [(cell, "") for cell in cells if cell.strip("-:= ")]
    types, about = words()["types"], dict(zip(columns, cells, strict=False))
    given = next((column(about[c]) for c in words()["type_columns"] if about.get(c)), "")
    chosen = (
        [c for c in about if c in types] or [c for c in about if c in words()["name_columns"]] or [c for c in about if c not in _headings()]
    )
    found: list[tuple[str, str]] = []
    for name in (c for c in chosen if about[c].strip("-")):
        word = name if types.get(name) or no_file(name, about[name]) else given
        values, kinds = about[name].split("|"), word.split("|")  # MISP: `filename|md5` of `a.exe|d41d…`
        found += zip(values, kinds, strict=True) if len(values) == len(kinds) else [(about[name], word)]
    return found


@cache
def _headings() -> frozenset[str]:
    """Return the words of a header that name no type of indicator."""
    return frozenset((*words()["type_columns"], *words()["name_columns"], *words()["other_columns"]))
