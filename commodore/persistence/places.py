"""The files that rows of the persistence table read line by line, and their languages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple

from commodore.persistence.data import documents
from scout.targets.patterns import path_regex

FILES_DATASET = "startup_files"
"""The dataset of rows that name files and a language instead of a dataset."""


HOME = "<U>/"
"""Beginning of a pattern for files in homes, as in SCOUT's targets. A home may be anywhere, but not in the skeleton of new homes."""
_HOME = "(?!etc/skel/)(?:[^/]+/)*"


class StartupPlace(NamedTuple):
    """Files that one row reads in one language. `patterns`: below the root, as in an artefact's `match`."""

    row: str
    patterns: tuple[str, ...]
    language: str

    def holds(self, path: str) -> bool:
        """Return whether a path is one of the files; `path` is below the root, with `/`."""
        return _compiled(self.patterns).fullmatch(path) is not None


@cache
def places() -> tuple[StartupPlace, ...]:
    """Return the places of all rows that read files, by id of the row."""
    return tuple(sorted(places_of_files(row for _, row in documents("rows")), key=lambda place: place.row))


def places_of_files(rows: Iterable[Mapping[str, Any]]) -> Iterator[StartupPlace]:
    """Yield the places of those rows that read files."""
    for row in rows:
        for read in row.get("reads", ()):
            yield StartupPlace(row["id"], tuple(read["files"]), read["language"])


@cache
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Compile patterns when a path is tested for the first time: a case without Linux hosts needs none of them."""
    texts = []
    for pattern in patterns:
        text = path_regex(pattern.removeprefix(HOME), fold=False).pattern
        texts.append(f"{_HOME if pattern.startswith(HOME) else ''}(?:{text})")
    return re.compile("|".join(texts), re.DOTALL)


@lru_cache(maxsize=1024)
def languages_of(path: str) -> tuple[str, ...]:
    """Return the languages in which a file is read; `path` is below the root, with `/`."""
    return tuple(dict.fromkeys(place.language for place in places() if place.holds(path)))


def file_patterns() -> tuple[str, ...]:
    """Return the path patterns of all places, as an artefact's `match` has them."""
    return tuple(dict.fromkeys(pattern.replace(HOME, "**/") for place in places() for pattern in place.patterns))
