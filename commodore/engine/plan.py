"""Turn a stream of members into tasks: choose artefacts, cut large members into units, put small ones together, hash all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from commodore import catalogue
from commodore.artefact import Cut
from commodore.case import ledger
from commodore.engine import links, scratch
from commodore.engine.included import MARK, mark
from commodore.engine.inputs import EvidenceCollection, Member, PlainCollection
from commodore.engine.searching import Borders
from commodore.engine.seen import SeenMembers
from commodore.engine.stream import Cutter, Hashing, Piece, Read, after
from commodore.engine.tasks import Job, Task
from commodore.host import Host
from commodore.record import UNREAD
from commodore.sweep.found import INDICATORS, SEARCHES, WHOLE, YARA, Border
from commodore.sweep.yara import read_for_rules
from scout.archive import GroupPlace
from scout.formats.linux_paths import may_be_packaged

CAP = 64 << 20
"""bytes of a member that are held in memory; a larger one is encrypted on disk, or opened again if it is a plain file"""
TOGETHER = 1 << 20
"""bytes of small members that become one task"""
TOGETHER_JOBS = 128
SEARCHED = Cut(0, 4 << 20)
"""how a large member is cut that is only searched for indicators"""
FOUND = "live/sweep.jsonl"
"""the list in which SCOUT writes what it found"""
_READ = 1 << 20
PACKAGED = 64 << 20
"""bytes of the largest file that is compared with the lists of packages"""


class _Held(NamedTuple):
    """A member of a group that waits for the others of its group."""

    place: GroupPlace
    member: Member
    job: Job
    match: catalogue.Match


@dataclass
class Plan:
    """The tasks of one collection, and what was learned about its members while they streamed by."""

    collection: EvidenceCollection
    host: Host
    folder: Path
    """folder for large members, encrypted"""
    seen: SeenMembers = field(default_factory=SeenMembers)
    """every member that streamed by, with the sums of its content, and the ledger lines of those that no artefact reads"""
    linked: list[dict[str, Any]] = field(default_factory=list)
    """ledger lines of links and of what was read through them, in place of those of the members"""
    through: set[int] = field(default_factory=set)
    """ordinals of the members that were read through a link"""
    tried: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """ordinal → artefacts that only try it (`catalogue.Match.tried`)"""
    together: list[tuple[dict[str, Any], int]] = field(default_factory=list)
    """head of the ledger line of each member that is read together with another one, and that one's ordinal"""
    searches: tuple[str, ...] = ()
    """searches of the raw sweep that every member takes part in"""
    unsearched: list[tuple[dict[str, Any], str, str]] = field(default_factory=list)
    """head of the ledger line of a member, a search, and why the member was not searched"""
    followed: dict[str, str] = field(default_factory=dict)
    """path of each link whose content was read → path of the file to which it leads"""
    now: str = ""
    """path of the member that is read now, for the progress display"""
    _number: int = 0
    _small: list[Job] = field(default_factory=list)
    _weight: int = 0
    _sealed: int = 0

    def tasks(self) -> Iterator[Task]:
        """Yield all tasks, in an order that depends only on the input."""
        group: list[_Held] = []
        if isinstance(self.collection, PlainCollection) and (reason := mark(self.collection.files, self.host)):
            head = {"collection": self.collection.id, "member": -1, "path": "files that others take in"}
            self.linked.append(ledger.unread(head, reason))
        for member in self.collection.members():
            self.now = member.source
            self.seen.note(member)
            if group and (member.group is None or member.group.id != group[0].place.id):
                yield from self._grouped(group)
                group = []
            if member.kind == "refused":
                self._refused(member)
                continue
            if member.group is not None and member.group.total > 1:
                group.append(self._held(member, member.group, CAP - sum(held.job.weight for held in group)))
                continue
            yield from self._alone(member)
        if group:
            yield from self._grouped(group)
        yield from self._linked()
        yield from self._flush()

    def _linked(self) -> Iterator[Task]:
        """Yield the tasks of files to which links lead, in the places of the links. Only these need the collection a second time."""
        links_of_host = links.gathered(self.collection.custody())
        if not links_of_host:
            return
        taken = {member.source: member.ordinal for member in self.seen if member.verdict == "taken"}
        wanted: dict[int, links.Led] = {}
        for led in links.find(links_of_host, taken):
            if led.to:
                wanted[taken[led.to]] = led
            else:
                head = {"collection": self.collection.id, "member": -1 if led.member is None else led.member, "path": led.path}
                self.linked.append(ledger.unread(head, led.reason))
        self.through = set(wanted)
        if not wanted:
            return
        for member in self.collection.members():
            if (found := wanted.pop(member.ordinal, None)) is not None:
                self.followed[found.path] = found.to
                self.linked.append(ledger.unread(self._head(member), f"read as {found.path}, a link to it", found.names[0]))
                place = replace(member, ordinal=member.ordinal if found.member is None else found.member, source=found.path)
                reader = Hashing(member.read, packaged=member.size <= PACKAGED and may_be_packaged(member.source))
                head_bytes = reader.exactly(catalogue.matcher().head)
                yield from self._add(self._job(place, reader, head_bytes, found.names))

    def unread(self) -> Iterator[dict[str, Any]]:
        """Yield the ledger lines of members that no artefact reads, and of links."""
        yield from self.seen.lines(self.collection.id, self.through, {line["path"] for line in self.linked if not line["artefact"]})
        yield from self.linked

    def _head(self, member: Member) -> dict[str, Any]:
        return {"collection": self.collection.id, "member": member.ordinal, "path": member.source}

    def _refused(self, member: Member) -> None:
        if member.verdict == "link" and member.facts.get("link") and catalogue.matcher().of_source(member.source, member.below):
            return  # `_linked` reads or names it
        reason = (
            member.facts.get("reason") or member.facts.get("error") or {"link": "a link is listed, not followed"}.get(member.verdict, "")
        )
        kind = "" if member.verdict == "link" else UNREAD
        self.seen.unread(member.ordinal, member.source, f"{member.verdict}: {reason}" if reason else member.verdict, kind=kind)

    def _alone(self, member: Member) -> Iterator[Task]:
        """Yield the tasks of a member outside a group: units as it streams by where its format allows, else one job."""
        matcher, known = catalogue.matcher(), catalogue.artefacts()
        reader = Hashing(member.read, packaged=member.size <= PACKAGED and may_be_packaged(member.source))
        head = reader.exactly(matcher.head)
        match = matcher.match(member.below, head, member.source, member.facts.get(MARK, ()))
        self._note(member, match)
        if not match.names:
            self._no_reader(member, match)
        names = match.names + self._searches(member)
        if not names:
            reader.drain()
        elif cutters := _cutters(names, known, member.size):
            yield from self._flush()
            yield from self._units(member, reader, head, names, cutters)
        else:
            yield from self._add(self._job(member, reader, head, names))
        self.seen.summed(member.ordinal, reader.sum())

    def _searches(self, member: Member) -> tuple[str, ...]:
        """Return the searches that a member takes part in. SCOUT's own lists of what it found are not searched again."""
        if member.below == FOUND or not self.searches:
            return ()
        if YARA in self.searches and (reason := read_for_rules(member.size)):
            self.unsearched.append((self._head(member), YARA, reason))
            return tuple(name for name in self.searches if name != YARA)
        return self.searches

    def _note(self, member: Member, match: catalogue.Match) -> None:
        if match.tried:
            self.tried[member.ordinal] = match.tried

    def _no_reader(self, member: Member, match: catalogue.Match) -> None:
        reason = ledger.NO_READER
        if match.refused:
            reason = f"its name says {' or '.join(match.refused)}, its content does not"
        self.seen.unread(member.ordinal, member.source, reason, kind=UNREAD if match.refused else "")

    def _held(self, member: Member, place: GroupPlace, room: int) -> _Held:
        """Read a member of a group, which waits until the group is complete. A group may take `room` more bytes of memory."""
        matcher = catalogue.matcher()
        reader = Hashing(member.read, packaged=member.size <= PACKAGED and may_be_packaged(member.source))
        head = reader.exactly(matcher.head)
        main = place.role == "main"
        match = (
            matcher.match(member.below, head, member.source, member.facts.get(MARK, ()))
            if main
            else catalogue.Match(matcher.of_source(member.source, member.below))
        )
        self._note(member, match)
        job = self._job(member, reader, head, match.names + self._searches(member), room)
        reader.drain()
        self.seen.summed(member.ordinal, reader.sum())
        return _Held(place, member, job, match)

    def _grouped(self, group: list[_Held]) -> Iterator[Task]:
        """Yield the tasks of a group. Each member that an artefact reads gets the others as companions."""
        readers = [held.job.member for held in group if held.match.names]
        for _, member, job, match in group:
            searches = tuple(name for name in job.artefacts if name in SEARCHES)
            if not match.names and searches:
                yield from self._add(replace(job, artefacts=searches, companions={}))
            if match.names:
                job.companions = {other.place.role: other.job for other in group if other.job is not job and not other.match.names}
                yield from self._add(job)
            elif readers:
                self.together.append((self._head(member), readers[0]))
            else:
                self._no_reader(member, match)

    def _job(self, member: Member, reader: Hashing, head: bytes, names: tuple[str, ...], room: int = CAP) -> Job:
        """Return the complete member as one job; its content is in memory where it fits into `room` bytes."""
        content: bytes | scratch.Sealed | Path
        if member.size <= room:
            content = b"".join((head, *iter(lambda: reader.read(_READ), b"")))
        elif not names and member.group is None:
            content = b""
        elif member.path is not None:
            reader.drain()
            content = member.path
        else:
            content = scratch.seal(self._scratch(), after(head, reader.read))
        return Job(member.ordinal, member.source, content, names, member.size, member.facts)

    def _units(
        self, member: Member, reader: Hashing, head: bytes, every: tuple[str, ...], cutters: dict[Cutter, tuple[str, ...]]
    ) -> Iterator[Task]:
        """Yield a task per piece, while the member streams by once. Artefacts that read it as one piece get it at the end."""
        read = after(head, reader.read)
        rest = tuple(name for name in every if not any(name in names for names in cutters.values()))
        if rest:
            read, keep = self._kept(member, read)
        borders = {
            cutter: Borders(cutter.header, counted=names == (INDICATORS,)) for cutter, names in cutters.items() if INDICATORS in names
        }
        while chunk := read(_READ):
            for cutter, names in cutters.items():
                yield from self._pieces(member, names, cutter.feed(chunk), borders.get(cutter))
        for cutter, names in cutters.items():
            yield from self._pieces(member, names, cutter.end(), border := borders.get(cutter))
            if border is not None:
                yield from (self._unit(member, names, piece, around) for piece, around in border.last())
        if rest:
            yield from self._add(Job(member.ordinal, member.source, keep(), rest, member.size, member.facts))

    def _pieces(self, member: Member, names: tuple[str, ...], pieces: Iterator[Piece], borders: Borders | None) -> Iterator[Task]:
        """Yield the tasks of pieces; those that are searched wait for what is behind them."""
        if borders is None:
            yield from (self._unit(member, names, piece) for piece in pieces)
            return
        for piece in pieces:
            yield from (self._unit(member, names, before, around) for before, around in borders.add(piece))

    def _unit(self, member: Member, names: tuple[str, ...], piece: Piece, border: Border = WHOLE) -> Task:
        job = Job(member.ordinal, member.source, piece.data, names, member.size, member.facts, piece.offset, piece.number, border=border)
        return self._task([job])

    def _kept(self, member: Member, read: Read) -> tuple[Read, Callable[[], bytes | scratch.Sealed | Path]]:
        """Return a read function that also keeps what it reads, and a function that returns the content when all was read."""
        if member.path is not None and member.size > CAP:
            path = member.path
            return read, lambda: path
        if member.size <= CAP:
            parts: list[bytes] = []
            return _tee(read, parts.append), lambda: b"".join(parts)
        sealing = scratch.Sealing(self._scratch())
        return _tee(read, sealing.write), sealing.close

    def _scratch(self) -> Path:
        self._sealed += 1
        return self.folder / f"sealed-{self._sealed}"

    def _add(self, job: Job) -> Iterator[Task]:
        if job.weight >= TOGETHER or not isinstance(job.content, bytes):
            yield from self._flush()
            yield self._task([job])
            return
        self._small.append(job)
        self._weight += job.weight
        if self._weight >= TOGETHER or len(self._small) >= TOGETHER_JOBS:
            yield from self._flush()

    def _flush(self) -> Iterator[Task]:
        if self._small:
            jobs, self._small, self._weight = self._small, [], 0
            yield self._task(jobs)

    def _task(self, jobs: list[Job]) -> Task:
        self._number += 1
        return Task(self._number - 1, self.host, jobs)


def _cutters(names: tuple[str, ...], known: dict[str, catalogue.Known], size: int) -> dict[Cutter, tuple[str, ...]]:
    """Return the ways in which a member of `size` bytes is cut, each with the artefacts that declare it.

    The search for indicators goes with the first of them, or with the artefacts that read the member whole. A large member that nothing
    else reads is cut for it.
    """
    cuts: dict[Cut, list[str]] = {}
    for name in names:
        if name in SEARCHES:
            continue
        cut = known[name].artefact.cut
        if cut is not None and size > cut.header + cut.piece:
            cuts.setdefault(cut, []).append(name)
    if INDICATORS in names and cuts:
        next(iter(cuts.values())).append(INDICATORS)
    elif names == (INDICATORS,) and size > SEARCHED.piece:
        cuts[SEARCHED] = [INDICATORS]
    return {Cutter(cut): tuple(names) for cut, names in cuts.items()}


def _tee(read: Read, keep: Callable[[bytes], object]) -> Read:
    def both(n: int) -> bytes:
        chunk = read(n)
        keep(chunk)
        return chunk

    return both
