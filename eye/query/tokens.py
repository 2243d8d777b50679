"""The words of a record: made here, once, so that both engines index the same tokens.

`escadre.all` holds every token of every value (DESIGN, "Keywords"): a value, in lower case, is cut at every character that is no letter
and no digit (`_` and `.` too, camel case not), and each run without white space is kept whole as well. A record's text is the cut words of
all its values, a gap after each value, then the runs of those values that are more than one plain word, in the same way: so a phrase finds
words, or whole runs, that follow each other within one value. A value that stands in a record twice gives its words once.

Text fields (`message`) have the words of Unicode Standard Annex #29 as Lucene's StandardTokenizer makes them, so that a named text field
means the same here and in Elasticsearch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

GAP = "\ufdd0"
"""A token that no evidence has (a Unicode noncharacter, taken out of values): no phrase reaches across it."""

MAX_TOKEN = 8191
"""Longest token, in characters (at most 32,764 bytes, below Lucene's 32,766); a longer run is cut into pieces of this length."""

STANDARD_MAX = 255
"""Longest token of a text field: StandardTokenizer's default."""

_SEPARATOR = "\x1f"
"""Stands between values while a whole record is cut at once: white space, so never within a token."""
_BETWEEN = f" {GAP} "

_WORD = re.compile(r"[^\W_]+")
_NO_WORD, _BLANK = re.compile(rf"(?:[^\w{_SEPARATOR}]|_)+"), re.compile(rf"[^\S{_SEPARATOR}]")
_ASCII = [chr(n) for n in range(128)]
_CUT = "".join(c.lower() if c.isalnum() or c == _SEPARATOR else " " for c in _ASCII).encode().ljust(256)
_BLANKS = "".join(" " if c.isspace() and c != _SEPARATOR else c.lower() for c in _ASCII).encode().ljust(256)
"""Tables for ASCII as bytes: lower case and blanks in one step."""

_CJK = "\u3041-\u3096\u309d-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_LETTER, _DIGIT = rf"[^\W\d_{_CJK}]", r"\d"
_STANDARD = re.compile(
    rf"[{_CJK}]"
    rf"|(?:{_LETTER}|{_DIGIT}|_)(?:[\u0300-\u036f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064]*"
    rf"(?:{_LETTER}|{_DIGIT}|_"
    rf"|(?<={_LETTER})[:\u00b7.\u2018\u2019\u2024'](?={_LETTER})"
    rf"|(?<=\d)[,;.\u2018\u2019\u2024'](?=\d)))*[\u0300-\u036f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064]*"
)
_STANDARD_ASCII = re.compile(r"\w+(?:(?:(?<=[a-z])[:.'](?=[a-z])|(?<=\d)[,;.'](?=\d))\w+)*", re.ASCII)
"""The same rule over ASCII in lower case."""


def fold(text: str) -> str:
    """Lower case, one character for one, as Lucene's LowerCaseFilter and DuckDB's `lower` make it. Python's own looks at what stands around
    a capital sigma, and makes two characters of a capital I with a dot; no other character differs.
    """
    return text.lower() if text.isascii() else text.replace("\u03a3", "\u03c3").replace("\u0130", "i").lower()


def words(text: str) -> list[str]:
    """Tokens of one value, in the order in which they are indexed: cut words, gap, whole runs (only where they differ)."""
    low = fold(text).replace(GAP, " ")
    cut = _WORD.findall(low)
    runs = low.split()
    tokens = cut if runs == cut else [*cut, GAP, *runs] if cut else runs
    return tokens if len(low) <= MAX_TOKEN else list(_pieces(tokens))


def _pieces(tokens: Iterable[str]) -> Iterator[str]:
    for token in tokens:
        for at in range(0, len(token), MAX_TOKEN):
            yield token[at : at + MAX_TOKEN]


def standard_words(text: str) -> list[str]:
    """Words of a text field after UAX #29, in lower case: `comsvcs.dll` and `192.0.2.1` are one word, `a-b` is two."""
    if text.isascii() and len(text) <= STANDARD_MAX:
        found = _STANDARD_ASCII.findall(text.lower())
        return [w for w in found if w.strip("_")] if "_" in text else found
    kept = (w for w in _STANDARD.findall(text) if w.strip("_") != "")
    return [fold(w[at : at + STANDARD_MAX]) for w in kept for at in range(0, len(w), STANDARD_MAX)]


def all_text(record: Mapping[str, Any]) -> str:
    """The tokens of `escadre.all`, with blanks between them: of every value of the record, free-form objects and lists included,
    names of fields not.
    """
    texts: list[str] = []
    _texts(record.values(), texts)
    once = dict.fromkeys(texts)
    whole, long = _SEPARATOR.join(once), ""
    if len(whole) > MAX_TOKEN or whole.count(_SEPARATOR) >= max(1, len(once)):
        long = _BETWEEN.join([" ".join(words(text)) for text in once if len(text) > MAX_TOKEN])
        once = dict.fromkeys(text.replace(_SEPARATOR, " ") for text in once if len(text) <= MAX_TOKEN)
        whole = _SEPARATOR.join(once)
    if whole.isascii():
        cut = whole.encode().translate(_CUT).decode()
        runs = _SEPARATOR.join([text for text in once if not text.isalnum()]).encode().translate(_BLANKS).decode()
    else:
        low = fold(whole).replace(GAP, " ")
        cut, runs = _NO_WORD.sub(" ", low), _BLANK.sub(" ", low)
    text = f"{cut}{_SEPARATOR}{runs}".replace(_SEPARATOR, _BETWEEN)
    return f"{text}{_BETWEEN}{long}" if long else text


def all_tokens(record: Mapping[str, Any]) -> list[str]:
    """The tokens of `escadre.all`, one by one."""
    return all_text(record).split()


def _texts(values: Iterable[Any], found: list[str]) -> None:
    for value in values:
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            _texts(value, found)
        elif isinstance(value, dict):
            _texts(value.values(), found)
        elif isinstance(value, bool):
            found.append("true" if value else "false")
        elif value is not None:
            found.append(str(value))
