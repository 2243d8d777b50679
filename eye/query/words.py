"""The words of a record: the text that both engines index, cut by the same rule.

A word is a run of letters and digits (Unicode properties Alphabetic and Number), case folded character by character. The cut itself is made
by the engine: tantivy's `simple` tokenizer with the `lowercase` filter here, a `pattern` tokenizer with the same class and the `lowercase`
filter in Elasticsearch. What the two do not share is levelled before the text reaches either: composed Unicode form (NFC), the capital I
with a dot, and words longer than a term may be.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import tantivy

MAX_WORD = 8191
"""Longest word, in characters (at most 32,764 bytes in UTF-8, below Lucene's 32,766). A longer run is cut into pieces of this length."""

ANALYZER = "words"
NOT_SEARCHED = ("escadre.id", "escadre.all")
"""Fields whose value is no text to look for: the id of a record is found by its field, or when it is typed in full."""

BLANKS = re.compile("[ \t\n\f\r]+")
"""What the engine's tokenizer of pieces cuts at: the blanks of ASCII but for the vertical tab."""
_ODD_BLANKS = re.compile("[\t\n\f\r]|  ")
EDGE = UNCUT = "\x7f"
"""In a field of pieces: a piece by itself stands for one that is too long for a term; the sign before or behind a piece marks one that
has no other beside it with one blank between them.
"""
_UNBROKEN = re.compile("[^ \t\n\f\r]+")
_LONG = re.compile(rf"[^\W_]{{{MAX_WORD}}}")


def fold(text: str) -> str:
    """Lower case, one character for one, as Lucene's LowerCaseFilter makes it. Python's own lower() looks at what surrounds a capital
    sigma, and makes two characters of a capital I with a dot; no other character differs.
    """
    return text.lower() if text.isascii() else text.replace("\u03a3", "\u03c3").replace("\u0130", "i").lower()


def level(text: str) -> str:
    """The text as both engines get it: composed (NFC), long words cut."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text).replace("\u0130", "I")
    return _LONG.sub(r"\g<0> ", text) if len(text) > MAX_WORD else text


def is_level(text: str) -> bool:
    """Return whether `level` changes nothing but long words of a text."""
    return text.isascii() or ("\u0130" not in text and unicodedata.is_normalized("NFC", text))


def clean(text: str) -> str:
    """Text without lone surrogates, which no encoding has."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def cut_for_terms(text: str) -> str:
    """A levelled text for the tokenizer of pieces: first and last piece once more with EDGE, and so those beside more or other than one
    blank, so that pieces which follow each other have one blank between them; UNCUT in place of those that are too long for a term.
    """
    if "  " not in text and len(text) <= MAX_WORD and text.isprintable():  # nearly every text
        row = text.strip(" ")
        return f"{EDGE}{row.partition(' ')[0]} {row} {row.rpartition(' ')[2]}{EDGE}" if row else ""
    if EDGE in text:
        return UNCUT
    if len(text) > MAX_WORD:
        text = _UNBROKEN.sub(lambda found: found[0] if len(found[0]) <= MAX_WORD else UNCUT, text)
    rows = [text] if not _ODD_BLANKS.search(text) else BLANKS.sub(lambda found: " " if found[0] == " " else "\n", text).split("\n")
    rows = [row.strip(" ") for row in rows]
    return " ".join(f"{EDGE}{row.partition(' ')[0]} {row} {row.rpartition(' ')[2]}{EDGE}" for row in rows if row)


@cache
def analyzer() -> tantivy.TextAnalyzer:
    """The engine's tokenizer and filters for words."""
    return tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple()).filter(tantivy.Filter.lowercase()).build()


def words(text: str) -> list[str]:
    """The words of a text, in order."""
    return list(analyzer().analyze(clean(level(text))))


def texts(record: Mapping[str, Any]) -> list[str]:
    """Every distinct value of a record as text, free-form objects and lists included, names of fields not."""
    searched = dict(record)
    for name in NOT_SEARCHED:
        searched.pop(name, None)
    found: list[str] = []
    leaves_into(searched.values(), found)
    return list(dict.fromkeys(found))


def leaves_into(values: Iterable[Any], found: list[str]) -> None:
    """Append the text of every leaf of the values."""
    for value in values:
        kind = type(value)
        if kind is str:
            found.append(value)
        elif kind is dict:
            leaves_into(value.values(), found)
        elif kind is list or kind is tuple:
            leaves_into(value, found)
        elif kind is bool:
            found.append("true" if value else "false")
        elif value is not None:
            found.append(str(value))


def without_case(values: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Values that differ in case only as one, written as the most frequent of them."""
    joined: dict[str, list[Any]] = {}
    for value, n in values:
        joined.setdefault(fold(value), [value, 0])[1] += n
    return sorted(((value, n) for value, n in joined.values()), key=lambda pair: (-pair[1], fold(pair[0])))
