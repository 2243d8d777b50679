"""Raw facts of the live host: a folder per system, in it one module per source. Names that begin with `_` are shared parts."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any

from scout.live import linux, windows

_FOLDERS = {"linux": linux.__name__, "windows": windows.__name__}


def exists(source: str, system: str) -> bool:
    """Return whether this system (`linux`, `windows`) has a live source of this name."""
    return find_spec(f"{_FOLDERS[system]}.{source}") is not None


def load(source: str, system: str) -> Any:
    """Return the module of a live source, with `SCHEMA` and `collect()`. Raises ModuleNotFoundError where the system has none."""
    return importlib.import_module(f"{_FOLDERS[system]}.{source}")
