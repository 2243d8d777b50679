"""Sources of facts about values. One file per source; `recognised` finds the one that reads a given file or folder.

A module has `opened(path: Path, head: bytes) -> FactSource | None`: None where the file is not of its form. `head`: its first 4,096 bytes,
empty for a folder. Sources are files of the analyst, not evidence; even so, every reader is bounded and names what it refuses.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from scout.console import WRONG_USE, Complaint

HEAD = 4096


class FactSource(Protocol):
    """One opened source. `name`: what a fact cites; `kinds`: kinds of values that it knows; `forms`: how many entries, for the summary."""

    name: str
    kinds: frozenset[str]

    def facts(self, kind: str, value: str) -> dict[str, Any]:
        """Return field → value for a value in its normal form; empty where the source does not know it."""


Open = Callable[[Path, bytes], "FactSource | None"]


@cache
def _forms() -> dict[str, Open]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    return {name: module.opened for name, module in modules.items() if hasattr(module, "opened")}


def recognised(path: Path) -> FactSource:
    """Return the source in a file or folder. Raises Complaint where no source has this form."""
    try:
        head = b"" if path.is_dir() else path.open("rb").read(HEAD)
    except OSError as e:
        raise Complaint(f"{path} cannot be read: {e.strerror}.", "Check the path and your rights.", WRONG_USE) from None
    for form in _forms().values():
        if (source := form(path, head)) is not None:
            return source
    raise Complaint(
        f"{path} is no source of facts that commodore knows.",
        "Give a .mmdb file, an NSRL database, address ranges of a cloud, or the data of LOLBAS, GTFOBins or LOLDrivers; hash lists with "
        "--known-good and --known-bad.",
        WRONG_USE,
    )
