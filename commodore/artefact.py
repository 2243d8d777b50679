"""The declaration at the top of each file in `artefacts/` and `derived/`, and what its parser yields.

    ARTEFACT = Artefact(name="prefetch", …)

    def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]: …

Everything else (reference page, Elasticsearch mapping, `commodore artefacts`) is generated from the declaration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from commodore.chosen import Chosen
from commodore.container import Holds
from commodore.evidence import Group
from commodore.host import Host
from commodore.record import Problem, Record, RecordBatch, SweepLayer

__all__ = ["Artefact", "Cut", "Group", "Problem", "Record", "RecordBatch", "SweepLayer"]


@dataclass(frozen=True, slots=True)
class Cut:
    """Rule for cutting a member into units while it streams by: the first `header` bytes are put in front of each piece of `piece` bytes.

    Pieces are multiples of the format's own block (64 KiB chunk, 1 KiB entry), so that no record is cut in two. Where blocks may be
    misaligned (two logs in one file), a piece ends `before` the last place in it at which a block begins with these bytes.
    """

    header: int
    piece: int
    before: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """The declaration. Order here is the order in the file and on the generated page."""

    name: str
    """artefact name = module name = dataset name = CLI name"""
    title: str
    about: str
    """what it is and what it proves, for an analyst"""
    proves_not: str = ""
    """what a reader may take it for and it does not prove, in sentences"""
    match: tuple[str, ...] = ()
    """path patterns below the volume's root with `/`, without case: `Windows/Prefetch/*.pf`, `**/*.evtx`; for live sources
    `live/processes.jsonl`"""
    magic: tuple[tuple[int, bytes], ...] = ()
    """(offset, bytes): a file with any one of them is read, whatever its name and place; where given, a file of a matching
    path must have one too, or be empty. Every artefact that declares this magic tries the file; one that yields nothing leaves no ledger
    line"""
    magic_required: bool = True
    """False: a file of a matching path is read whatever its first bytes are; the magic only adds files of other names and places"""
    by_name: bool = True
    """False: a file that is given alone, without its place on the host, is not known by its name"""
    taken_in: bool = False
    """True: it also reads files that other files take in for it (`Include`, `AuthorizedKeysFile`): the fact `included_by` names it"""
    holds: Holds | None = None
    """what it reads in a shared container (`commodore/containers/`). Then `parse` and `expected` get what the opened container offers in
    place of the evidence, and `match`, `magic` and `group` are those of the container where they are not given"""
    targets: tuple[str, ...] = ()
    """ids of SCOUT targets that collect it"""
    group: Group | None = None
    needs: tuple[str, ...] = ()
    """host facts that the parser uses (names of `Host` attributes)"""
    datasets: tuple[str, ...] = ()
    """derived artefacts: the datasets that they read"""
    chosen: Mapping[str, Chosen] = field(default_factory=dict)
    """derived artefacts: dataset → the records that they read of it, where these are not all"""
    decodes: bool = False
    """derived artefacts: its records have texts that no other record has, so that indicators are searched in them"""
    cut: Cut | None = None
    fields: tuple[str, ...]
    """names in the field registry that a record may have, beyond those that the engine adds"""
    host_field: str = ""
    """field that names the host of a record, for files with the records of several hosts (forwarded events)"""
    times: Mapping[str, str] = field(default_factory=dict)
    """meaning of each time field in one sentence; `@timestamp` says which one is primary"""
    kind: str = "event"
    """ECS event.kind: event for logs, state for objects"""
    category: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    action: str
    attack: tuple[str, ...] = ()
    message: str
    """one sentence for a person: `{process.name} ran {prefetch.run_count} times`"""
    confidence: str = "inferred"
    """confidence of a detection on it: `logged` (the evidence records that it happened) or `inferred`"""
    unpromised: tuple[str, ...] = ()
    """states of records that no header of the format promises, because they were deleted: the ledger adds them to what was expected, as
    carved"""
    version: int = 1
    sources: tuple[str, ...] = ()
    """where the format knowledge comes from: document, author, section"""

    def __post_init__(self) -> None:
        """Take from `holds` what the declaration leaves out."""
        if self.holds is not None:
            for name, value in (("match", self.holds.match), ("magic", self.holds.magic), ("group", self.holds.group)):
                object.__setattr__(self, name, getattr(self, name) or value)


Parser = Callable[[Any, Host], Iterator[Record | RecordBatch | Problem | SweepLayer]]
"""`parse(evidence, host)`; an artefact with `holds` gets what its container offers in place of the evidence"""
Expected = Callable[[Any], "int | None"]
"""Optional `expected(evidence)` beside `parse`: how many records the format's own headers promise, read without the parser."""
