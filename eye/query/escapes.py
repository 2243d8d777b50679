r"""Backslashes and wildcards in a text as it was typed or pasted.

A backslash escapes `* ? " ( ) [ ] { } : \ / ! + - ^ ~ & |` and a blank; before any other character it is a backslash. In a path
(`is_path`) it escapes only `" ( ) :`, and a backslash before a wildcard: before `*`, `{` or `-` it separates folders
(`C:\Temp\*.ps1`, `CLSID\{0000…}`). A text that may be either is read both ways (`readings`).
"""

from __future__ import annotations

import re

from eye.query.tree import ANY, ONE

ESCAPED = frozenset('*?"()[]{}:\\/!+-^~&| ')
"""What a backslash makes literal."""
_ESCAPED_IN_PATH = frozenset('"(): ')
_PATH = re.compile(
    r"""(?<!\\)\\[^*?"()\[\]{}:\\/!+\-^~&|\s]   # a backslash that can escape nothing
    | (?<!\\)\\\{[0-9A-Fa-f]{8}-                 # an identifier in braces
    | ^[A-Za-z]:\\(?!\\)                         # a drive
    | ^[%$][^\\\s]*\\(?!\\)                      # a variable""",
    re.VERBOSE,
)
LOOKED_AT = 300
"""Characters of a text that decide whether a backslash before a blank ends it."""
_SEPARATED = ("\\*", "\\?")
_UNC = re.compile(r"\\\\[^\\]+(?:\\[^\\]+)*\\?")
_BOTH_WAYS = re.compile(r"\\[*?{}\[\]\-!+~^&|/]|[^\w\\:*?]\\\\\w")


def is_path(raw: str) -> bool:
    r"""Return whether a text is a path whose backslashes are separators: each is written once, but for the two of `\\server\share`."""
    return _PATH.search(raw) is not None or _UNC.fullmatch(raw) is not None


def split(raw: str, *, path: bool | None = None) -> tuple[str, ...]:
    """A word as typed → literal parts, without their escapes, and wildcards. `path`: whether it is one, where that is known."""
    parts: list[str] = []
    literal, at = "", 0
    address = "://" in raw
    path = is_path(raw) if path is None else path
    escaped = _ESCAPED_IN_PATH if path else ESCAPED
    if raw.startswith("\\\\") and raw[2:3] != "\\" and "\\\\" not in raw[2:]:  # the two backslashes of \\server\share
        literal, at = "\\\\", 2
    while at < len(raw):
        c = raw[at]
        if c == "*" or (c == "?" and not address and "=" not in raw[at:]):
            parts += [literal] if literal else []
            literal = ""
            if not (c == "*" and parts and parts[-1] == ANY):
                parts.append(ANY if c == "*" else ONE)
            at += 1
        elif c == "\\" and at + 1 < len(raw) and (raw[at + 1] in escaped or (path and raw[at + 1 : at + 3] in _SEPARATED)):
            literal += raw[at + 1]
            at += 2
        else:
            literal += c
            at += 1
    return tuple(parts + ([literal] if literal or not parts else []))


def readings(raw: str) -> list[tuple[str, ...]]:
    r"""The parts of a word, for each way to read it: `Temp\*.ps1` is an escaped asterisk and also a folder."""
    found = [split(raw)]
    if not is_path(raw) and _BOTH_WAYS.search(raw):
        found.append(split(raw, path=True))
    return found


def unescape(raw: str) -> str:
    r"""Text without its escapes: `\:` is `:`, `\\` is `\`; other backslashes stay."""
    return re.sub(r"\\(.)", lambda m: m[1] if m[1] in ESCAPED else m[0], raw, flags=re.DOTALL)


def in_quotes(inner: str) -> str:
    r"""The text between quotes: `\"` is `"` and `\\` is `\`; where a single backslash shows that it was pasted as it is, only `\"` is."""
    pasted = any(one[1] not in '"\\' for one in re.findall(r"\\.", inner, re.DOTALL))
    return re.sub(r'\\(["])' if pasted else r'\\(["\\])', r"\1", inner)


def escapes_blank(query: str, begin: int, at: int) -> bool:
    r"""Return whether the backslash at `at`, before a blank, escapes it. `begin`: where the text begins.

    It does not where it ends a folder, `C:\Temp\ whoami`: the text is a path, and what follows does not go on with it.
    """
    before, after = query[begin : min(at, begin + LOOKED_AT)], re.compile(r"\S*").match(query, at + 2)
    follows = after[0] if after else ""
    if not (is_path(before) or re.fullmatch(r"[A-Za-z]:", before)) or re.search(r"[*?]", before + follows):
        return True
    return "\\" in follows and not re.match(r'[A-Za-z]:|\\\\|["\-/%$]', follows)
