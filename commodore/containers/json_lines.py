"""JSON lines: one object per line behind a first line that names the schema, as SCOUT writes what it listed on the live host.

{"schema":"processes/1"}
{"pid":1,…}
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson

from commodore.artefact import Problem, Record
from commodore.container import Holds, Opened
from commodore.evidence import Evidence
from commodore.fence import fenced
from commodore.host import Host
from commodore.readers.lines import Line, lines, unended

LONGEST = 8 << 20
"""bytes of a line that are read"""


def locator(numbered: tuple[int, dict[str, Any]]) -> str:
    """Return the locator of a (line number, object)."""
    return f"line {numbered[0]}"


class Schema(Holds):
    """The lines of one schema: `Schema("processes", 1)`. Another version is read too, with a problem that names it."""

    container = "json_lines"

    def __init__(self, name: str, version: int) -> None:
        self.name, self.version = name, version

    @property
    def match(self) -> tuple[str, ...]:
        return (f"live/{self.name}.jsonl",)

    @classmethod
    def open(cls, evidence: Evidence, host: Host) -> OpenedJsonLines:  # noqa: ARG003
        """Read the first line."""
        return OpenedJsonLines(evidence)

    def __str__(self) -> str:
        return f"`{self.name}/{self.version}`"


class OpenedJsonLines(Opened):
    """A file of JSON lines. Where its first line names no schema, the file's name tells it."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        first = next((line.raw for line in lines(evidence, 4096) if isinstance(line, Line)), b"")
        try:
            head = orjson.loads(first)
        except orjson.JSONDecodeError:
            head = None
        named = head.get("schema") if isinstance(head, dict) else None
        self.schema = named if isinstance(named, str) else ""

    def offer(self, holds: Schema) -> JsonLinesView | None:
        name = self.schema.rpartition("/")[0] or self._evidence.name.removesuffix(".jsonl")
        return JsonLinesView(self._evidence, self.schema, str(holds).strip("`")) if name == holds.name else None

    def problems(self) -> Iterator[Problem]:
        yield from ()


class JsonLinesView:
    """The objects of the file."""

    def __init__(self, evidence: Evidence, schema: str, wanted: str) -> None:
        self._evidence, self._schema, self._wanted = evidence, schema, wanted

    def objects(self) -> Iterator[tuple[int, dict[str, Any]] | Problem]:
        """Yield (line number, object), and a problem for each line that is none."""
        if self._schema != self._wanted:
            yield Problem(f"first line should name the schema {self._wanted}", "line 1")
        for line in lines(self._evidence, LONGEST):
            if isinstance(line, Problem):
                yield line
            elif line.raw.strip():
                yield from self._object(line)
                yield from unended(line)

    def each(self, read: Callable[[tuple[int, dict[str, Any]]], Iterable[Record | Problem]]) -> Iterator[Record | Problem]:
        """Yield what `read` yields for each (line number, object). An object at which it raises is a problem; those behind it are read."""
        return fenced(self.objects(), locator, read)

    def _object(self, line: Line) -> Iterator[tuple[int, dict[str, Any]] | Problem]:
        if line.number == 1:
            return
        try:
            one = orjson.loads(line.raw)
        except orjson.JSONDecodeError as e:
            yield Problem("line is too long to be read" if line.cut else f"line is no JSON: {e}", f"line {line.number}", 1)
            return
        if isinstance(one, dict):
            yield line.number, one
        else:
            yield Problem("line is no object", f"line {line.number}", 1)

    def expected(self) -> int:
        """Return the number of lines behind the first that have anything."""
        return max(sum(1 for line in lines(self._evidence, 16) if isinstance(line, Line) and line.raw.strip()) - 1, 0)
