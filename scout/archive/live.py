"""Lines of a live source. A tar header states the size before the content, so the lines are buffered in memory, compressed, until the
source
ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from scout.archive import custody

MAX_BYTES = 1 << 30
"""bytes of one live source, uncompressed; lines beyond are counted and dropped"""


class LiveLines:
    """`with writer.live("processes") as lines: lines.write({...})`. The first line names the schema: `{"schema": "processes/1"}`."""

    def __init__(self, source: str, version: int, done: Callable[[str, Iterator[bytes], int, Mapping[str, Any]], None]) -> None:
        import zstandard

        self._source, self._done = source, done
        self._packed: list[bytes] = []
        self._zstd = zstandard.ZstdCompressor(level=1).compressobj()
        self.size = self.count = self.lost = 0
        self.cut = ""
        """why the source itself ended before its end, for custody; '' where it is complete"""
        self._put(custody.dump({"schema": f"{source}/{version}"}) + b"\n")

    def write(self, value: Mapping[str, Any]) -> None:
        """Add one object."""
        text = custody.dump(value) + b"\n"
        if self.size + len(text) > MAX_BYTES:
            self.lost += 1
            return
        self._put(text)
        self.count += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        more: dict[str, Any] = {"lines": self.count}
        if self.cut:
            more |= {"verdict": "over limit", "error": f"{self.cut}: the rest was not listed"}
        if self.lost:
            more |= {"verdict": "over limit", "error": f"{self.lost} lines beyond {MAX_BYTES} bytes were not kept"}
        if value is not None:
            more |= {"verdict": "error", "error": f"the source ended early: {type(value).__name__}: {value}"}
        self._packed.append(self._zstd.flush())
        self._done(self._source, self._pieces(), self.size, more)

    def _put(self, text: bytes) -> None:
        packed = self._zstd.compress(text)
        if packed:
            self._packed.append(packed)
        self.size += len(text)

    def _pieces(self) -> Iterator[bytes]:
        import zstandard

        unpacker = zstandard.ZstdDecompressor().decompressobj()
        left = self.size
        for packed in self._packed:
            piece = unpacker.decompress(packed)[:left]  # Ctrl-C may have left more of the last line than was counted
            if piece:
                yield piece
            left -= len(piece)
        self._packed.clear()
