"""Find the scalars of a JSON text with their places, so that one can go and every other byte stays.

Source: RFC 8259; comments and trailing commas as Visual Studio Code and Windows Terminal read them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from hunter.objects._text import Cut

_TOKEN = re.compile(rb'[ \t\r\n]+|//[^\n]*|/\*.*?\*/|"(?:[^"\\\x00-\x1f]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"/]+', re.DOTALL)
_DEEPEST = 200


@dataclass(frozen=True, slots=True)
class JsonScalar:
    """One scalar: the name of its member (that of the list for an element), its text, and the cut that takes it out with a comma."""

    name: str
    text: str
    at: int
    cut: Cut


def scalars(data: bytes) -> list[JsonScalar]:
    """Return every scalar. ValueError where it is no JSON."""
    return _JsonReader(data).read()


class _JsonReader:
    def __init__(self, data: bytes) -> None:
        self._tokens = list(_tokens(data))
        self._at = 0
        self._found: list[JsonScalar] = []

    def read(self) -> list[JsonScalar]:
        self._value("", 0)
        if self._at != len(self._tokens):
            raise ValueError(f"it is no JSON at byte {self._tokens[self._at][1]}")
        return self._found

    def _peek(self) -> bytes:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else b""

    def _take(self, expected: bytes = b"") -> tuple[bytes, int, int]:
        if self._at >= len(self._tokens) or (expected and self._peek() != expected):
            raise ValueError("it is no JSON: " + (f"{expected.decode()} is missing" if expected else "it ends too early"))
        self._at += 1
        return self._tokens[self._at - 1]

    def _value(self, name: str, depth: int) -> str | None:
        """Read one value; return the text of a scalar."""
        if depth > _DEEPEST:
            raise ValueError("its parts are nested too deeply")
        kind, begin, _ = self._take()
        if kind in (b"{", b"["):
            self._parts(kind, name, depth)
            return None
        if kind in (b"}", b"]", b":", b","):
            raise ValueError(f"it is no JSON at byte {begin}")
        return _text(kind)

    def _parts(self, kind: bytes, name: str, depth: int) -> None:
        end = b"}" if kind == b"{" else b"]"
        before: int | None = None
        while self._peek() != end:
            first = self._tokens[self._at][1] if self._at < len(self._tokens) else 0
            member = name
            if kind == b"{":
                member = _text(self._take()[0])
                self._take(b":")
            text = self._value(member, depth + 1)
            last = self._tokens[self._at - 1][2]
            comma = self._take()[1:] if self._peek() == b"," else None
            if text is not None:
                behind = self._tokens[self._at][1] if comma and self._at < len(self._tokens) else last
                cut = (
                    (first, behind)
                    if comma and self._peek() != end
                    else (before if before is not None else first, comma[1] if comma else last)
                )
                self._found.append(JsonScalar(member, text, first, cut))
            if comma is None:
                break
            before = comma[0]
        self._take(end)


def _tokens(data: bytes) -> list[tuple[bytes, int, int]]:
    """Return (token, begin, end) without white space and comments. ValueError for what is none."""
    found, at = [], 3 if data.startswith(b"\xef\xbb\xbf") else 0
    while at < len(data):
        match = _TOKEN.match(data, at)
        if match is None:
            raise ValueError(f"it is no JSON at byte {at}")
        if not match[0][:1].isspace() and match[0][:2] not in (b"//", b"/*"):
            found.append((match[0], at, match.end()))
        at = match.end()
    return found


def _text(token: bytes) -> str:
    if not token.startswith(b'"'):
        return token.decode("utf-8", "replace")
    try:
        return str(json.loads(token.decode("utf-8", "surrogateescape")))
    except ValueError as e:
        raise ValueError("a string of it cannot be read") from e
