"""Find the package that owns a file: one module per package manager, discovered in this folder. No program of the host is run.

    PACKAGES = an object with `name` and `owners(view, wanted)`

`owners` gives path → package for those of `wanted` (native paths) that a package owns; {} where the host has no such database. It raises
UnsafeError, OSError or ValueError where the database exists and cannot be read, and tells `cut` each file of it that ends too early.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

from hunter.host.view import FileView
from hunter.unsafe import UnsafeError
from scout.discovery import modules
from scout.formats.linux_paths import spellings

Cut = Callable[[str], object]
"""takes the path of a file of a database that does not end as its program ends it"""


class Packages(Protocol):
    """One kind of package database."""

    name: str

    def owners(self, view: FileView, wanted: Collection[str], cut: Cut) -> dict[str, str]:
        """Return path → package."""


@dataclass(slots=True)
class Owned:
    """The owners of files by all package databases of a host."""

    packages: dict[str, str] = field(default_factory=dict)
    """path → package"""
    unread: list[str] = field(default_factory=list)
    """databases that exist and could not be read, each in a few words"""


SHOWN = 3
"""files of a database that are named as cut"""


@cache
def managers() -> tuple[Packages, ...]:
    """Return the database of every module in this folder and below."""
    return tuple(module.PACKAGES for _, module in modules(sys.modules[__name__]))


def owned(view: FileView, paths: Sequence[str]) -> Owned:
    """Return the owners of `paths` (native) in every database of the host."""
    found = Owned()
    forms = {path: spellings(path) for path in paths}
    wanted = {spelled for every in forms.values() for spelled in every}
    for manager in managers() if wanted else ():
        try:
            cut: list[str] = []
            known = manager.owners(view, wanted, cut.append)
            found.unread += [f"{place} of {manager.name} is cut" for place in cut[:SHOWN]]
            found.packages |= {path: known[s] for path, every in forms.items() for s in sorted(every) if s in known}
        except (UnsafeError, OSError, ValueError) as e:
            found.unread.append(f"the package database of {manager.name} is there and cannot be read ({e})")
    return found
