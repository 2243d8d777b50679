"""Sentence templates: the one way in which Escadre turns values into a message for a person.

Artefacts, event definitions, log patterns, detection rules, persistence rows and the ledger compile their texts here.

    ran = sentence("{process.name!q} ran {runs} {runs:time|times}[, last at {@timestamp}].")
    ran({"process.name": "cmd.exe", "runs": 1})        # 'cmd.exe ran 1 time.'

Syntax:

    {name}              the value; a list as `a, b and c`; control characters and line breaks become one blank
    {name!q}            the same, in quotes where the value could be misread as part of the sentence
    {name!n}            an integer with separators: 1,234,567
    {name:time|times}   the word that agrees with the number (or with the length of the list)
    [ by {name}]        dropped where a value inside is absent; brackets nest
    [{a}|{b}|a text]    the first alternative of which every value is present, or nothing
    [{?a}, hidden]      {?a} shows nothing and counts as present where the value is present and not false; {!a} is its opposite

None, an empty text and an empty list are absent. A value that is absent outside of brackets reads `(not recorded)`: a template puts
what may be absent in brackets, and the tests over the golden records hold that.
A template ends with a full stop and contains no other brackets or braces.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

UNKNOWN = "(not recorded)"
"""Text shown for an absent value outside of brackets."""
SHORT = 160
"""Characters of one value that a message with a `limit` usually shows."""

_TOKEN = re.compile(r"\{([?!]?[^{}\[\]|!:?]+)(?:!([qn]))?(?::([^{}\[\]|]+)\|([^{}\[\]|]+))?\}|([\[\]|])|([^{}\[\]|]+)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_UNSEEN = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]")
"""Characters without a width, and those that turn the direction of a text: `admin\u200b` is another account than `admin`"""
_BLANK = r" \t-\r\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""The characters of `\\s`. A set of characters matches twice as fast without a class in it."""
_PLAIN = re.compile(rf"(?!\?)[^{_BLANK}\"`'()<>,;]*[^{_BLANK}\"`'()<>,;.:?!\\]")
"""A value that needs no quotes: no blank, quote or bracket in it, no question mark at its beginning, no punctuation at its end."""


class Sentence:
    """A compiled template. Call it with the values by name. `fields` are all names in it, `required` those outside of brackets."""

    __slots__ = ("_form", "_shows", "fields", "required", "text")

    def __init__(self, text: str, limit: int = 0, absent: frozenset[str] = frozenset()) -> None:
        """Compile `text`. `limit` caps the characters of each value (0: no cap); `absent` lists further texts that mean "no value".

        Raises ValueError where the syntax is wrong or the full stop is missing.
        """
        self.text = text
        tokens = list(_tokens(text))
        parser = _Parser(text, tokens)
        alternatives = parser.alternatives()
        if parser.at != len(tokens) or len(alternatives) != 1:
            raise ValueError(f"`{text}`: `]` or `|` outside of brackets")
        parts = alternatives[0]
        self.required = tuple(dict.fromkeys(p.name for p in parts if isinstance(p, _Slot)))
        self.fields = tuple(dict.fromkeys(parser.names))
        if not _ends(parts):
            raise ValueError(f"`{text}`: a sentence ends with a full stop")
        self._form, self._shows = _compiled(parts, _Shown(limit, absent, UNKNOWN))

    def __call__(self, values: Mapping[str, Any]) -> str:
        """Return the sentence with `values` filled in."""
        made = self._form % tuple([show(values) for show in self._shows])
        if made.endswith(("..", " .")):  # the last value has a full stop or a blank of its own
            made = made[:-1].rstrip()
            return made if made.endswith(".") else f"{made}."
        return made


@lru_cache(maxsize=1024)
def sentence(text: str, limit: int = 0, absent: frozenset[str] = frozenset()) -> Sentence:
    """Return the compiled template; each one is compiled once. Raises ValueError, see `Sentence`."""
    return Sentence(text, limit, absent)


def quoted(value: str) -> str:
    """Return the value in double quotes where it could be misread as part of a sentence, else as it is."""
    if _PLAIN.fullmatch(value):
        return value
    return f"`{value}`" if '"' in value else f'"{value}"'


