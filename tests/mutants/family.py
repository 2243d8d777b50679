"""A family of readers, and the way to find all of them: each module in `families/` gives its own."""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutants import families
from tests.mutants.change import mutant

Read = Callable[[str, bytes], Counter[str]]
"""Reads (name, bytes) and counts what came: `records`, `lost`, `refused` …; `raised: …` counts elements at which a reader raised.

An exception that leaves it is a defect, and so is a word that begins with `wrong`.
"""


@dataclass(frozen=True)
class Family:
    """Readers of one format. `open` makes the reader in the process that uses it, with a folder for its files."""

    name: str
    inputs: Sequence[tuple[str, bytes]]
    open: Callable[[Path], Read]

    def run(self, read: Read, number: int) -> Counter[str]:
        """Read one mutant; an exception is counted as `escaped: …`."""
        name, data = mutant(self.name, number, self.inputs)
        try:
            return read(name, data)
        except Exception as e:  # what the run counts
            return Counter([f"escaped: {type(e).__name__}: {e}"[:160]])


def every(folder: Path, only: str = "") -> Iterator[Family]:
    """Yield all families, or those of one module. Inputs that have to be made are made in `folder`."""
    for module in sorted(pkgutil.iter_modules(families.__path__), key=lambda m: m.name):
        if only in ("", module.name):
            yield from importlib.import_module(f"{families.__name__}.{module.name}").families(folder)
