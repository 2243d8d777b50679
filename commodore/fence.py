"""Fence around one element of evidence (a line, a slot, a key, an object), so that what a parser raises on it costs only this element.

A generator that raised has ended, and everything behind the element would be lost. So no parser loops over elements by itself:

    yield from fenced(lines(evidence), lambda line: f"line {line.number}", partial(_entry, host=host))

The readers have shorter forms: `lines.each`, `JsonLinesView.each`, `RegistryView.each_value`. A test makes every artefact raise in the
middle of its golden input, and fails where anything behind that element is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from commodore.record import FAILED, Problem, Raised

T = TypeVar("T")
R = TypeVar("R")
_SHOWN = 200
"""characters of an exception's text that the ledger keeps"""


def fenced(
    elements: Iterable[T | Problem], locator: Callable[[T], str], read: Callable[[T], Iterable[R | Problem]]
) -> Iterator[R | Problem]:
    """Yield what `read` yields for each element; problems among the elements pass.

    An element at which `read` raises is a problem with its locator; it counts as one lost record unless `read` had already yielded one.
    MemoryError passes: it belongs to no element.
    """
    for element in elements:
        if isinstance(element, Problem):
            yield element
            continue
        found = False
        try:
            for item in read(element):
                found = found or not isinstance(item, Problem)
                yield item
        except MemoryError:
            raise
        except Exception as e:  # evidence is hostile: any element may raise anything
            yield raised(e, locator(element), lost=0 if found else 1)


def raised(error: Exception, locator: str, *, lost: int = 1) -> Raised:
    """Return the problem of an element at which a parser raised."""
    return Raised(f"the parser failed at this element: {type(error).__name__}: {error}"[:_SHOWN], locator, lost, 0, FAILED)
