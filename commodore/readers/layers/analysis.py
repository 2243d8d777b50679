"""All that layers show of one text, as fields of a record: scripts, macros and command lines have the same ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from commodore.readers.layers.driver import unfold
from commodore.readers.layers.indicators import MOST, Indicated, indicated
from commodore.readers.layers.model import Layer
from commodore.readers.layers.traits import FoundTrait, Trait, judged, traits_of

FIELDS = (
    "escadre.bounds",
    "escadre.found.commands",
    "escadre.found.paths",
    "escadre.found.urls",
    "escadre.layers.how",
    "escadre.layers.indicators",
    "escadre.layers.sha256",
    "escadre.layers.size",
    "escadre.layers.text",
    "escadre.severity",
    "escadre.traits.ids",
    "escadre.traits.matched",
    "escadre.traits.words",
    "related.hosts",
    "related.ip",
)
SHOWN = 2000
"""characters of a layer that a record has"""
LISTED = 50
"""layers that a record has"""
_HIDDEN = Trait("hidden-in-layers", "hides", "hides in encoded layers what it does", 3, frozenset(), "")
_DEEP = Trait("many-layers", "wraps", "has five layers within each other or more", 2, frozenset(), "")
_OTHER = "other"
"""language of scripts that no decoder is made for: only traits of all languages count"""
DEEP = 5
_PAGES = frozenset({"php", "jsp", "aspx"})
"""languages of pages that a web server runs"""


@dataclass(frozen=True, slots=True)
class Analysis:
    """Layers, traits and indicators of one text."""

    layers: tuple[Layer, ...]
    traits: tuple[FoundTrait, ...]
    fields: dict[str, Any]
    bounds: tuple[str, ...]

    @property
    def severity(self) -> str:
        """Return high, medium or ''."""
        return str(self.fields.get("escadre.severity", ""))


def analysed(text: str, language: str, further: Iterable[tuple[str, str, str]] = (), *, extra: Sequence[FoundTrait] = ()) -> Analysis:
    """Return what layers show of a text. `language` as `unfold` has it; '' where it is not known.

    `further`: (name, text, language) of other parts of the same file, such as macros, whose layers and traits count too;
    `extra`: traits that a reader of the format found itself.
    """
    spoken, parts = language or _OTHER, list(further)
    unfolded = unfold(text, spoken)
    layers, bounds = list(unfolded.layers), dict.fromkeys(unfolded.bounds)
    top, decoded = list(traits_of(text, spoken)), list(unfolded.layers)
    for name, part, its in parts:
        below = unfold(part, its or _OTHER)
        layers += [Layer(part, (name,), 1), *(layer._replace(how=(name, *layer.how), depth=layer.depth + 1) for layer in below.layers)]
        top += traits_of(part, its or _OTHER)
        decoded += below.layers
        bounds |= dict.fromkeys(below.bounds)
    served = not _PAGES.isdisjoint((spoken, *(its for _, _, its in parts)))
    found = _traits(top, decoded, extra, served=served)
    named = [indicated(text), *(indicated(layer.text) if not layer.binary else Indicated() for layer in layers)]
    if more := sum(one.more for one in named):
        bounds[f"{more:,} addresses, paths and commands were left out"] = None
    if len(layers) > LISTED:
        bounds[f"{len(layers) - LISTED:,} of {len(layers):,} layers are not shown"] = None
    fields: dict[str, Any] = _indicators(named) | _layers(layers[:LISTED], named[1:]) | _words(found)
    if severity := judged(found):
        fields["escadre.severity"] = severity
    if bounds:
        fields["escadre.bounds"] = list(bounds)
    return Analysis(tuple(layers), tuple(found), fields, tuple(bounds))


def _traits(top: Iterable[FoundTrait], layers: Sequence[Layer], extra: Sequence[FoundTrait], *, served: bool) -> list[FoundTrait]:
    """Return each trait once: those of the text, then those of its layers, and those that the layers themselves are.

    `served`: the text is a page that a web server runs. In others, what only such a page does counts in layers that are one.
    """
    found = {one.trait.id: one for one in chain(top, extra)}
    hidden: list[FoundTrait] = []
    for layer in layers:
        page = served or "<?" in layer.text or "<%" in layer.text
        for one in traits_of(layer.text, "") if not layer.binary else ():
            if one.trait.id not in found and (page or not one.trait.languages or not one.trait.languages <= _PAGES):
                found[one.trait.id] = one
                hidden.append(one)
    if grave := [one for one in hidden if one.trait.weight > 1 and one.trait.group != _HIDDEN.group]:
        found[_HIDDEN.id] = FoundTrait(_HIDDEN, grave[0].matched)
    deepest = max((layer.depth for layer in layers), default=0)
    if deepest >= DEEP:
        found[_DEEP.id] = FoundTrait(_DEEP, f"{deepest} layers")
    return list(found.values())


def _indicators(named: Sequence[Indicated]) -> dict[str, Any]:
    def every(kind: str) -> list[str]:
        return list(dict.fromkeys(value for one in named for value in getattr(one, kind)))[:MOST]

    found = {
        "escadre.found.urls": every("urls"),
        "related.hosts": every("hosts"),
        "related.ip": every("addresses"),
        "escadre.found.paths": every("paths"),
        "escadre.found.commands": every("commands"),
    }
    return {name: values for name, values in found.items() if values}


def _layers(layers: Sequence[Layer], named: Sequence[Indicated]) -> dict[str, Any]:
    if not layers:
        return {}
    return {
        "escadre.layers.how": [" > ".join(layer.how) for layer in layers],
        "escadre.layers.text": [layer.text[:SHOWN] for layer in layers],
        "escadre.layers.size": [len(layer.data) for layer in layers],
        "escadre.layers.sha256": [hashlib.sha256(layer.data).hexdigest() for layer in layers],
        "escadre.layers.indicators": [" ".join((*one.urls, *one.addresses))[:SHOWN] for one in named[: len(layers)]],
    }


def _words(found: Sequence[FoundTrait]) -> dict[str, Any]:
    if not found:
        return {}
    return {
        "escadre.traits.ids": [one.trait.id for one in found],
        "escadre.traits.words": [one.trait.words for one in found],
        "escadre.traits.matched": [one.matched for one in found],
    }
