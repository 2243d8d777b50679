"""The values that decoders and their driver pass to each other, and the bounds on all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

LONGEST = 2 << 20
"""characters of one text in which layers are sought"""
DEEPEST = 50
"""layers within each other"""
MOST = 400
"""layers of one text"""
TOTAL = 16 << 20
"""characters of all layers of one text"""
STEPS = 1 << 29
"""characters that all decoders together read for one text: the bound on time, the same on every machine"""
PER_DECODER = 100
"""values that one decoder may find in one text"""
RATIO = 1000
"""characters that one compressed byte may give"""


class Decoded(NamedTuple):
    """What a decoder found: how it was encoded, and the text. `unsure`: data of no known kind, which counts where a decoder reads it."""

    how: str
    text: str
    unsure: bool = False


class Layer(NamedTuple):
    """A text behind an encoding. `how`: the encodings from the outside to this layer; `depth`: layers above it."""

    text: str
    how: tuple[str, ...]
    depth: int
    binary: bool = False
    """whether it is data of another kind than text: one character per byte"""

    @property
    def data(self) -> bytes:
        """Return the bytes of the layer: UTF-8 of a text."""
        return self.text.encode("latin-1", "replace") if self.binary else self.text.encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Unfolded:
    """The layers of a text, outer ones first, and what was cut."""

    layers: tuple[Layer, ...]
    bounds: tuple[str, ...]
