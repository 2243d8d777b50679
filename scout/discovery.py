"""Find the modules of a package: whatever is in its folders is used, there is no list to extend."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any


def modules(package: Any) -> Iterator[tuple[str, ModuleType]]:
    """Import every module below `package`, at any depth. Yield each with its own name (`prefetch`), in the order of the full names.

    Packages are folders for families and are not yielded, nor are modules whose name begins with `_`: they hold parts of their neighbours.
    """
    for info in sorted(pkgutil.walk_packages(package.__path__, f"{package.__name__}."), key=lambda i: i.name):
        name = info.name.rpartition(".")[2]
        if not info.ispkg and not name.startswith("_"):
            yield name, importlib.import_module(info.name)
