"""What is known of one document, and the bounds on reading it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from commodore.readers.layers.traits import WEIGHTS, FoundTrait, Trait
from scout.data import load_data

LARGEST = 64 << 20
"""bytes of a document that are read"""
TOTAL = 96 << 20
"""bytes that are unpacked of one document"""
PARTS = 500
"""macros, objects and streams of one document"""
LISTED = 5_000
"""links, and texts, of one document"""
DEEPEST = 3
"""documents within each other"""


class Embedded(NamedTuple):
    """A file in a document: its name there, '' where it has none, and its bytes."""

    name: str
    data: bytes


@cache
def _traits() -> dict[str, Trait]:
    entries: dict[str, dict[str, Any]] = load_data(__package__, "traits.yaml")
    if wrong := [id_ for id_, e in entries.items() if e.keys() != {"group", "weight", "words"} or e["weight"] not in WEIGHTS]:
        raise ValueError(f"traits.yaml: {wrong[0]}")
    return {id_: Trait(id_, e["group"], e["words"], e["weight"], frozenset(), "") for id_, e in entries.items()}


@dataclass(slots=True)
class Document:
    """What a reader found. `macros`: (name, source); `links`: addresses that it loads or shows; `facts`: fields of its own."""

    name: str
    format: str = ""
    macros: list[tuple[str, str]] = field(default_factory=list)
    embedded: list[Embedded] = field(default_factory=list)
    links: dict[str, None] = field(default_factory=dict)
    texts: list[tuple[str, str]] = field(default_factory=list)
    """(name, text) of other parts that may hold commands: fields, JavaScript, arguments"""
    searched: list[tuple[str, bytes]] = field(default_factory=list)
    """(name, bytes) of further parts that are decoded, for searches only: pages of messages, streams"""
    traits: dict[str, FoundTrait] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    bounds: dict[str, None] = field(default_factory=dict)
    troubles: dict[str, None] = field(default_factory=dict)
    spent: int = 0
    drawn: int = 0
    """bytes of streams that were read, each time that one was: entries of a directory may share them"""
    depth: int = 1

    def trait(self, id_: str, matched: str) -> None:
        """Note a trait of `traits.yaml`, the first time with the text that shows it."""
        self.traits.setdefault(id_, FoundTrait(_traits()[id_], " ".join(matched.split())[:200]))

    def left(self) -> int:
        """Return how many bytes may still be unpacked."""
        return max(0, TOTAL - self.spent)

    def take(self, size: int) -> bool:
        """Count unpacked bytes; False, and a bound, where they are too many."""
        if size > self.left():
            self.bounds[f"more than {TOTAL:,} bytes in the document: the rest was not read"] = None
            return False
        self.spent += size
        return True

    def draw(self, size: int) -> bool:
        """Count bytes of a stream that is about to be read; False, and a bound, where they are too many."""
        self.drawn += size
        if self.drawn > 2 * TOTAL:
            self.bounds[f"more than {2 * TOTAL:,} bytes in the streams of the document: the rest was not read"] = None
            return False
        return True

    def link(self, target: str) -> None:
        """Add an address that the document loads or shows."""
        if len(self.links) < LISTED:
            self.links[target[:1000]] = None
        else:
            self.bounds[f"more than {LISTED:,} links: the rest is not listed"] = None

    def text(self, name: str, text: str) -> None:
        """Add a part that may hold commands."""
        if len(self.texts) < LISTED:
            self.texts.append((name, text))
        else:
            self.bounds[f"more than {LISTED:,} fields and scripts: the rest was not read"] = None

    def search(self, name: str, data: bytes) -> None:
        """Add a part for searches."""
        if len(self.searched) < LISTED and data:
            self.searched.append((name, data))

    @property
    def full(self) -> bool:
        """Return whether no further file in the document is added."""
        return len(self.embedded) >= PARTS or not self.left()

    def embed(self, name: str, data: bytes) -> None:
        """Add a file in the document."""
        if len(self.embedded) >= PARTS:
            self.bounds[f"more than {PARTS} objects: the rest is not listed"] = None
        elif data and self.take(len(data)):
            self.embedded.append(Embedded(name, data))
