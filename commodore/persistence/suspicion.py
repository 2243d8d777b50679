"""Find what is suspicious about a command or file that starts by itself, by the traits of `traits.yaml`."""

from __future__ import annotations

import ntpath
import posixpath
import re
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from commodore.finding import SEVERITIES
from commodore.persistence.data import traits
from scout.bounded import together

LONGEST = 8192
"""Characters of a command line that are examined."""
_IFS = re.compile(r"\$\{IFS[^}]*\}|\$IFS(?:\$\d)?")
_NOTHING = re.compile(r"\'\'|\"\"|\\(?=[A-Za-z])")
_ASSIGNED = re.compile(r"(?:(?<=^)|(?<=[;&|(\s]))([A-Za-z_]\w*)=([\"\']?)([^\s;&|\"\'$`()]*)\2(?=[;&|\s]|$)")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_DOTS = re.compile(r"[\\/]\.{1,2}[\\/]")


class Suspicion(NamedTuple):
    """A trait that was found: its severity, and a clause about the subject (`is hidden`)."""

    severity: str
    words: str


class _Traits(NamedTuple):
    place: list[tuple[str, Any, str]]
    script: list[tuple[str, Any, str]]
    command: list[Suspicion]
    commands: Callable[[str], list[int]]
    """text → numbers of the traits in `command` that it has"""
    interpreters: frozenset[str]


@cache
def _compiled(os: str) -> _Traits:
    """Compile the traits. Patterns on paths are simple and need look-ahead; those on command lines are matched in linear time."""
    part = traits()[os]
    place, script = ([(s, re.compile(p, re.IGNORECASE | re.DOTALL), w) for s, p, w in part.get(kind, [])] for kind in ("place", "script"))
    command = [Suspicion(s, w) for s, _, w in part["command"]]
    commands = together(f"(?is){p}" for _, p, _ in part["command"])
    return _Traits(place, script, command, commands, frozenset(traits()["interpreters"][os]))


@cache
def _home_of_names() -> re.Pattern[str]:
    return re.compile(traits()["windows"]["home_of_names"], re.IGNORECASE)


def is_interpreter(path: str, os: str) -> bool:
    """Return whether a program only runs what its arguments name: it is never the file to remove."""
    name = re.split(r"[\\/]", path)[-1].lower()
    name = name.removesuffix(".exe") if os == "windows" else re.sub(r"(?<=[a-z])[\d.]+$", "", name)
    return name in _compiled(os).interpreters


def of_file(path: str, os: str) -> list[Suspicion]:
    """Return the traits of a native path, the worst first."""
    path = path[:LONGEST]
    if _DOTS.search(path):
        path = (ntpath if os == "windows" else posixpath).normpath(path)
    found = [Suspicion(s, w) for s, p, w in _compiled(os).place if p.search(path) and not _at_home(path, w)]
    found += [Suspicion(s, w) for s, p, w in _compiled(os).script if p.search(path)]
    return _sorted(found)


def _at_home(path: str, words: str) -> bool:
    """Return whether a file with the name of a Windows program is in a folder of Windows, or its folder is not known."""
    return words.startswith("has the name of a Windows program") and (
        _home_of_names().search(path) is not None or not re.match(r"(?i)[a-z]:\\", path)
    )


def of_command(line: str, os: str) -> list[Suspicion]:
    """Return the traits of a command line, the worst first: of the text, and of what a shell makes of it."""
    text = encodable(line[:LONGEST])
    texts = dict.fromkeys((text, shell_text(text))) if os == "linux" else (text,)
    known = _compiled(os)
    numbers = sorted({number for one in texts for number in known.commands(one)})
    return _sorted([known.command[number] for number in numbers])


def shell_text(line: str) -> str:
    """Return a line as a shell reads it: without empty quotes and needless backslashes, and with the variables that the line sets."""
    if "$" not in line and "\\" not in line and "''" not in line and '""' not in line:
        return line
    text = _NOTHING.sub("", _IFS.sub(" ", line))
    values = {name: value for name, _, value in _ASSIGNED.findall(text)}
    return _VARIABLE.sub(lambda m: values.get(m[1] or m[2], m[0]), text)[:LONGEST] if values else text


def encodable(text: str) -> str:
    """Return a text without lone surrogates, which RE2 does not search."""
    return text.encode("utf-8", "replace").decode()


def _sorted(found: list[Suspicion]) -> list[Suspicion]:
    return sorted(dict.fromkeys(found), key=lambda s: -SEVERITIES.index(s.severity))
