"""Find the modules of a package by walking its folders: there is no list to extend."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any


def modules(package: Any) -> Iterator[tuple[str, ModuleType]]:
    """Import every module below `package`, at any depth; yield each with its own name (`prefetch`), ordered by full name.

    Packages are folders for families and are not yielded, nor are modules whose name begins with `_`: they hold shared parts.
    """
    for info in sorted(pkgutil.walk_packages(package.__path__, f"{package.__name__}."), key=lambda i: i.name):
        name = info.name.rpartition(".")[2]
        if not info.ispkg and not name.startswith("_"):
            yield name, importlib.import_module(info.name)