def shown(value: str) -> str:
    """Return the value on one line, in quotes where it could be misread as part of a sentence."""
    return value if value.isprintable() and _PLAIN.fullmatch(value) else quoted(one_line(value))


PLAIN, SIMPLE = 2, 1
"""forms of a path: it needs no quotes; it has none of its own, so that quotes around it suffice. 0: any other"""


def form_above(path: str) -> int:
    r"""Return the form of `path\` as the beginning of a longer path."""
    return _form_of(path, f"{path}\\x")


def form_within(name: str) -> int:
    """Return the form of a name in the middle of a path. The form of a path is the least of its parts."""
    return _form_of(name, f"x{name}\\x")


def form_last(name: str) -> int:
    """Return the form of a name at the end of a path."""
    return _form_of(name, f"x{name}")


def _form_of(name: str, placed: str) -> int:
    if not name.isprintable():
        return 0
    return PLAIN if _PLAIN.fullmatch(placed) else SIMPLE if '"' not in name else 0


_quoted = lru_cache(maxsize=4096)(quoted)
"""For names, which occur again and again. Longer values would fill the memory."""
_NAME = 64


def short(value: str, limit: int = SHORT) -> str:
    """Return the value cut to `limit` characters, the last of them `…` where something is missing."""
    return value if len(value) <= limit else value[: limit - 1] + "…"


def one_line(value: str) -> str:
    r"""Return the value with each run of control characters replaced by one blank, and characters that nobody sees as `\u200b`."""
    if value.isprintable():
        return value
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", _CONTROL.sub(" ", value).strip())


_Show = Callable[[Mapping[str, Any]], str | None]
"""A compiled part: values → its text, or None where it has no value (`_Shown.missing` replaces None)."""


def listed(words: Iterable[str]) -> str:
    """Return `a, b and c`."""
    first = list(words)
    last = first.pop() if first else ""
    return f"{', '.join(first)} and {last}" if first else last


