"""The journal: JSON lines, each with the hash of the line before it, synced before and after every step.

    {"n": 4, "previous": "<sha256 of line 3, its LF included>", "time": "…Z", "event": "begin", …}

A last line without its LF was being written when the power failed: it does not count. Everything else that does not fit was changed later.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from time import time_ns
from typing import Any

from hunter.private import OPEN, sync_folder
from hunter.run.head import ChainHead
from scout.archive.facts import rfc3339
from scout.console import WRONG_USE, Complaint

_FIRST = "0" * 64


class RunJournal:
    """The lines of a journal, and the way to add one. Reading changes nothing; the first `add` makes the file."""

    def __init__(self, path: Path, head: ChainHead) -> None:
        self.path, self.head = path, head
        self.lines: list[dict[str, Any]] = []
        self._previous, self._valid, self._fd = _FIRST, 0, -1
        self._read()

    def _read(self) -> None:
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            data = b""
        except OSError as e:
            raise Complaint(f"{self.path} cannot be read: {e.strerror}.", "Give the journal that hunter apply wrote.", WRONG_USE) from e
        whole = data[: data.rfind(b"\n") + 1]
        hashes = [_FIRST]
        for number, raw in enumerate(whole.splitlines(keepends=True)):
            try:
                line = json.loads(raw)
                fits = isinstance(line, dict) and line.get("n") == number and line.get("previous") == hashes[-1] and "event" in line
            except (ValueError, RecursionError):
                fits = False
            if not fits:
                raise Complaint(
                    f"{self.path}, line {number + 1}: the chain is broken; the journal was changed after it was written.",
                    "Nothing was done. Use an untouched copy of the journal.",
                    WRONG_USE,
                )
            hashes.append(hashlib.sha256(raw).hexdigest())
            self.lines.append(line)
        closed = bool(self.lines) and self.lines[-1]["event"] == "closed"
        self.head.check(hashes, self.path, closed=closed)
        self._previous, self._valid = hashes[-1], len(whole)

    def add(self, event: str, **fields: Any) -> None:
        """Add one line. Line and head are on the disk when this returns."""
        if self._fd < 0:
            self._open()
        line = {"n": len(self.lines), "previous": self._previous, "time": rfc3339(time_ns()), "event": event, **fields}
        raw = (json.dumps(line, ensure_ascii=True) + "\n").encode()
        try:
            sent = 0
            while sent < len(raw):
                sent += os.write(self._fd, raw[sent:])
            os.fsync(self._fd)
        except OSError:
            os.ftruncate(self._fd, self._valid)  # half a line must not be in front of the next one
            raise
        self._previous = hashlib.sha256(raw).hexdigest()
        self._valid += len(raw)
        self.lines.append(json.loads(raw))
        self.head.write(len(self.lines), self._previous)

    @property
    def head_hash(self) -> str:
        """The sha256 of the last line, 64 zeros for an empty journal."""
        return self._previous

    def _open(self) -> None:
        self.head.write(len(self.lines), self._previous)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | OPEN
        self._fd = os.open(self.path, flags, 0o600)
        if os.fstat(self._fd).st_size > self._valid:
            os.ftruncate(self._fd, self._valid)
        sync_folder(self.path.parent)

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
