"""The case directory: what is committed, what was under way, and how a killed run goes on.

Beside what the reader of a case uses there is `.work/`: per collection a journal (one line per task: how long each file was after it,
and the
accounts), the hits, and when the collection is done its part of `members.jsonl` and `ledger.jsonl`. Frames are written before the line
that tells of them;
a rerun cuts every file back to the last line and goes on behind it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Self

import orjson

from commodore.engine import work
from commodore.engine.assemble import clean
from commodore.engine.work import Account, Result
from scout.console import WRONG_USE, Complaint

SYNC = 0.5
"""seconds between two syncs to disk: what a power cut can cost"""


def dump(value: Any) -> bytes:
    """One JSON line; text that JSON cannot hold is made safe."""
    try:
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        return orjson.dumps(clean(value), option=orjson.OPT_APPEND_NEWLINE)


def write(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(path.name + ".new")
    with temporary.open("wb") as out:
        out.writelines(chunks)
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(path)


_OPTIONS = {"detection": "rules or indicators", "parsers": "versions of parsers"}


class Case:
    """A case directory, held by one process."""

    def __init__(self, root: Path) -> None:
        self.root, self.work = root, root / ".work"
        self.about: dict[str, Any] = {}

    def __enter__(self) -> Self:
        if self.root.exists() and not self.root.is_dir():
            raise Complaint(f"{self.root} is a file.", "Give a directory for the case with -o.", WRONG_USE)
        if self.root.exists() and any(self.root.iterdir()) and not (self.root / "case.json").exists() and not self.work.exists():
            raise Complaint(f"{self.root} is not empty and no case.", "Give a new directory with -o.", WRONG_USE)
        try:
            self.work.mkdir(parents=True, exist_ok=True)
            (self.root / "records").mkdir(exist_ok=True)
            self._lock()
        except OSError as e:
            raise Complaint(f"{self.root} cannot be written: {e.strerror}.", "Give another directory with -o.") from None
        with contextlib.suppress(FileNotFoundError):
            self.about = orjson.loads((self.root / "case.json").read_bytes())
        return self

    def __exit__(self, *_: object) -> None:
        (self.work / "lock").unlink(missing_ok=True)

    def _lock(self) -> None:
        import psutil

        lock = self.work / "lock"
        try:
            holder = int(lock.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            holder = 0
        if holder and holder != os.getpid() and psutil.pid_exists(holder):
            raise Complaint(
                f"{self.root} is being processed by process {holder}.", "Wait until it ends, or give another directory with -o."
            )
        lock.write_text(str(os.getpid()), encoding="ascii")

    def settle(self, options: dict[str, Any]) -> None:
        """Hold the options that decide the result against those that the case began with."""
        before = self.about.get("options")
        if before is not None and before != options:
            other = sorted(k for k in options.keys() | before.keys() if options.get(k) != before.get(k))
            raise Complaint(
                f"{self.root} was begun with other {' and '.join(_OPTIONS.get(k, k) for k in other)}.",
                "Use the same as then, or a new directory with -o.",
                WRONG_USE,
            )
        self.about["options"] = options
        self.save()

    def save(self) -> None:
        """Write `case.json`."""
        write(
            self.root / "case.json",
            [orjson.dumps(self.about, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)],
        )

    def collections(self) -> dict[str, dict[str, Any]]:
        """What `case.json` says of each finished collection, by id."""
        return {c["collection"]: c for c in self.about.get("collections", [])}

    def finished(self, entry: dict[str, Any]) -> None:
        """Note a collection as done and join the parts of the case that list all collections."""
        entries = self.collections() | {entry["collection"]: entry}
        self.about["collections"] = [entries[k] for k in sorted(entries)]
        self.save()
        for name in ("members.jsonl", "ledger.jsonl", "metrics.jsonl"):
            write(self.root / name, (line for key in sorted(entries) for line in _lines(self.work / key / name)))


def _lines(path: Path) -> Iterator[bytes]:
    with contextlib.suppress(FileNotFoundError), path.open("rb") as stream:
        yield from stream


def _row(text: bytes) -> dict[str, Any] | None:
    """A line of a journal; None where it is not whole."""
    try:
        row = orjson.loads(text)
    except ValueError:
        return None
    whole = text.endswith(b"\n") and isinstance(row, dict) and {"task", "sizes", "accounts", "killed", "counts", "seconds"} <= row.keys()
    return row if whole else None


class Journal:
    """What is committed of one collection."""

    def __init__(self, case: Case, collection: str) -> None:
        self.case, self.collection = case, collection
        self.folder = case.work / collection
        self.folder.mkdir(exist_ok=True)
        self.committed = 0
        """number of tasks that are done"""
        self.accounts: list[Account] = []
        self.killed: list[tuple[int, str]] = []
        self.counts: dict[str, int] = {}
        self.seconds = 0.0
        self._sizes: dict[str, int] = {}
        self._files: dict[str, BinaryIO] = {}
        self._pending: list[bytes] = []
        self._synced = time.monotonic()
        self._replay()
        self._journal = (self.folder / "journal").open("ab")

    def _path(self, dataset: str) -> Path:
        if dataset == work.HITS:
            return self.folder / "hits.zst"
        return self.case.root / "records" / dataset / f"{self.collection}.jsonl.zst"

    def _replay(self) -> None:
        """Take up what a run before this one committed; cut off what it did not."""
        path = self.folder / "journal"
        whole = 0
        with contextlib.suppress(FileNotFoundError), path.open("rb") as stream:
            for text in stream:
                row = _row(text)
                if row is None or row["task"] != self.committed:
                    break  # torn or damaged: what it told of is read again
                whole += len(text)
                self._take(row)
        if any(not self._path(d).is_file() or self._path(d).stat().st_size < size for d, size in self._sizes.items()):
            whole = self._forget()
        if path.exists():
            os.truncate(path, whole)
        for dataset in {*self._sizes, *self._present()}:
            target, size = self._path(dataset), self._sizes.get(dataset, 0)
            if size:
                os.truncate(target, size)
            else:
                target.unlink(missing_ok=True)

    def _forget(self) -> int:
        """Records that the journal tells of are not there: begin anew."""
        self.committed, self.seconds = 0, 0.0
        for kept in (self.accounts, self.killed, self.counts, self._sizes):
            kept.clear()
        return 0

    def _present(self) -> Iterator[str]:
        yield from (p.parent.name for p in (self.case.root / "records").glob(f"*/{self.collection}.jsonl.zst"))
        if (self.folder / "hits.zst").exists():
            yield work.HITS

    def _take(self, row: dict[str, Any]) -> None:
        self.committed = row["task"] + 1
        self._sizes |= row["sizes"]
        self.accounts += [Account(*a) for a in row["accounts"]]
        self.killed += [(m, r) for m, r in row["killed"]]
        for name, count in row["counts"].items():
            self.counts[name] = self.counts.get(name, 0) + count
        self.seconds += row["seconds"]

    def commit(self, result: Result) -> None:
        """Append what a task gave. On disk for good at the next sync."""
        for dataset, frame in result.frames.items():
            self._file(dataset).write(frame)
            self._sizes[dataset] = self._sizes.get(dataset, 0) + len(frame)
        row = {
            "task": result.number,
            "sizes": {d: self._sizes[d] for d in result.frames},
            "accounts": result.accounts,
            "killed": result.killed,
            "counts": result.counts,
            "seconds": result.seconds,
        }
        self._take(row)
        self._pending.append(dump(row))
        if time.monotonic() - self._synced > SYNC:
            self.sync()

    def _file(self, dataset: str) -> BinaryIO:
        if dataset not in self._files:
            path = self._path(dataset)
            path.parent.mkdir(exist_ok=True)
            self._files[dataset] = path.open("ab")
        return self._files[dataset]

    def sync(self) -> None:
        """Frames first, then the lines that tell of them."""
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())
        self._journal.writelines(self._pending)
        self._journal.flush()
        os.fsync(self._journal.fileno())
        self._pending.clear()
        self._synced = time.monotonic()

    def close(self) -> None:
        """Sync and let go of all files."""
        self.sync()
        for file in self._files.values():
            file.close()
        self._files.clear()
        self._journal.close()

    def part(self, name: str, rows: Iterable[dict[str, Any]]) -> None:
        """Write this collection's part of `ledger.jsonl` or `metrics.jsonl`."""
        self.lines(name, map(dump, rows))

    def lines(self, name: str, lines: Iterable[bytes]) -> None:
        """Write this collection's part of `members.jsonl`, or another, of lines that are made already."""
        write(self.folder / name, lines)
