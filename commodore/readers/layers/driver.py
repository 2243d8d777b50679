"""Run all decoders over a text and over what they find, until nothing new comes or a bound is reached."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import blake2b
from itertools import islice
from typing import Any, NamedTuple

from commodore.readers.layers import extracting, rewriting
from commodore.readers.layers.clues import Clue
from commodore.readers.layers.indicators import indicated
from commodore.readers.layers.languages import spoken
from commodore.readers.layers.model import DEEPEST, LONGEST, MOST, PER_DECODER, STEPS, TOTAL, Decoded, Layer, Unfolded
from commodore.readers.layers.texts import is_file
from commodore.readers.layers.traits import traits_of
from scout.discovery import modules

ROUNDS = 6
"""times that the rewriting decoders run over one text: each may uncover what another one reads"""

SEVERAL = 3
"""different tricks in one text from which on the text without them is a layer whatever it shows"""


class _Rewriter(NamedTuple):
    name: str
    clue: Clue
    languages: frozenset[str]
    rewrite: Callable[[str], tuple[str, int]]


class _Extractor(NamedTuple):
    name: str
    clue: Clue
    extract: Callable[[str], Iterator[Decoded]]


@cache
def rewriters() -> tuple[_Rewriter, ...]:
    """Return the decoders that change a text in place, by name."""
    return tuple(_Rewriter(name.replace("_", " "), Clue(m), frozenset(m.LANGUAGES), m.rewrite) for name, m in modules(rewriting))


@cache
def extractors() -> tuple[_Extractor, ...]:
    """Return the decoders that find an encoded value in a text, by name."""
    return tuple(_Extractor(name, Clue(m), m.extract) for name, m in modules(extracting))


class _Run:
    """One text and its layers."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.layers: list[Layer] = []
        self.bounds: dict[str, None] = {}
        self.seen: set[bytes] = set()
        self.steps = self.total = 0

    def spend(self, text: str) -> bool:
        """Count one decoder's pass over a text; False where no pass is left."""
        self.steps += len(text)
        if self.steps > STEPS:
            self.bounds[f"decoding stopped after {STEPS:,} steps"] = None
            return False
        return True

    def fresh(self, text: str) -> bool:
        """Return whether a text is new, and note it."""
        mark = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        known = mark in self.seen
        self.seen.add(mark)
        return not known

    def room(self, text: str) -> bool:
        """Return whether a further layer may be kept; note the bound where not."""
        if len(self.layers) >= MOST:
            self.bounds[f"more than {MOST} layers"] = None
        elif self.total + len(text) > TOTAL:
            self.bounds[f"the layers have more than {TOTAL:,} characters"] = None
        else:
            self.total += len(text)
            return True
        return False


def unfold(text: str, language: str = "") -> Unfolded:
    """Return the layers of a text. `language`: of a script (`languages.yaml`), `command` for a command line, '' where it is not known."""
    language = spoken(language)
    run = _Run(language)
    if len(text) > LONGEST:
        run.bounds[f"layers were sought in the first {LONGEST:,} of {len(text):,} characters"] = None
        text = text[:LONGEST]
    run.fresh(text)
    queue = deque([(Layer(text, (), 0), False)])
    while queue:
        layer, unsure = queue.popleft()
        found = list(_below(run, layer, "" if layer.depth else language))
        if unsure and found:
            run.layers.append(layer)
        if found and layer.depth >= DEEPEST:
            run.bounds[f"there are more than {DEEPEST} layers within each other"] = None
            continue
        for decoded in found:
            child = Layer(decoded.text, (*layer.how, decoded.how), layer.depth + 1, decoded.unsure or is_file(decoded.text))
            if run.room(decoded.text):
                if not decoded.unsure:
                    run.layers.append(child)
                queue.append((child, decoded.unsure))
    run.layers.sort(key=lambda layer: layer.depth)
    return Unfolded(tuple(run.layers), tuple(run.bounds))


def _below(run: _Run, layer: Layer, language: str) -> Iterator[Decoded]:
    """Yield the layers directly behind a text: what is encoded in it, then the text without its tricks where that shows more."""
    yield from _extracted(run, layer.text)
    if layer.binary:
        return
    text, how = _rewritten(run, layer.text, language)
    if not how or not run.fresh(text):
        return
    behind = list(_extracted(run, text))
    if behind or len(how) >= SEVERAL or _shows_more(text, layer.text):
        yield Decoded(", ".join(how), text)
    yield from (Decoded(", ".join((*how, one.how)), one.text, one.unsure) for one in behind)


def _extracted(run: _Run, text: str) -> Iterator[Decoded]:
    data = text.encode("utf-8", "replace")
    for extractor in extractors():
        if not extractor.clue.within(data):
            continue
        if not run.spend(text):
            return
        found = iter(extractor.extract(text))
        for decoded in islice(found, PER_DECODER):
            if len(decoded.text) > LONGEST:
                run.bounds[f"a layer has more than {LONGEST:,} characters; its beginning was read"] = None
                decoded = decoded._replace(text=decoded.text[:LONGEST])
            if run.fresh(decoded.text):
                yield decoded
        if next(found, None) is not None:
            run.bounds[f"{extractor.name}: more than {PER_DECODER} values in one text"] = None


def _rewritten(run: _Run, text: str, language: str) -> tuple[str, tuple[str, ...]]:
    """Return the text after all rewriting decoders, and the names of those that changed it."""
    how: dict[str, Any] = {}
    for _ in range(ROUNDS):
        before, data = text, text.encode("utf-8", "replace")
        for rewriter in rewriters():
            if (language and language not in rewriter.languages) or not rewriter.clue.within(data):
                continue
            if not run.spend(text):
                return text, tuple(how)
            changed, count = rewriter.rewrite(text)
            if count and len(changed) <= LONGEST:
                text, data = changed, changed.encode("utf-8", "replace")
                how[rewriter.name] = None
        if text == before:
            break
    return text, tuple(how)


def _shows_more(text: str, before: str) -> bool:
    """Return whether a rewritten text has a trait or an indicator that it did not have before."""
    if {found.trait.id for found in traits_of(text, "")} - {found.trait.id for found in traits_of(before, "")}:
        return True
    return bool(indicated(text).all() - indicated(before).all())
