"""What no record of a hive may contain: password hashes, keys that encrypt them, passwords. `secrets.yaml` lists them with the reasons."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import translate
from functools import cache, lru_cache
from typing import NamedTuple

from scout.data import load_data

PASSWORD_TYPES = frozenset((0, 1, 2, 3, 7))
"""types of data that can hold a password; `NoPassword` as a number is a setting"""

Withheld = Callable[[str, int], str]
"""name and type number of a value → why its data is withheld, '' to keep it"""


IN_ADDRESS = "the password in an address"
_ADDRESS = re.compile(r"(?i)([a-z0-9+.-]:[\\/]{2}[^\\/?#:@\s]*):[^\\/?#\s]*@")
"""of the scheme its last sign alone: a text of many dots would be looked through from each of them"""
_TYPED = re.compile(r"(?i)(?!mailto:)([^\\/?#:@\s]+):[^\\/?#\s]*@")


class _Rule(NamedTuple):
    literal: str
    """the longest text that each path of the key has, in lower case: most paths are passed over by it"""
    key: re.Pattern[str]
    values: re.Pattern[str]
    of_class: bool
    orphans: bool
    why: str


def withheld_values(path: str) -> Withheld | None:
    """Return a function (name, type number → reason, '' to keep the data) for the values of the key at `path`; None: all are kept.

    The rule on the ends of names is not among these; see `is_password`.
    """
    low = path.lower()
    for literal in _literals():
        if literal in low:
            break
    else:
        return None
    rules = [rule for rule in _rules() if not rule.of_class and rule.literal and rule.key.fullmatch(low)]
    if not rules:
        return None
    return lambda name, kind: next((rule.why for rule in rules if rule.values.fullmatch(name.lower())), "") or is_password(name, kind)


def may_withhold(path: str, *, end: bool = False) -> bool:
    """Return whether `withheld_values` may have an answer for the key at `path`, and for those below it; with `end`: for a key of which
    this is the last component, and nothing above it is known to give one.
    """
    low = path.lower()
    return any(literal in low for literal in (_ends() if end else _literals()))


def is_password(name: str, kind: int) -> str:
    """Return why the data of a value is withheld under any key; '' to keep it."""
    return named_password(name) if kind in PASSWORD_TYPES else ""


@lru_cache(maxsize=1 << 14)
def named_password(name: str) -> str:
    """Return why a value of this name is withheld where its data is no number; '' where the name does not say so."""
    return next((rule.why for rule in _rules() if not rule.literal and rule.values.fullmatch(name.lower())), "")


def withheld_class(path: str) -> str:
    """Return why the class name of the key at `path` is withheld; '' to keep it."""
    low = path.lower()
    return next((rule.why for rule in _rules() if rule.of_class and rule.key.fullmatch(low)), "")


def withheld_orphan(name: str, kind: int) -> str:
    """Return why the data of a deleted value is withheld of which the key is not known; '' to keep it."""
    low = name.lower()
    return next(
        (rule.why for rule in _rules() if rule.orphans and rule.values.fullmatch(low) and (rule.literal or kind in PASSWORD_TYPES)), ""
    )


def without_password(text: str, *, typed: bool = False) -> str:
    """Return a text with `***` in place of the password of each address (`ftp://user:password@host`, RFC 3986, 3.2.1). `typed`: the text is
    an address, which somebody may have typed without `ftp://`.
    """
    if "@" not in text:
        return text
    made = _ADDRESS.sub(r"\1:***@", text)
    return _TYPED.sub(r"\1:***@", made, count=1) if typed and made == text and _TYPED.match(text) else made


@cache
def _literals() -> tuple[str, ...]:
    return tuple({rule.literal for rule in _rules() if rule.literal and not rule.of_class})


@cache
def _ends() -> tuple[str, ...]:
    """Return the last components of the literals: a path that has one has its end in the name of the key, or all of it above."""
    return tuple({literal.rpartition("\\")[2] for literal in _literals()})


@cache
def _rules() -> tuple[_Rule, ...]:
    return tuple(_rule(**entry) for entry in load_data("commodore.readers.hives", "secrets.yaml"))


def _rule(key: str, why: str, values: tuple[str, ...] = ("*",), *, orphans: bool = False, **more: bool) -> _Rule:
    literal = max(re.split(r"\*+", key), key=len).strip("\\").lower()
    return _Rule(
        literal,
        _pattern(key),
        re.compile("|".join(translate(value.lower()) for value in values), re.DOTALL),
        more.get("class", False),
        orphans,
        why,
    )


def _pattern(text: str) -> re.Pattern[str]:
    r"""Compile a path: `*` stays within a component, `**` as a component is any number of them."""
    made = re.escape(text.lower()).replace(r"\*\*\\", r"(?:[^\\]+\\)*").replace(r"\\\*\*", r"(?:\\[^\\]+)*")
    return re.compile(made.replace(r"\*\*", ".*").replace(r"\*", r"[^\\]*"), re.DOTALL)
