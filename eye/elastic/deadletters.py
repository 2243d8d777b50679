"""Documents that did not get into the index: `<case>/index/refused.jsonl`, one line each with the reason and the place in the case.

A line has `index`, `id`, `dataset`, `file`, `line` (from 1), `digest`, `reason`, and `document`: its first 2,000 bytes. The complete record
is in the case.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import orjson

NAME = "refused.jsonl"
SHOWN = 2_000
"""Bytes of a document that a line shows."""


class DeadLetters:
    """The file of one load; an older one is removed. A case that may only be read can have none: `unlisted` then says why, with the last
    document.
    """

    def __init__(self, case: Path) -> None:
        self.path, self.count, self.unlisted = case / "index" / NAME, 0, ""
        self._lock = threading.Lock()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    @property
    def file(self) -> str:
        """The file, '' where nothing is in it."""
        return str(self.path) if self.count else ""

    def add(self, index: str, dataset: str, file: str, line: int, key: str, digest: str, reason: str, content: bytes) -> None:
        """Note one document."""
        told = {"index": index, "id": key, "dataset": dataset, "file": file, "line": line, "digest": digest, "reason": reason}
        text = orjson.dumps({**told, "document": content[:SHOWN].decode("utf-8", "replace")}) + b"\n"
        with self._lock:
            try:
                self.path.parent.mkdir(exist_ok=True)
                with self.path.open("ab") as out:
                    out.write(text)
                self.count += 1
            except OSError as e:
                self.unlisted = f"{self.path}: {e.strerror or e}; the last was {key} ({file}, line {line}): {reason}"