@dataclass(frozen=True, slots=True)
class _Shown:
    """Forms in which a value becomes text."""

    limit: int
    absent: frozenset[str]
    missing: str | None
    """What a part gives where its value is absent: a text outside of brackets, None inside."""

    def text(self, value: Any) -> str | None:
        """Return the text of a single value without quotes, or None where it is absent."""
        if value.__class__ is not str:
            if value is None:
                return None
            value = str(value) if not isinstance(value, bool) else "true" if value else "false"
        if not value.isprintable():
            value = one_line(value)
        if not value or value in self.absent:
            return None
        return short(value, self.limit) if 0 < self.limit < len(value) else value

    def words(self, values: Iterable[Any], quote: bool) -> str | None:
        """Return the text of a list, or None where no element has one."""
        words = [text for text in map(self.text, values) if text is not None]
        return listed(map(quoted, words) if quote else words) if words else None


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place for one value."""

    name: str
    quote: bool

    def compiled(self, shown: _Shown) -> _Show:
        """Return the function that shows the value. It runs for each value of each message, so it holds what it needs."""
        name, quote, text, words, missing = self.name, self.quote, shown.text, shown.words, shown.missing
        absent, most = shown.absent | {""}, shown.limit or sys.maxsize

        def show(values: Mapping[str, Any]) -> str | None:
            value = values.get(name)
            if value.__class__ is str and value not in absent and len(value) <= most and value.isprintable():  # nearly all are
                if quote:
                    return _quoted(value) if len(value) <= _NAME else quoted(value)
                return value if value[0] != " " else value.lstrip(" ") or missing
            if value.__class__ is list or value.__class__ is tuple:
                made = words(value, quote)
            else:
                made = text(value)
                if quote and made is not None:
                    made = quoted(made)
            return missing if made is None else made

        return show


@dataclass(frozen=True, slots=True)
class _Number:
    """A number with separators."""

    name: str

    def compiled(self, shown: _Shown) -> _Show:
        def show(values: Mapping[str, Any]) -> str | None:
            value = values.get(self.name)
            return f"{value:,}" if isinstance(value, int) else shown.missing if value is None else str(value)

        return show


@dataclass(frozen=True, slots=True)
class _Plural:
    """A word that agrees with a number."""

    name: str
    one: str
    many: str

    def compiled(self, shown: _Shown) -> _Show:
        def show(values: Mapping[str, Any]) -> str | None:
            value = values.get(self.name)
            if value is None:
                return shown.missing
            count = len(value) if isinstance(value, (list, tuple)) else value
            return self.one if count == 1 or count == "1" else self.many

        return show


@dataclass(frozen=True, slots=True)
class _Condition:
    """Present with an empty text where a value is true (`wanted`), or where it is false or absent."""

    name: str
    wanted: bool

    def compiled(self, shown: _Shown) -> _Show:
        return lambda values: "" if bool(values.get(self.name)) is self.wanted else shown.missing


@dataclass(frozen=True, slots=True)
class _Optional:
    """Alternatives of which the first complete one is shown."""

    alternatives: tuple[tuple[_Part, ...], ...]

    def compiled(self, shown: _Shown) -> _Show:
        inside = replace(shown, missing=None)
        alternatives = [_compiled(parts, inside) for parts in self.alternatives]
        if len(alternatives) == 1 and len(alternatives[0][1]) == 1:
            return self._one(*alternatives[0])

        def show(values: Mapping[str, Any]) -> str:
            for form, shows in alternatives:
                made = []
                for part in shows:
                    text = part(values)
                    if text is None:
                        break
                    made.append(text)
                else:
                    return form % tuple(made)
            return ""

        return show

    @staticmethod
    def _one(form: str, shows: tuple[_Show, ...]) -> _Show:
        """Return the function for one value with text around it, which most brackets are."""
        part = shows[0]

        def show(values: Mapping[str, Any]) -> str:
            text = part(values)
            return "" if text is None else form % text

        return show


_Part = str | _Slot | _Number | _Plural | _Condition | _Optional


def _compiled(parts: Iterable[_Part], shown: _Shown) -> tuple[str, tuple[_Show, ...]]:
    """Return a %-form, and the functions that give the texts for it."""
    form, shows = "", []
    for part in parts:
        if isinstance(part, str):
            form += part.replace("%", "%%")
        else:
            form += "%s"
            shows.append(part.compiled(shown))
    return form, tuple(shows)


def _tokens(text: str) -> Iterator[re.Match[str]]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"`{text}`: wrong syntax at `{text[at : at + 20]}`")
        yield found
        at = found.end()


class _Parser:
    """Recursive descent over the tokens; `names` collects the fields in their order."""

    def __init__(self, text: str, tokens: list[re.Match[str]]) -> None:
        self.text, self.tokens, self.at = text, tokens, 0
        self.names: list[str] = []

    def alternatives(self) -> tuple[tuple[_Part, ...], ...]:
        """Parse up to the closing bracket or the end."""
        found: list[list[_Part]] = [[]]
        while self.at < len(self.tokens) and self.tokens[self.at][5] != "]":
            token = self.tokens[self.at]
            self.at += 1
            if token[5] == "|":
                found.append([])
            elif token[5] == "[":
                inner = _Optional(self.alternatives())
                if self.at == len(self.tokens):
                    raise ValueError(f"`{self.text}`: a bracket is not closed")
                self.at += 1
                found[-1].append(inner)
            else:
                found[-1].append(self._plain(token))
        return tuple(map(tuple, found))

    def _plain(self, token: re.Match[str]) -> _Part:
        name, conversion, one, many, _, text = token.groups()
        if text is not None:
            return str(text)
        if name[0] in "?!":
            self.names.append(name[1:])
            return _Condition(name[1:], name[0] == "?")
        self.names.append(name)
        if one is not None:
            return _Plural(name, one, many)
        return _Number(name) if conversion == "n" else _Slot(name, conversion == "q")


def _ends(parts: tuple[_Part, ...]) -> bool:
    """Return whether every way through the parts ends with a full stop."""
    if not parts:
        return False
    last = parts[-1]
    if isinstance(last, _Optional):
        return all(_ends(a) for a in last.alternatives) and _ends(parts[:-1])
    return isinstance(last, str) and last.endswith(".")
