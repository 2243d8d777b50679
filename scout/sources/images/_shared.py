"""What the formats of images share: loading a library of the extra `images`, files beside an image, chains of parents."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from scout.blocks import DamagedVolume
from scout.console import WRONG_USE, Complaint

MAX_PARENTS = 64
"""differencing images in a row"""
_T = TypeVar("_T")


def library(module: str, wheel: str, what: str) -> Any:
    """Import one of the libraries for images. Complaint with the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as e:
        how = f'pip install {wheel}   or all of them: pip install "escadre[images]"'
        raise Complaint(f"{what} needs the library {wheel}, which is not installed.", how) from e


def read(name: str, work: Callable[[], _T]) -> _T:
    """Call a library; its errors become DamagedVolume with the name of what is read."""
    try:
        return work()
    except (OSError, ValueError, OverflowError, MemoryError) as e:
        if isinstance(e, DamagedVolume | FileNotFoundError | PermissionError):
            raise
        first = (str(e).splitlines() or [type(e).__name__])[0][:300]
        raise DamagedVolume(f"{name}: {first}") from e


def beside(path: Path, name: str, what: str) -> Path:
    """Return the file that an image names, from the folder of the image alone: the name comes from the evidence. Complaint without it."""
    last = re.split(r"[\\/]", name)[-1]
    found = path.parent / last
    if last in ("", ".", "..") or "\0" in last or not found.is_file() or found.resolve() == path.resolve():
        raise Complaint(f"{path} needs {what}, {last!r}, which is not beside it.", "Put all files of the image into one folder.", WRONG_USE)
    return found
