"""The two results of a parser: a record, or a problem where something could not be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

ENGINE_FIELDS = frozenset(
    {
        "event.dataset",
        "host.name",
        "escadre.collection",
        "escadre.cut",
        "escadre.host_inferred",
        "escadre.id",
        "escadre.locator",
        "escadre.member",
        "escadre.overflow",
        "escadre.parser",
        "escadre.source",
        "escadre.state",
    }
)
"""fields that only the engine writes"""
DEFAULTS = frozenset(
    {"@timestamp", "event.kind", "event.category", "event.type", "event.action", "message", "escadre.times", "escadre.time_inferred"}
)
"""fields that the engine writes where the parser does not"""


class Record(NamedTuple):
    """One line of a dataset as its parser knows it: only the parser's own fields; the engine adds the rest.

    `fields` maps dotted ECS names of the field registry to values of the registered type, never to None. `@timestamp` is an RFC 3339
    UTC string in the full precision of the source, and absent where the source has no time.
    `message` may be among the fields where a template cannot produce it.
    `locator` is unique within the member: an offset, an entry and attribute, a row id.
    """

    locator: str
    fields: dict[str, Any]
    state: str = "allocated"
    """live, allocated, replayed (from a transaction log), deleted or carved"""
    role: str = ""
    """the companion that it was read from (`log1`), or '' for the member itself"""


class SweepLayer(NamedTuple):
    """Further bytes that a parser decoded or unpacked: a layer of a script, a member of an archive, a stream of a document.

    A parser yields it beside its records. It is searched for indicators and with YARA as the member is; where no sweep was asked for, it
    costs nothing.

    name     how the bytes were made, for a person: `base64 > gzip`, `word/vbaProject.bin`
    locator  that of the record of the same artefact and member to which the bytes belong; '' where there is none
    """

    name: str
    data: bytes
    locator: str = ""


class Problem(NamedTuple):
    """Evidence that could not be read. It becomes a ledger line. `lost` counts records, 0 where the number is unknown."""

    reason: str
    locator: str = ""
    lost: int = 0
    carved: int = 0
    """number of records of this unit that came from carving"""
    kind: str = ""
    """names the contradiction where evidence contradicts itself; `commodore/detection/losses/<kind>.yaml` makes a finding of it"""


class RecordBatch(NamedTuple):
    """Records that share fields, for datasets of a hundred thousand records: the shared fields are turned into text once.

    `shared` has the fields of all. `records` has of each its locator, the other fields as the members of a JSON object (`"a":1,"b":"c"`)
    in pieces, which many records may have in common, and its state. Members and locator are valid Unicode; a locator needs no escape in
    JSON. A field is in one of the two. `message` is among the members. `own` names the fields that every record has among its members
    and that the engine would complete otherwise (`DEFAULTS`). Batches whose `shared` is one and the same object are written together.
    """

    shared: dict[str, Any]
    records: list[tuple[str, tuple[str, ...], str]]
    own: tuple[str, ...] = ()

    def each(self) -> Iterator[Record]:
        """Yield the records with all their fields."""
        return (Record(locator, self.shared | orjson.loads(f"{{{''.join(own)}}}"), state) for locator, own, state in self.records)


FAILED = "parser-failed"
"""kind of a problem that a defect of a parser is, or a parser that had to be stopped"""
UNREAD = "file-unread"
"""kind of a problem that costs a whole file: it is no such file, or may not be read"""


class Raised(Problem):
    """An element at which the parser raised: a defect of the parser, which the fence contained. The run reports it as failed."""

    __slots__ = ()
