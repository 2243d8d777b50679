r"""The places that rows of the persistence table read by themselves: lines of text files, and values of the registry.

    reads:
      - {files: ["etc/rc.local", "<U>/.xprofile"], language: shell}
    registry:
      - {keys: ['System\CurrentControlSet\Control\Lsa'], values: [Authentication Packages], hives: machine}

Two artefacts (`startup_files`, `autostart_values`) read all these places and name the rows in `escadre.persistence.rows` of each record: a
row by its id, another place of a row (`also`) by the id, a dot and its number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import translate
from functools import cache, lru_cache
from typing import Any, NamedTuple

from commodore.persistence.data import parts
from scout.targets.patterns import path_text

FILES_DATASET, VALUES_DATASET = "startup_files", "autostart_values"
"""Datasets of rows that read files, and of rows that read values."""
ROWS_FIELD = "escadre.persistence.rows"
"""Field that names the rows whose place a record is from."""
HOME = "<U>/"
"""Beginning of a pattern for files in homes, as in the targets of SCOUT. A home may be anywhere, but `/usr` and a skeleton are none."""
_HOME = "(?!etc/skel/|bin/)(?:[^/]+/)*(?<!usr/)(?<!usr/local/)"
HIVES = ("any", "machine", "user")
"""Hives in which a place is looked for."""


class FilePlace(NamedTuple):
    """Files that one row reads in one language. `row`: its key; `patterns`: below the root, as in an artefact's `match`."""

    row: str
    patterns: tuple[str, ...]
    language: str
    os: str = "linux"

    def holds(self, path: str, os: str = "linux") -> bool:
        """Return whether a path is one of the files; `path` is below the root, with `/`. Windows compares without case."""
        return os == self.os and _files(self.patterns, fold=os == "windows").fullmatch(path) is not None


class ValuePlace(NamedTuple):
    r"""Values that one row reads. `keys`: patterns of normalised key paths; `values`: shell patterns, '' for the default value.

    hives   `machine` or `user` where the same key of the other hives means nothing, else `any`
    absent  a value that the key must not have, '' where that does not matter
    """

    row: str
    keys: tuple[str, ...]
    values: tuple[str, ...]
    hives: str
    absent: str = ""

    def names(self, name: str, *, user: bool) -> bool:
        """Return whether a value is one of them, in a hive of a user or of the machine. Its key is."""
        return self.hives in ("any", "user" if user else "machine") and _names(self.values).fullmatch(name) is not None


@cache
def file_places() -> tuple[FilePlace, ...]:
    """Return the files that rows read, by key of the row."""
    return tuple(
        FilePlace(key, tuple(read["files"]), read["language"], row["os"]) for _, key, row in parts() for read in row.get("reads", ())
    )


@cache
def value_places() -> tuple[ValuePlace, ...]:
    """Return the values that rows read, by key of the row."""
    return tuple(value_place(key, place) for _, key, row in parts() for place in row.get("registry", ()))


def value_place(row: str, place: Mapping[str, Any]) -> ValuePlace:
    """Return one place of a row."""
    return ValuePlace(row, tuple(place["keys"]), tuple(place["values"]), place.get("hives", "any"), place.get("absent", ""))


@lru_cache(maxsize=1024)
def rows_of_file(path: str, os: str = "linux") -> dict[str, tuple[str, ...]]:
    """Return language → rows for a file that rows read; `path` is below the root, with `/`."""
    found: dict[str, tuple[str, ...]] = {}
    for place in file_places():
        if place.holds(path, os):
            found[place.language] = (*found.get(place.language, ()), place.row)
    return found


@cache
def _places_of_part() -> dict[str, set[tuple[int, ValuePlace]]]:
    """Return the longest part of a key path that has no wildcard, in lower case ('' for none) → places with it and their numbers."""
    found: dict[str, set[tuple[int, ValuePlace]]] = {}
    for number, place in enumerate(value_places()):
        for pattern in place.keys:
            part = max((part for part in pattern.split("\\") if "*" not in part), key=len, default="")
            found.setdefault(part.lower(), set()).add((number, place))
    return found


@lru_cache(maxsize=4096)
def _places_of_key(path: str) -> tuple[ValuePlace, ...]:
    """Return the places of a key, by row. Only those are tested of which the path has a part."""
    near = set().union(*(_places_of_part().get(part, ()) for part in ("", *path.lower().split("\\"))))
    return tuple(place for _, place in sorted(near) if key_matcher(place.keys).fullmatch(path))


def rows_of_value(path: str, name: str, *, user: bool, beside: Callable[[str], object] = lambda _: None) -> tuple[str, ...]:
    """Return the rows that read a value of a key, by its normalised path. `beside`: name → another value of the key, None without it."""
    held = (place for place in _places_of_key(path) if place.names(name, user=user))
    return tuple(dict.fromkeys(place.row for place in held if not place.absent or beside(place.absent) is None))


def file_patterns() -> tuple[str, ...]:
    """Return the path patterns of all files, as an artefact's `match` has them."""
    return tuple(dict.fromkeys(pattern.replace(HOME, "**/") for place in file_places() for pattern in place.patterns))


def key_patterns() -> tuple[str, ...]:
    """Return the patterns of all keys."""
    return tuple(dict.fromkeys(pattern for place in value_places() for pattern in place.keys))


@cache
def _files(patterns: tuple[str, ...], *, fold: bool) -> re.Pattern[str]:
    """Compile patterns when a path is tested for the first time: a case without Linux hosts needs none of them."""
    texts = []
    for pattern in patterns:
        text = path_text(pattern.removeprefix(HOME))
        texts.append(f"{_HOME if pattern.startswith(HOME) else ''}(?:{text})")
    return re.compile("|".join(texts), re.DOTALL | (re.IGNORECASE if fold else 0))


@cache
def key_matcher(patterns: tuple[str, ...]) -> re.Pattern[str]:
    r"""Return a matcher of any of the patterns of key paths: `*` stays within one key, `**` at the end spans the key and all below it."""
    texts = []
    for pattern in patterns:
        deep = pattern.endswith("\\**")
        parts = [part.replace("*", "\0") for part in pattern.removesuffix("\\**").split("\\")]
        texts.append(r"\\".join(re.escape(part).replace("\0", r"[^\\]*") for part in parts) + (r"(?:\\.*)?" if deep else ""))
    return re.compile("|".join(texts), re.DOTALL | re.IGNORECASE)


@cache
def _names(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(translate(pattern) for pattern in patterns), re.DOTALL | re.IGNORECASE)
