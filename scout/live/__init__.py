"""Raw facts of the live host: a folder per system, in it one module per source."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any

from scout.live import linux

_FOLDERS = {"linux": linux.__name__}


def exists(source: str) -> bool:
    """Return whether some system has a live source of this name."""
    return any(find_spec(f"{folder}.{source}") for folder in _FOLDERS.values())


def load(source: str) -> Any:
    """The module of a live source, with `SCHEMA` and `collect()`. Raises ModuleNotFoundError where no system has it."""
    folder = next((f for f in _FOLDERS.values() if find_spec(f"{f}.{source}")), _FOLDERS["linux"])
    return importlib.import_module(f"{folder}.{source}")
