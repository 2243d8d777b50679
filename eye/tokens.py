"""The words of a record: made here, once, so that both engines index the same tokens.

`escadre.all` holds every token of every value (DESIGN, "Keywords"): a value, in lower case, is cut at every character that is no letter
and no digit (`_` and `.` too, camel case not), and each run without white space is kept whole as well. The cut words of a value
stand in their order, then a gap, then its runs in their order: so a phrase finds words, or whole runs, that follow each other.

Text fields (`message`) have the words of Unicode Standard Annex #29 as Lucene's StandardTokenizer makes them, so that a named text field
means the same here and in Elasticsearch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

GAP = "\ufdd0"
"""A token that no evidence has (a Unicode noncharacter, taken out of values): no phrase reaches across it."""

MAX_TOKEN = 8191
"""Longest token, in characters (at most 32,764 bytes, below Lucene's 32,766); a longer run is cut into pieces of this length."""

STANDARD_MAX = 255
"""Longest token of a text field: StandardTokenizer's default."""

_WORD = re.compile(r"[^\W_]+")
_CJK = "\u3041-\u3096\u309d-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_LETTER, _DIGIT = rf"[^\W\d_{_CJK}]", r"\d"
_STANDARD = re.compile(
    rf"[{_CJK}]"
    rf"|(?:{_LETTER}|{_DIGIT}|_)(?:[\u0300-\u036f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064]*"
    rf"(?:{_LETTER}|{_DIGIT}|_"
    rf"|(?<={_LETTER})[:\u00b7.\u2018\u2019\u2024'](?={_LETTER})"
    rf"|(?<=\d)[,;.\u2018\u2019\u2024'](?=\d)))*[\u0300-\u036f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064]*"
)


def words(text: str) -> list[str]:
    """Tokens of one value, in the order in which they are indexed: cut words, gap, whole runs (only where they differ)."""
    low = text.lower().replace(GAP, " ")
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
    found = (w for w in _STANDARD.findall(text) if w.strip("_") != "")
    return [w[at : at + STANDARD_MAX].lower() for w in found for at in range(0, len(w), STANDARD_MAX)]


def all_tokens(record: Mapping[str, Any]) -> list[str]:
    """The tokens of `escadre.all`: of every value of the record, free-form objects and lists included, names of fields not."""
    tokens: list[str] = []
    for text in _texts(record.values()):
        tokens += _cached(text) if len(text) <= 200 else words(text)
        tokens.append(GAP)
    return tokens


@lru_cache(maxsize=20_000)
def _cached(text: str) -> tuple[str, ...]:
    return tuple(words(text))


def _texts(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _texts(value)
        elif isinstance(value, dict):
            yield from _texts(value.values())
        elif isinstance(value, bool):
            yield "true" if value else "false"
        elif value is not None:
            yield str(value)
