"""Sentence templates: the one way in which Escadre turns values into a message for a person.

Artefacts, event definitions, log patterns, detection rules, persistence rows and the ledger compile their texts here.

    ran = sentence("{process.name!q} ran {runs} {runs:time|times}[, last at {@timestamp}].")
    ran({"process.name": "cmd.exe", "runs": 1})        # 'cmd.exe ran 1 time.'

Syntax:

    {name}              the value; a list as `a, b and c`; control characters and line breaks become one blank
    {name!q}            the same, in quotes where the value could be misread as part of the sentence
    {name!n}            an integer with separators: 1,234,567
    {name:time|times}   the word that agrees with the number (or with the length of the list)
    [ by {name}]        dropped as a whole where a value inside is absent; brackets nest
    [{a}|{b}|a text]    the first alternative of which every value is present, or nothing
    [{?a}, hidden]      {?a} shows nothing and counts as present where the value is present and not false; {!a} is its opposite

None, an empty text and an empty list are absent. A value that is absent outside of brackets reads `(not recorded)`: a template puts
what may be absent in brackets, and the tests over the golden records hold that.
A template ends with a full stop and contains no other brackets or braces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

UNKNOWN = "(not recorded)"
"""Text shown for an absent value outside of brackets."""
SHORT = 160
"""Characters of one value that a message with a `limit` usually shows."""

_TOKEN = re.compile(r"\{([?!]?[^{}\[\]|!:?]+)(?:!([qn]))?(?::([^{}\[\]|]+)\|([^{}\[\]|]+))?\}|([\[\]|])|([^{}\[\]|]+)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_PLAIN = re.compile(r"[^\s\"`'()<>,;]*[^\s\"`'()<>,;.:?!\\]")
"""A value that needs no quotes: no blank, quote or bracket in it, no punctuation at its end."""


class Sentence:
    """A compiled template. Call it with the values by name. `fields` are all names in it, `required` those outside of brackets."""

    __slots__ = ("_parts", "fields", "required", "text")

    def __init__(self, text: str, limit: int = 0, absent: frozenset[str] = frozenset()) -> None:
        """Compile `text`. `limit` caps the characters of each value (0: no cap); `absent` lists further texts that mean "no value".

        Raises ValueError where the syntax is wrong or the full stop is missing.
        """
        self.text = text
        tokens = list(_tokens(text))
        parser = _Parser(text, tokens, _Shown(limit, absent))
        alternatives = parser.alternatives()
        if parser.at != len(tokens) or len(alternatives) != 1:
            raise ValueError(f"`{text}`: `]` or `|` outside of brackets")
        self._parts = alternatives[0]
        self.required = tuple(dict.fromkeys(p.name for p in self._parts if isinstance(p, _Slot)))
        self.fields = tuple(dict.fromkeys(parser.names))
        if not _ends(self._parts):
            raise ValueError(f"`{text}`: a sentence ends with a full stop")

    def __call__(self, values: Mapping[str, Any]) -> str:
        """Return the sentence with `values` filled in."""
        out = []
        for part in self._parts:
            made = part if isinstance(part, str) else part(values)
            out.append(UNKNOWN if made is None else made)
        return "".join(out)


@lru_cache(maxsize=1024)
def sentence(text: str, limit: int = 0, absent: frozenset[str] = frozenset()) -> Sentence:
    """Return the compiled template; each one is compiled once. Raises ValueError, see `Sentence`."""
    return Sentence(text, limit, absent)


def quoted(value: str) -> str:
    """Return the value in double quotes where it could be misread as part of a sentence, else as it is."""
    if _PLAIN.fullmatch(value):
        return value
    return f"`{value}`" if '"' in value else f'"{value}"'


def short(value: str, limit: int = SHORT) -> str:
    """Return the value cut to `limit` characters, the last of them `…` where something is missing."""
    return value if len(value) <= limit else value[: limit - 1] + "…"


def one_line(value: str) -> str:
    """Return the value with each run of control characters and line breaks replaced by one blank."""
    return value if value.isprintable() else _CONTROL.sub(" ", value).strip()


@dataclass(frozen=True, slots=True)
class _Shown:
    """How values become text."""

    limit: int
    absent: frozenset[str]

    def text(self, value: Any, quote: bool = False) -> str | None:
        """Return the text of a value, or None where it is absent."""
        if value is None:
            return None
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (list, tuple)):
            words = [quoted(w) if quote else w for w in map(self.text, value) if w is not None]
            return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0] if words else None
        said = value if isinstance(value, str) else str(value)
        if not said.isprintable():
            said = one_line(said)
        if not said or said in self.absent:
            return None
        if self.limit:
            said = short(said, self.limit)
        return quoted(said) if quote else said


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place for one value."""

    name: str
    shown: _Shown
    quote: bool

    def __call__(self, values: Mapping[str, Any]) -> str | None:
        return self.shown.text(values.get(self.name), self.quote)


@dataclass(frozen=True, slots=True)
class _Number:
    """A number with separators."""

    name: str

    def __call__(self, values: Mapping[str, Any]) -> str | None:
        value = values.get(self.name)
        return f"{value:,}" if isinstance(value, int) else None if value is None else str(value)


@dataclass(frozen=True, slots=True)
class _Plural:
    """A word that agrees with a number."""

    name: str
    one: str
    many: str

    def __call__(self, values: Mapping[str, Any]) -> str | None:
        value = values.get(self.name)
        if value is None:
            return None
        count = len(value) if isinstance(value, (list, tuple)) else value
        return self.one if count == 1 or count == "1" else self.many


@dataclass(frozen=True, slots=True)
class _Condition:
    """Present with an empty text where a value is true (`wanted`), or where it is false or absent."""

    name: str
    wanted: bool

    def __call__(self, values: Mapping[str, Any]) -> str | None:
        return "" if bool(values.get(self.name)) is self.wanted else None


@dataclass(frozen=True, slots=True)
class _Optional:
    """Alternatives of which the first complete one is shown."""

    alternatives: tuple[tuple[_Part, ...], ...]

    def __call__(self, values: Mapping[str, Any]) -> str | None:
        for parts in self.alternatives:
            made = [part if isinstance(part, str) else part(values) for part in parts]
            if None not in made:
                return "".join(m for m in made if m is not None)
        return ""


_Part = str | _Slot | _Number | _Plural | _Condition | _Optional


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

    def __init__(self, text: str, tokens: list[re.Match[str]], shown: _Shown) -> None:
        self.text, self.tokens, self.shown, self.at = text, tokens, shown, 0
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
        return _Number(name) if conversion == "n" else _Slot(name, self.shown, conversion == "q")


def _ends(parts: tuple[_Part, ...]) -> bool:
    """Whether every way through the parts ends with a full stop."""
    if not parts:
        return False
    last = parts[-1]
    if isinstance(last, _Optional):
        return all(_ends(a) for a in last.alternatives) and _ends(parts[:-1])
    return isinstance(last, str) and last.endswith(".")
