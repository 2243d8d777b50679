"""ArchiveWriter: write the archive member by member, in one pass.

A custody part is written after each group of several files and every few MiB (`SEAL_BYTES`); `outlet` documents when data reaches the disk.
An item never stops the collection: a file that shrinks is padded with zeros and has `valid`, a file that grows is cut and has the verdict
`changed while read`, a file that cannot be read on is padded and has the verdict `error`.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from scout.archive import content, custody, facts, sparse, tar
from scout.archive.content import Readable
from scout.archive.custody import WantedItem
from scout.archive.hashing import LaterDigest
from scout.archive.live import LiveLines
from scout.archive.outlet import FrameOutput, Seal
from scout.archive.receipt import Receipt, receipt_path
from scout.console import Complaint
from scout.packed import PackedSet

SEAL_BYTES = 4 << 20
SEAL_LINES = 4000
_LINE = 600
"""bytes of a line that is written out only when its content is hashed, about"""


class Stopped(Exception):  # noqa: N818  (it is an end, not an error)
    """`stop` was called and the current item has ended; call `abort`."""


class ArchiveWriter:
    """One archive. `header`: content of collection.json; `recipients`: the result of `scout.keys.load_recipients`.

    With `sink`, an open descriptor of a pipe, nothing is written at `path`, neither archive nor receipt.

    Raises Complaint where the file exists, cannot be created, or cannot be written (disk full). Not thread-safe; `stop` is for signal
    handlers.
    """

    def __init__(self, path: str | Path, recipients: Sequence[Any], header: Mapping[str, Any], sink: int | None = None) -> None:
        self.path = Path(path)
        self.sink = sink
        self.header = dict(header)
        self.totals: Counter[str] = Counter()
        self.receipt: Receipt | None = None
        self.receipt_error = ""
        self._started = time.monotonic()
        self._lines: list[bytes | dict[str, Any]] = []
        self._members = self._parts = self._items = self._entered = self._since = 0
        self._head = custody.NOTHING
        self._group: custody.GroupPlace | None = None
        self._names = PackedSet()
        self._open: tuple[dict[str, Any], int] | None = None
        self._stop = ""
        self._torn = self._ended = False
        self._out = FrameOutput(self.path, recipients, sink)
        self._begin(custody.dump(self.header) + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self.receipt is None:
            receipt = self.abort(f"{kind.__name__}" if kind else "finish was not called")
            if isinstance(value, Complaint):
                value.do += f" The receipt of what is kept: {receipt.code}."

    # called by the collector

    def live(self, source: str, version: int = 1) -> LiveLines:
        """Return a context manager for `live/<source>.jsonl`: `write(obj)` adds a line; the member is written at the end."""
        return LiveLines(source, version, self._live)

    def add(self, item: WantedItem, stream: Readable, after: Callable[[], Mapping[str, Any] | None] | None = None) -> dict[str, Any]:
        """Write an item's content; return its custody line (do not change it).

        `after` is called when everything is read. It may return more for the line: `{"verdict": "changed while read", "error": "mtime
        moved"}`.
        """
        name = item.name
        self._leave_group(item.group)
        line = custody.line(self._members, name, item, "taken", item.size)
        if not self._first(name):
            return self._enter({**line, "member": None, "verdict": "error", "error": "second item of this name"}, item.group)
        if not 0 <= item.size <= tar.MAX_SIZE:
            return self._enter({**line, "member": None, "verdict": "error", "error": f"impossible size {item.size}"}, item.group)
        extents = sparse.normal(item.extents, item.size) if item.extents is not None else None
        records = {"ESCADRE.group": str(item.group)} if item.group else {}
        if item.path is not None:
            records["ESCADRE.source"] = item.source
        if included_by := item.facts.get("included_by"):
            records["ESCADRE.included"] = json.dumps(included_by)
        self._torn = True
        stored = self._header(name, item.size, item.facts, records, extents)
        self._open = (line, stored)
        self._torn = False
        said = content.copy(self._out, stream, item.size, extents, lambda: self._stop)
        line.update(said)
        if after is not None and line["verdict"] == "taken":
            try:
                line.update(after() or {})
            except OSError as e:  # the member is complete; only the second status failed
                line.update(verdict="error", error=f"not checked for changes: {e.strerror or e}")
        entered = self._close_member(line, item.group)
        if self._stop:
            raise Stopped(self._stop)
        return entered

    def verdict(self, item: WantedItem, verdict: str, **more: Any) -> dict[str, Any]:
        """Write and return the custody line of an item without content: missing, denied, over limit (`head`, `tail`: bytes) …, link,
        directory.
        """
        line = custody.line(None, item.name, item, verdict, item.size or None) | more
        self._leave_group(item.group)
        return self._enter(line, item.group)

    def seal(self) -> None:
        """Write the custody lines since the last part, if there are any."""
        if not self._lines:
            return
        self._torn = True
        now = facts.rfc3339(time.time_ns() // 1_000_000_000 * 1_000_000_000) or ""
        lines = [one if isinstance(one, bytes) else custody.dump(one) for one in self._lines]
        text = custody.part(self._parts, self._head, now, lines, round(time.monotonic() - self._started, 1))
        self._header(f"custody/{self._parts:06d}.jsonl", len(text), {}, {}, None)
        self._out.write(text + bytes(tar.padding(len(text))))
        self._head = hashlib.sha256(text).hexdigest()
        self._parts += 1
        self._items += self._entered
        self._entered = 0
        self._lines.clear()
        self._since = 0
        self._out.end_frame(Seal(self._parts, self._items, self._head))
        self._torn = False

    def stop(self, reason: str) -> None:
        """Stop from a signal handler: the current item ends at the next MiB, `add` raises Stopped, and `abort` seals."""
        self._stop = reason

    def finish(self) -> Receipt:
        """Write the last seal, end.json, the end of the archive, and the receipt beside it."""
        self.seal()
        end = {
            "collection": self.header.get("collection"),
            "members": self._members + 1,
            "parts": self._parts,
            "items": self._items,
            "chain_head": self._head,
            "totals": dict(sorted(self.totals.items())),
            "duration": round(time.monotonic() - self._started, 3),
        }
        text = custody.dump(end) + b"\n"
        self._torn = True
        self._header("end.json", len(text), {}, {}, None)
        self._out.write(text + bytes(tar.padding(len(text))) + tar.END)
        self._ended = True
        self._out.close()
        return self._write_receipt("whole", self._head)

    def abort(self, reason: str = "stopped") -> Receipt:
        """Seal and close without end.json: the archive reads as interrupted. Also after a disk error or an interruption at any place.
        Return the
        receipt; never raise Complaint.
        """
        if self.receipt is not None:
            return self.receipt
        if self._torn and not self._ended:
            self._out.torn = True  # a partial header or seal stays in its frame, which is dropped
        try:
            if not (self._out.torn or self._ended):
                self._end_open(reason)
                self.seal()
                self._out.write(tar.END)
            self._out.close()
        except Complaint:
            self._close_quietly()
        else:
            if self._ended and self._out.closed:
                return self._write_receipt("whole", self._head)
        return self._write_receipt("interrupted", self._out.kept.head or custody.NOTHING)

    @property
    def sealed(self) -> Seal:
        """The last seal that is in the file."""
        return self._out.kept

    @property
    def written(self) -> int:
        """Bytes in the archive file."""
        return self._out.written

    # internal

    def _close_quietly(self) -> None:
        try:
            self._out.close()
        except (Complaint, OSError):
            return

    def _first(self, name: str) -> bool:
        """Return False where the name was used before. Names are stored as 64-bit hashes with a random key, so that nobody can provoke a
        collision.
        """
        return self._names.add(hash(name))

    def _live(self, source: str, pieces: Any, size: int, more: Mapping[str, Any]) -> None:
        self._leave_group(None)
        name = f"live/{source}.jsonl"
        line = custody.line(self._members, name, WantedItem(source=name, type="live"), "taken", size) | dict(more)
        if not self._first(name):
            raise ValueError(f"the live source {source} was written before")
        self._torn = True
        stored = self._header(name, size, {}, {}, None)
        self._open = (line, stored)
        self._torn = False
        digest = hashlib.sha256()
        for piece in pieces:
            digest.update(piece)
            self._out.write(piece)
            self._since += len(piece)
        line["sha256"] = digest.hexdigest()
        self._close_member(line, None)

    def _begin(self, text: bytes) -> None:
        """Write collection.json: it has a custody line, but is no wanted item."""
        name = "collection.json"
        self._first(name)
        self._header(name, len(text), {}, {}, None)
        self._out.write(text + bytes(tar.padding(len(text))))
        line = {"member": 0, "name": name, "source": name, "verdict": "taken", "type": "collection"}
        self._lines.append(custody.dump({**line, "sha256": hashlib.sha256(text).hexdigest(), "size": len(text)}))

    def _header(
        self, name: str, size: int, known: Mapping[str, Any], records: dict[str, str], extents: Sequence[tuple[int, int]] | None
    ) -> int:
        """Write headers (and a sparse map); gives the position in the plaintext where the member's content ends."""
        times = facts.pax_times(known)
        seconds, _, fraction = times.get("mtime", "0").partition(".")
        if not fraction and 0 <= int(seconds) < 8**11:  # fits in the header
            times.pop("mtime", None)
        owned, more = facts.ownership(*map(known.get, ("mode", "uid", "gid", "owner", "group_name")))
        pax = {"ESCADRE.member": str(self._members), **records, **times, **more}
        unknown = [key for key in ("mode", "uid", "gid", "mtime") if known.get(key) is None]
        if unknown and name.startswith("files/"):
            pax["ESCADRE.unknown"] = " ".join(unknown)
        table = b""
        raw = name.encode("utf-8")
        if extents is not None:
            pax |= {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": name, "GNU.sparse.realsize": str(size)}
            table = tar.sparse_map(extents, size)
            folder, _, last = raw.rpartition(b"/")
            raw = folder + b"/GNUSparseFile.0/" + last
            size = len(table) + sum(length for _, length in extents)
        header = tar.Header(name=raw, size=size, type=b"0", mtime=int(seconds), **owned)
        self._out.write(tar.member(header, pax) + table)
        self._members += 1
        return self._out.total + size - len(table)

    def _close_member(self, line: dict[str, Any], group: custody.GroupPlace | None) -> dict[str, Any]:
        """Pad to the block and add the custody line."""
        self._torn = True
        self._out.write(bytes(tar.padding(self._out.total)))
        self._open = None
        entered = self._enter(line, group)
        self._torn = False
        return entered

    def _enter(self, line: dict[str, Any], group: custody.GroupPlace | None) -> dict[str, Any]:
        line = {key: value for key, value in line.items() if value is not None or key == "member"}
        self.totals[line["verdict"]] += 1
        size = line.get("size", 0) if line["member"] is not None else 0
        self.totals["bytes"] += size
        if isinstance(line.get("sha256"), LaterDigest):
            self._lines.append(line)
            self._since += size + _LINE
        else:
            self._lines.append(text := custody.dump(line))
            self._since += size + len(text)
        self._entered += 1
        self._group = group if group is not None and group.total > 1 else None
        if self._group is not None and self._group.number == self._group.total:
            self._group = None
            self.seal()
        elif self._group is None and (self._since >= SEAL_BYTES or len(self._lines) >= SEAL_LINES):
            self.seal()
        return line

    def _leave_group(self, coming: custody.GroupPlace | None) -> None:
        """End the present group when an item outside it follows, also when its last file could not be read."""
        if self._group is not None and (coming is None or coming.id != self._group.id):
            self._group = None
            self.seal()

    def _end_open(self, reason: str) -> None:
        """Pad the member that was being written when the collection was stopped, and record that in its custody line."""
        if self._open is None:
            return
        line, end = self._open
        missing = max(end - self._out.total, 0)
        self._out.zeros(missing)
        self._close_member(
            {**line, "verdict": "error", "valid": max(line["size"] - missing, 0), "error": f"not read to the end: {reason}"}, None
        )

    def _write_receipt(self, state: str, head: str) -> Receipt:
        digest = self._out.sha256
        receipt = Receipt(
            archive=self.path.name,
            archive_sha256=digest,
            size=self._out.written,
            chain_head=head,
            code=custody.receipt_code(head, digest),
            state=state,
            collection=str(self.header.get("collection", "")),
            totals=dict(sorted(self.totals.items())),
        )
        self.receipt = receipt
        if self.sink is None:
            self.keep_receipt(receipt)
        return receipt

    def keep_receipt(self, receipt: Receipt) -> None:
        """Write the receipt beside the archive; `receipt_error` says why not."""
        beside = receipt_path(self.path)
        try:
            with beside.open("x", encoding="ascii", newline="\n") as file:
                file.write(receipt.document())
        except OSError as e:
            self.receipt_error = f"{beside} could not be written: {e.strerror}"
            if not isinstance(e, FileExistsError):
                with suppress(OSError):
                    beside.unlink()  # a partial receipt is useless
