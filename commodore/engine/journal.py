"""The journal of one collection: what is committed, and how a killed run continues.

It has one line per task: the length of each file after it, and the accounts for the ledger. Frames are written before the line that
names them. A rerun cuts every file back to the last line and continues behind it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

import orjson

from commodore.case import private
from commodore.case.partition import Partition
from commodore.engine.assemble import clean
from commodore.engine.results import CHOSEN, Result, UnitAccount

SYNC = 0.5
"""seconds between two syncs to disk: what a power cut can cost"""
_KEYS = {"task", "sizes", "accounts", "killed", "counts", "sources", "seconds"}


def dump(value: Any) -> bytes:
    """Return one JSON line; text that JSON cannot hold is escaped."""
    try:
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        return orjson.dumps(clean(value), option=orjson.OPT_APPEND_NEWLINE)


def _row(text: bytes) -> dict[str, Any] | None:
    """Return a line of a journal, None where it is torn or damaged."""
    try:
        row = orjson.loads(text)
    except ValueError:
        return None
    return row if text.endswith(b"\n") and isinstance(row, dict) and row.keys() >= _KEYS else None


class Journal:
    """The committed results of one collection: replayed when it is opened, then appended to.

    `kept.json` in the same folder, where a redo wrote it, holds the accounts of the datasets that the redo leaves as they are.
    """

    def __init__(self, partition: Partition) -> None:
        self.partition = partition
        self.committed = 0
        """number of tasks that are done"""
        self.accounts: list[UnitAccount] = []
        self.killed: list[tuple[int, str]] = []
        self.counts: dict[str, int] = {}
        self.sources: dict[str, set[str]] = {}
        self.seconds = 0.0
        self._kept: frozenset[str] = frozenset()
        """datasets whose files are not this run's: never cut, never removed"""
        self._sizes: dict[str, int] = {}
        self._files: dict[str, BinaryIO] = {}
        self._pending: list[bytes] = []
        self._synced = time.monotonic()
        self._path = private.folder(partition.work) / "journal"
        self._replay()
        self._journal = private.appended(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _replay(self) -> None:
        """Take up what an earlier run committed; cut off what it did not."""
        self._base()
        whole = 0
        with contextlib.suppress(FileNotFoundError), self._path.open("rb") as stream:
            for text in stream:
                row = _row(text)
                if row is None or row["task"] != self.committed:
                    break  # torn or damaged: the tasks from here on run again
                whole += len(text)
                self._take(row)
        if not all(self.whole(name) for name in self._sizes if not name.startswith(CHOSEN)):
            whole = self._forget()
        if self._path.exists():
            os.truncate(self._path, whole)
        for name in {*self._sizes, *self._present()}:
            target, size = self._file_of(name), self._sizes.get(name, 0)
            if not self.whole(name):
                continue
            if size:
                os.truncate(target, size)
            else:
                target.unlink(missing_ok=True)

    def _base(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            kept = orjson.loads((self.partition.work / "kept.json").read_bytes())
            self._kept = frozenset(kept["datasets"])
            self._add(kept)

    def _forget(self) -> int:
        """Start again: files that the journal names are missing or too short."""
        self.committed, self.seconds = 0, 0.0
        for held in (self.accounts, self.killed, self.counts, self.sources, self._sizes):
            held.clear()
        self._base()
        return 0

    def whole(self, name: str) -> bool:
        """Return whether a file has all lines that were committed. Those that derived datasets chose go when a partition is complete."""
        target, size = self._file_of(name), self._sizes.get(name, 0)
        return not size or (target.is_file() and target.stat().st_size >= size)

    def _file_of(self, name: str) -> Path:
        """Return the path of a dataset's records, or, for a name that begins with a dot, of lines that go with them (`results`)."""
        return self.partition.aside(name[1:]) if name.startswith(".") else self.partition.records(name)

    def _present(self) -> list[str]:
        """Names of the files that this run may have written."""
        aside = [f".{name}" for name in self.partition.asides() if name.rpartition("/")[2] not in self._kept]
        return [name for name in self.partition.datasets() if name not in self._kept] + aside

    def _take(self, row: dict[str, Any]) -> None:
        self.committed = row["task"] + 1
        self._sizes |= row["sizes"]
        self._add(row)

    def _add(self, row: dict[str, Any]) -> None:
        self.accounts += [UnitAccount(*a) for a in row["accounts"]]
        self.killed += [(m, r) for m, r in row["killed"]]
        for name, count in row["counts"].items():
            self.counts[name] = self.counts.get(name, 0) + count
        for name, places in row["sources"].items():
            self.sources.setdefault(name, set()).update(places)
        self.seconds += row["seconds"]

    def commit(self, result: Result) -> None:
        """Append the result of a task. It is on disk for good at the next sync."""
        for name, frame in result.frames.items():
            self._file(name).write(frame)
            self._sizes[name] = self._sizes.get(name, 0) + len(frame)
        row = {
            "task": result.number,
            "sizes": {name: self._sizes[name] for name in result.frames},
            "accounts": list(map(tuple, result.accounts)),  # orjson takes no named tuples
            "killed": result.killed,
            "counts": result.counts,
            "sources": result.sources,
            "seconds": result.seconds,
        }
        self._take(row)
        self._pending.append(dump(row))
        if time.monotonic() - self._synced > SYNC:
            self.sync()

    def _file(self, name: str) -> BinaryIO:
        if name not in self._files:
            self._files[name] = private.appended(self._file_of(name))
        return self._files[name]

    def flush(self) -> None:
        """Let other processes see all frames."""
        for file in self._files.values():
            file.flush()

    def sync(self) -> None:
        """Write frames first, then the lines that name them."""
        self.flush()
        private.sync(map(self._file_of, self._files))
        self._journal.writelines(self._pending)
        self._journal.flush()
        private.sync([self._path])
        self._pending.clear()
        self._synced = time.monotonic()

    def close(self) -> None:
        """Sync and close all files."""
        self.sync()
        for file in self._files.values():
            file.close()
        self._files.clear()
        self._journal.close()


class Kept(NamedTuple):
    """The part of a journal that a redo retains: records by dataset, and the content of `kept.json`."""

    counts: dict[str, int]
    text: bytes


def kept(partition: Partition, datasets: Iterable[str], without: Iterable[str]) -> Kept:
    """Return what the journal of a complete partition holds beside the datasets that are made again (`without`). Reads only.

    Accounts of containers (a damaged hive) belong to no dataset and stay.
    """
    chosen, gone = frozenset(datasets), frozenset(without)
    rows = []
    with contextlib.suppress(FileNotFoundError):
        rows.append(orjson.loads((partition.work / "kept.json").read_bytes()))
    with contextlib.suppress(FileNotFoundError):
        rows += [row for text in (partition.work / "journal").read_bytes().splitlines(keepends=True) if (row := _row(text))]
    accounts = [UnitAccount(*a) for row in rows for a in row["accounts"]]
    accounts = [account for account in accounts if account.artefact not in gone]
    reasons = {(a.member, reason) for a in accounts for problem in a.problems for reason in (problem[0], f"{a.artefact}: {problem[0]}")}
    counts: dict[str, int] = {}
    for row in rows:
        for name, count in row["counts"].items():
            if name in chosen:
                counts[name] = counts.get(name, 0) + count
    sources = {name: sorted({p for row in rows for p in row["sources"].get(name, ())}) for name in chosen}
    killed = [(m, r) for row in rows for m, r in row["killed"] if (m, r) in reasons]
    row = {
        "datasets": sorted(chosen),
        "accounts": accounts,
        "killed": killed,
        "counts": counts,
        "sources": {name: places for name, places in sources.items() if places},
        "seconds": 0.0,
    }
    return Kept(counts, dump(row))


NOTHING_KEPT = Kept({}, dump({"datasets": [], "accounts": [], "killed": [], "counts": {}, "sources": {}, "seconds": 0.0}))
"""for a redo of all datasets"""
