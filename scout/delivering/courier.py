"""Bring an archive to a server while it is written: a thread takes parts from a pipe, repeats what breaks, and gives up in order.

Where the server fails for good, the part in hand and everything behind it go into a local file, so that nothing is lost.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Queue
from typing import NamedTuple, TypeVar

from scout.console import Complaint
from scout.delivering.carrier import Carrier, LineBroken, PartPlace, ServerRefused

RETRY_FOR = 300.0
"""seconds without progress after which a server is given up"""
HURRIED = 20.0
"""the same after a signal that ends the collection"""
_LONGEST_PAUSE = 15.0
_Result = TypeVar("_Result")


class ArchivePart(NamedTuple):
    """A piece of the archive; `last` where nothing follows."""

    data: memoryview
    last: bool


class PipeParts:
    """Parts read from a pipe: one is filled while another is sent. Two buffers are all the memory it takes."""

    def __init__(self, fd: int, size: int) -> None:
        self._fd, self._size = fd, size
        self._full: Queue[ArchivePart] = Queue()
        self._empty: Queue[bytearray | None] = Queue()
        self._empty.put(bytearray(size))
        self._empty.put(bytearray(size))
        self._taken: bytearray | None = None
        self._stopped = False
        self._filler = threading.Thread(target=self._fill, name="delivery's buffer", daemon=True)
        self._filler.start()

    def take(self) -> ArchivePart:
        """Return the next part; the one before is forgotten."""
        if self._taken is not None:
            self._empty.put(self._taken)
        part = self._full.get()
        self._taken = part.data.obj if isinstance(part.data.obj, bytearray) else None
        return part

    def close(self) -> None:
        """Take no more: who writes into the pipe gets an error."""
        self._stopped = True
        self._empty.put(None)

    def _fill(self) -> None:
        """Fill buffers, then close the pipe. Which part is the last is known when the next read finds the end: one byte is read ahead."""
        ahead = b""
        with open(self._fd, "rb", buffering=0) as pipe:
            while (buffer := self._empty.get()) is not None:
                view = memoryview(buffer)
                view[: len(ahead)] = ahead
                filled = len(ahead)
                while filled < self._size and not self._stopped and (n := pipe.readinto(view[filled:])):
                    filled += n
                ahead = pipe.read(1) if filled == self._size and not self._stopped else b""
                self._full.put(ArchivePart(view[:filled], last=not ahead))
                if not ahead:
                    return


class FileParts:
    """Parts of a local file that is still growing (`--keep`). `ended`: nothing more will be written."""

    def __init__(self, path: Path, size: int, ended: threading.Event) -> None:
        self._file = path.open("rb", buffering=0)
        self._size, self._ended = size, ended

    def take(self) -> ArchivePart:
        """Return the next part; waits until it is complete."""
        at = self._file.tell()
        while True:
            ended = self._ended.is_set()
            there = os.fstat(self._file.fileno()).st_size - at
            if there > self._size or ended:
                data = self._file.read(min(self._size, there))
                return ArchivePart(memoryview(data), last=there <= self._size)
            self._ended.wait(0.2)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Progress(NamedTuple):
    """Bytes that the server has confirmed, and bytes per second of the last seconds; `trouble`: why it waits, or ''."""

    sent: int
    rate: float
    trouble: str


class Courier:
    """One delivery. `rest`: the folder for what the server does not take; None: the delivery then fails. `hurried`: end soon."""

    def __init__(
        self,
        carrier: Carrier,
        source: PipeParts | FileParts,
        name: str,
        rest: Path | None,
        *,
        kept: bool,
        retry_for: float = RETRY_FOR,
        hurried: Callable[[], object] = lambda: False,
    ) -> None:
        self._carrier, self._source, self._name, self._folder, self._kept = carrier, source, name, rest, kept
        self._retry_for, self._hurried = retry_for, hurried
        self.sent = self.parts = self.retries = 0
        self.trouble = ""
        self.failed: ServerRefused | None = None
        """why the server was given up"""
        self.lost = ""
        """why the rest could not even be written here"""
        self.no_receipt = ""
        """why the server has no receipt"""
        self.rest: Path | None = None
        self._marks: list[tuple[float, int]] = [(time.monotonic(), 0)]
        self._under_way = 0
        self._size = carrier.part_size
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def works(self, seconds: float) -> bool:
        """Wait so long; return whether something is still to be delivered, or to be written into the local file."""
        self._thread.join(seconds)
        return self._thread.is_alive()

    def progress(self) -> Progress:
        """Return how far it is."""
        now, there = time.monotonic(), self.sent + self._under_way
        if now - self._marks[-1][0] >= 1:
            self._marks = [*self._marks[-9:], (now, there)]
        then, before = self._marks[0]
        return Progress(there, max(there - before, 0) / max(now - then, 0.1), self.trouble)

    def end(self, size: int, receipt: bytes) -> None:
        """Make the archive complete on the server and put the receipt there, after `works` is false. Sets `failed`."""
        if self.failed is None:
            try:
                self._patiently(lambda: self._carrier.finish(size))
            except ServerRefused as e:
                self.failed = e
        if self.failed is None:
            try:
                self._patiently(lambda: self._carrier.receipt(receipt))
            except ServerRefused as e:
                self.no_receipt = f"{e} {e.do}".strip()
        self._carrier.drop()

    def joining(self) -> str:
        """Return how the parts on the server and the rest here become one archive; '' where the server has nothing, or everything."""
        if self.failed is None or self._kept:
            return ""
        return self._carrier.joining(self._name, self.rest.name if self.rest is not None else "", self._place())

    def _run(self) -> None:
        try:
            self._deliver()
        except OSError as e:
            self.lost = f"{self.rest or self._folder} could not be written: {e.strerror or e}"
        except Exception as e:  # the collection must learn of it, whatever it is
            self.lost = f"a defect of the delivery: {type(e).__name__}: {e}"
        finally:
            self._source.close()

    def _deliver(self) -> None:
        last = False
        while not last:
            rest, last = self._source.take()
            while rest or (last and not self.parts):
                done = 0
                try:
                    done = self._patiently(lambda rest=rest, last=last: self._one(rest, last=last))  # type: ignore[misc]
                except ServerRefused as e:
                    self.failed = e
                    self._carrier.drop()
                    if not self._kept:
                        self._keep(ArchivePart(rest, last))
                    return
                self.sent += done
                self.parts += 1
                self._under_way = 0
                self._size = min(self._size * 2, self._carrier.part_size)
                rest = rest[done:]

    def _one(self, rest: memoryview, *, last: bool) -> int:
        """Bring as much as a part may have at present; return the number of bytes."""
        self._under_way = 0
        size = self._size if len(rest) - self._size >= self._carrier.least else len(rest)
        self._carrier.part(self._place(last=last and size == len(rest)), rest[:size], self._moved)
        return size

    def _place(self, *, last: bool = False) -> PartPlace:
        """Return the place of the part that the server does not have yet."""
        return PartPlace(self.parts + 1, self.sent, last)

    def _moved(self, n: int) -> None:
        self._under_way += n

    def _patiently(self, action: Callable[[], _Result]) -> _Result:
        """Do it, again after each break of the line: at once, then after growing pauses, with parts of half the size.

        Raises ServerRefused after `retry_for` in vain.
        """
        since, pause, best = time.monotonic(), 0.0, 0
        while True:
            try:
                done = action()
            except LineBroken as e:
                self._carrier.drop()
                self.retries += 1
                self.trouble = str(e)
                self._size = max(self._size // 2, self._carrier.least)
                if self._under_way > best:
                    since, best, pause = time.monotonic(), self._under_way, 0.0
                limit = min(self._retry_for, HURRIED) if self._hurried() else self._retry_for
                if time.monotonic() - since + pause > limit:
                    what = f"The line to {self._carrier.where} stayed broken for {time.monotonic() - since:.0f} s: {e}."
                    raise ServerRefused(what.replace("..", "."), "Look at the server and the network.") from e
                time.sleep(pause)
                pause = min(max(pause * 2, 0.5), _LONGEST_PAUSE)
            else:
                self.trouble = ""
                return done

    def _keep(self, part: ArchivePart) -> None:
        """Write the part in hand and all that follow into a local file."""
        if self._folder is None:
            self.lost = "there is no local folder for the rest"
            return
        self.rest = self._folder / self._carrier.rest_name(self._name, self._place())
        fd = os.open(self.rest, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        with open(fd, "wb", buffering=0) as file:
            while True:
                file.write(part.data)
                if part.last:
                    break
                part = self._source.take()
            os.fsync(fd)


def test_upload(carrier: Carrier, name: str, marker: bytes) -> None:
    """Prove that the server takes the archive, before anything is collected. Complaint where it does not."""
    try:
        try:
            carrier.begin(name, marker)
        except LineBroken:
            time.sleep(1)
            carrier.begin(name, marker)
    except LineBroken as e:
        raise Complaint(f"The test upload to {carrier.where} failed: {e}.", "Nothing was collected. Look at the address, or use -o.") from e
    except ServerRefused as e:
        raise Complaint(f"The test upload failed: {e}", f"{e.do} Nothing was collected.".strip()) from e
    finally:
        carrier.drop()
