"""Suspicious traits of scripts and macros, one YAML file per group, found by walking this folder.

A file of the form

    group: fetches            what the traits have in common; a record names it
    traits:
      - id: powershell-download
        words: downloads with a PowerShell or .NET client
        weight: 2             1 usual in honest scripts too, 2 strong, 3 hardly ever honest, 4 enough for medium, 5 enough for high
        languages: [powershell]     all languages where it is left out
        any: [downloadstring]  lower-case texts of which one must occur: the pattern is only tried then
        pattern: (?i)…        RE2
        near:                 patterns of texts that follow each other, each within so many characters behind the one before
          - {clues: [first, second], within: 900}

An entry has a pattern, `near`, or both. Where clues have a group `same`, its text must be the same in each.

`judged` counts the heaviest trait of each group. Several strong groups together, or a trait that is enough alone, make a severity.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any, NamedTuple

from ahocorasick_rs import AhoCorasick

from commodore.readers.layers.languages import spoken
from scout.bounded import searcher
from scout.data import parse_yaml

NOTABLE, ALONE = 4, 5
"""weights of traits that are enough for the severity medium, and high"""
WEIGHTS = (1, 2, 3, NOTABLE, ALONE)
HIGH, MEDIUM = 7, 5
"""sums of the heaviest weights of all groups from which on a severity is given"""
_SCANNED = 4 << 20
_KEYS = {"id", "words", "weight", "any"}
_TRIES = 50
"""places of a clue from which the next one is sought"""


class Trait(NamedTuple):
    """One entry. `languages` is empty where it is about all."""

    id: str
    group: str
    words: str
    weight: int
    languages: frozenset[str]
    pattern: str
    any: tuple[str, ...] = ()
    near: tuple[tuple[tuple[str, ...], int], ...] = ()
    """clues that follow each other, and the most characters between two of them"""


class FoundTrait(NamedTuple):
    """A trait and the text on which it matched, at most 200 characters."""

    trait: Trait
    matched: str


@cache
def traits() -> tuple[Trait, ...]:
    """Return all traits by file and place in it. Raises ValueError for a file that the validator refuses."""
    found: list[Trait] = []
    for file in sorted(files(__name__).iterdir(), key=lambda f: f.name):
        if file.name.endswith(".yaml"):
            found += _of_file(file.name, parse_yaml(file.read_bytes()))
    ids = [trait.id for trait in found]
    if twice := sorted({id_ for id_ in ids if ids.count(id_) > 1}):
        raise ValueError(f"traits: {twice[0]} is the id of two traits")
    return tuple(found)


def digest() -> str:
    """Return the identity of all traits."""
    return hashlib.sha256(repr(traits()).encode()).hexdigest()


def _of_file(name: str, text: Any) -> Iterator[Trait]:
    if not isinstance(text, dict) or text.keys() != {"group", "traits"}:
        raise ValueError(f"{name}: the keys must be group and traits")
    for entry in text["traits"]:
        if wrong := (entry.keys() - {"languages", "pattern", "near"}) ^ _KEYS or not {"pattern", "near"} & entry.keys():
            raise ValueError(f"{name}: {entry.get('id')}: unknown or missing words {wrong}")
        if entry["weight"] not in WEIGHTS:
            raise ValueError(f"{name}: {entry['id']}: no such weight")
        if not entry["any"] or any(word != word.lower() for word in entry["any"]):
            raise ValueError(f"{name}: {entry['id']}: `any` needs texts in lower case")
        languages = frozenset(entry.get("languages", ()))
        near = tuple((tuple(one["clues"]), int(one["within"])) for one in entry.get("near", ()))
        pattern = entry.get("pattern", "")
        yield Trait(entry["id"], text["group"], entry["words"], entry["weight"], languages, pattern, tuple(entry["any"]), near)


class _Tried:
    """Tells which traits of a language may occur in a text, by one pass over it for the words of all of them."""

    def __init__(self, language: str) -> None:
        self._traits = tuple(t for t in traits() if not language or not t.languages or language in t.languages)
        self._of_word: dict[str, list[int]] = {}
        for number, trait in enumerate(self._traits):
            for word in trait.any:
                self._of_word.setdefault(word, []).append(number)
        self._words = list(self._of_word)
        self._search = AhoCorasick(self._words).find_matches_as_indexes

    def within(self, low: str) -> list[Trait]:
        """Return the traits of which a word occurs in a text in lower case, in the order of the files."""
        words = {word for word, _, _ in self._search(low, overlapping=True)}
        return [self._traits[number] for number in sorted({number for word in words for number in self._of_word[self._words[word]]})]


_tried = cache(_Tried)


def traits_of(text: str, language: str) -> tuple[FoundTrait, ...]:
    """Return the traits of a text, in the order of the files. `language` '' tries all."""
    text = text[:_SCANNED].encode("utf-8", "replace").decode()  # a lone surrogate is no text for RE2
    found = ((trait, _matched(trait, text)) for trait in _tried(spoken(language)).within(text.lower()))  # most are never compiled
    return tuple(FoundTrait(trait, matched.strip()[:200]) for trait, matched in found if matched)


def _matched(trait: Trait, text: str) -> str:
    """Return the text on which a trait matches; '' where it does not."""
    if trait.pattern and (match := searcher(trait.pattern).search(text)):
        return str(match[0])
    return next((text[start:end] for clues, within in trait.near for start, end in _follow(clues, within, text, 0, len(text), None)), "")


def _follow(clues: tuple[str, ...], within: int, text: str, low: int, high: int, same: str | None) -> Iterator[tuple[int, int]]:
    """Yield where clues follow each other: (start of the first, end of the last)."""
    part = text if (low, high) == (0, len(text)) else text[low:high]
    for match in islice(searcher(clues[0]).finditer(part), _TRIES):
        its = match.groupdict().get("same")
        if same is not None and its is not None and its.lower() != same:
            continue
        start, end = low + match.start(), low + match.end()
        if len(clues) == 1:
            yield start, end
            return
        known = its.lower() if its is not None else same
        for _, last in _follow(clues[1:], within, text, end, min(end + within, len(text)), known):
            yield start, last
            return


def judged(found: Iterable[FoundTrait]) -> str:
    """Return the severity of traits that occur together: high, medium, or '' where they are no reason for a finding."""
    heaviest: dict[str, int] = {}
    for one in found:
        heaviest[one.trait.group] = max(heaviest.get(one.trait.group, 0), one.trait.weight)
    strong = sum(weight >= 2 for weight in heaviest.values())
    total = sum(heaviest.values())
    if ALONE in heaviest.values() or (total >= HIGH and (strong >= 3 or NOTABLE in heaviest.values())):
        return "high"
    return "medium" if NOTABLE in heaviest.values() or (total >= MEDIUM and strong >= 2) else ""
