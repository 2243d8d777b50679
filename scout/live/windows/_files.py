"""Hash and measure a program's file, once each, however many processes run it; verbatim paths, so that no name leads elsewhere."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from scout.sources.directory import verbatim

MAX_HASHED = 512 << 20
"""a larger file is not hashed"""


class FileHashes:
    """`exe_sha256`, `exe_size` of files by path."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Any]] = {}

    def of(self, path: str) -> dict[str, Any]:
        """Return `sha256` and `size`, or `error`."""
        key = path.lower()
        if key not in self._known:
            self._known[key] = _measured(path)
        return self._known[key]


def _measured(path: str) -> dict[str, Any]:
    real = Path(verbatim(path, ()).rstrip("\\")) if path[1:3] == ":\\" else Path(path)
    try:
        with real.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            if size > MAX_HASHED:
                return {"size": size, "error": f"larger than {MAX_HASHED:,} bytes: not hashed"}
            return {"size": size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    except FileNotFoundError as e:
        return {"error": e.strerror or str(e), "missing": True}
    except OSError as e:
        return {"error": e.strerror or str(e)}
