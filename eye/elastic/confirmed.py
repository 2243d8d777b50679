"""What an index is known to have of a case: ranges of lines that it confirmed, kept in the case. So a load that was killed goes on where it
was, and does not ask for every document again.

`<case>/index/loaded-<hash of the index and its uuid>.jsonl` has a line for each request whose documents are all there: `{"file", "from",
"to", "total", "read", "sums", "drawn"}`. `file` is a hash of the content of the file of records, so that one that was written anew is sent
anew; `from` and `to` are numbers of lines (from 1, both included); the others are what a `LoadSample` holds of them. `{"file", "end"}`: the
file has so many lines. An index that is deleted and made again has another uuid. What is noted is never the last word: at the end of a
load the index is asked how many documents it has of each dataset and for the sum of their checksums, and where these differ all is
compared.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from hashlib import blake2b
from os import stat_result
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from eye.elastic.compare import LoadSample
from scout.console import Complaint


class LineRange(NamedTuple):
    """Lines of a file that are known to be there."""

    first: int
    last: int
    of: LoadSample


class RecordsFile(NamedTuple):
    """A file of records as it is when it is read. `known`: ranges in their order, none of which overlap; `end`: its lines, 0: not known."""

    path: Path
    digest: str
    stat: stat_result
    known: list[LineRange]
    end: int

    @property
    def complete(self) -> bool:
        """Every line is known to be there."""
        return 0 < self.end == sum(one.last - one.first + 1 for one in self.known)


class Confirmed:
    """The notes of one index. A case that may only be read can have none: its load, killed, compares what is there."""

    def __init__(self, case: Path, index: str, uuid: str, *, trusted: bool = True) -> None:
        """`trusted` False: notes that are there are of no use, and removed."""
        self.path = case / "index" / f"loaded-{blake2b(f'{index} {uuid}'.encode(), digest_size=8).hexdigest()}.jsonl"
        self._lock, self._ranges, self._ends = threading.Lock(), dict[str, list[LineRange]](), dict[str, int]()
        self.records = 0
        """known to be there"""
        if not trusted:
            self.forget()
            return
        with suppress(OSError):  # none is there, or none can be
            for line in self.path.read_bytes().splitlines():
                self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            note: dict[str, Any] = orjson.loads(line)
            if "end" in note:
                self._ends[note["file"]] = int(note["end"])
                return
            part = LoadSample.of(note["total"], note["read"], note["sums"], note["drawn"])
            self._ranges.setdefault(note["file"], []).append(LineRange(int(note["from"]), int(note["to"]), part))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):  # cut off where a load was killed
            return

    def file(self, path: Path) -> RecordsFile:
        """Return what is known of a file. Raises Complaint where it cannot be read."""
        try:
            stat, content = path.stat(), blake2b(digest_size=16)
            with path.open("rb") as raw:
                while block := raw.read(1 << 20):
                    content.update(block)
        except OSError as e:
            raise Complaint(f"{path} cannot be read: {e.strerror or e}.", "Look at its rights, and at the disk.") from e
        known: list[LineRange] = []
        for one in sorted(self._ranges.get(content.hexdigest(), []), key=lambda one: one.first):
            if one.first > (known[-1].last if known else 0) and one.last >= one.first:  # two loads at a time may have noted one twice
                known.append(one)
        self.records += sum(one.of.total for one in known)
        return RecordsFile(path, content.hexdigest(), stat, known, self._ends.get(content.hexdigest(), 0))

    def add(self, file: RecordsFile, first: int, last: int, part: LoadSample) -> None:
        """Note that all documents of a range are there."""
        drawn = {name: [[digest, key, line.decode()] for digest, key, line in of] for name, of in part.drawn.items()}
        self._write(file, {"from": first, "to": last, "total": part.total, "read": part.read, "sums": part.sums, "drawn": drawn})

    def end(self, file: RecordsFile, count: int) -> None:
        """Note how many lines a file has."""
        if count and count != file.end:
            self._write(file, {"end": count})

    def _write(self, file: RecordsFile, note: dict[str, Any]) -> None:
        with self._lock, suppress(OSError):  # without the note, the range is compared in the next load
            if (now := file.path.stat()) and (now.st_ino, now.st_mtime_ns, now.st_size) != (
                file.stat.st_ino,
                file.stat.st_mtime_ns,
                file.stat.st_size,
            ):
                return  # written anew meanwhile: which of both was read is not known
            self.path.parent.mkdir(exist_ok=True)
            with self.path.open("ab", buffering=0) as out:
                out.write(orjson.dumps({"file": file.digest, **note}) + b"\n")

    def forget(self) -> None:
        """Remove the notes: they are wrong."""
        self._ranges, self._ends, self.records = {}, {}, 0
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
