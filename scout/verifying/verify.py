"""Verify an archive: is it complete, does it agree with itself and with its receipt.

Threat classes (who can change what, and what detects it):

- without any key: a flipped byte or a cut. age detects it; the archive reads as interrupted at that place
- with the recipients' public key, which is no secret: a new archive, consistent in itself. Only the receipt detects it
- by whoever sets the host's clock: the seals have the time that passed beside it, so a jump during the collection is reported
- by mistake, or with a tool that ignores custody: a member removed, moved or replaced, an edited custody part. The chain detects it
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from scout.archive import custody
from scout.archive.custody import MAX_PART, read_part
from scout.archive.reader import UNDECLARED, ArchiveMember, ArchiveReader
from scout.verifying.listing import WaitingMembers, content_of, digest_of
from scout.verifying.receipts import check_readable, compare, json_object, read_receipt, without_key
from scout.verifying.result import VerifyResult, conclude

CLOCK_SLACK = 5.0
"""seconds by which the host's clock may differ from the time that passed: it is set in small steps by NTP, and custody rounds"""


def verify(archive: str | Path, identities: Sequence[Any] | None = None, receipt: str | Path | None = None) -> VerifyResult:
    """Read the complete archive and compare contents, custody, chain, totals, and the receipt (file or short code) where one is given.

    Without identities only the file's hash can be compared, with a receipt file. Complaint (exit code 3) where nothing can be read.
    """
    check_readable(archive)
    paper = read_receipt(receipt) if receipt is not None else None
    if not identities:
        return without_key(Path(archive), paper)
    verdict = VerifyResult(str(archive))
    with ArchiveReader(archive, identities, digest=True) as reader:
        check = _Check(verdict)
        for member in reader:
            check.member(member)
        check.finish(reader.state, reader.reason)
        verdict.archive_sha256 = reader.archive_sha256()
    if paper is not None:
        compare(verdict, paper)
    conclude(verdict)
    return verdict


class _Seen(NamedTuple):
    """A member that waits for its custody line. `digest`: sha256 of what the archive holds; of a sparse member, of its data."""

    ordinal: int
    size: int
    sparse: bool
    digest: str


class _Check:
    """Compares the archive with its custody, member by member."""

    def __init__(self, verdict: VerifyResult) -> None:
        self._v = verdict
        self._waiting: WaitingMembers[_Seen] = WaitingMembers()
        self._head = custody.NOTHING
        self._next = 0
        self._end: dict[str, Any] | None = None
        self._clock: tuple[datetime, float] | None = None

    def member(self, member: ArchiveMember) -> None:
        v = self._v
        v.members += 1
        if member.kind == "refused":
            v.refused += 1
            v.problem(f"member {member.name} was refused: {member.reason}")
            return
        if member.ordinal != self._next:
            stated = "no ordinal, or one out of order" if member.ordinal >= UNDECLARED else f"ordinal {member.ordinal}"
            v.problem(f"member {member.name} has {stated} where {self._next} was due: members are missing, added or moved")
        self._next = (member.ordinal if member.ordinal < UNDECLARED else self._next) + 1
        if (member.kind == "collection") != (v.members == 1):
            v.problem("collection.json is not the first member")
        if member.kind == "custody":
            self._part(member)
        elif member.kind == "end":
            self._end = json_object(content_of(member))
            if self._end is None:
                v.problem("end.json cannot be read")
        else:
            digest = self._collection(member) if member.kind == "collection" else digest_of(member)
            if not member.cut:
                seen = _Seen(member.ordinal, member.size, member.extents is not None, digest)
                for name, _ in self._waiting.add(member.name, seen):
                    self._unsaid(name)

    def finish(self, state: str, reason: str) -> None:
        v = self._v
        v.chain_head = self._head
        self._waiting.pop("collection.json")  # no wanted item: custody need not have it
        waiting = [name for name, _ in self._waiting.rest()]
        v.unsealed = len(waiting)
        if state == "interrupted":
            v.state, v.reason = "interrupted", reason
            return
        for name in waiting:
            self._unsaid(name)
        end = self._end or {}
        facts = {"members": v.members, "parts": v.seals, "items": v.items, "collection": v.collection or None, "chain_head": v.chain_head}
        for key, found in facts.items():
            if end.get(key) != found and (key in end or key == "chain_head"):
                v.problem(f"end.json says {key} {end.get(key)}, found {found}")
        totals = end.get("totals")
        if (
            not isinstance(totals, dict)
            or {k: n for k, n in totals.items() if k != "bytes" and n} != v.verdicts
            or totals.get("bytes", 0) != v.bytes
        ):
            v.problem("the totals of end.json are not those of custody")

    def _unsaid(self, name: str) -> None:
        self._v.problem(f"member {name} has no line in custody")

    def _collection(self, member: ArchiveMember) -> str:
        content = member.stream.read(min(member.size, MAX_PART))
        document = json_object(content)
        if document is None:
            self._v.problem("collection.json cannot be read")
        self._v.collection = str((document or {}).get("collection") or "")
        self._moment((document or {}).get("started"), 0, "the start")
        return hashlib.sha256(content).hexdigest()

    def _part(self, member: ArchiveMember) -> None:
        v = self._v
        content = content_of(member)
        if member.cut:
            return
        first, lines = read_part(content, lambda text: v.problem(f"{member.name}: {text}"))
        if first.get("part") != v.seals or member.name != f"custody/{v.seals:06d}.jsonl":
            v.problem(f"{member.name} says part {first.get('part')} where part {v.seals} was due")
        if first.get("previous") != self._head:
            v.problem(f"{member.name} does not carry the hash of the part before it: the chain is broken")
        self._head = hashlib.sha256(content).hexdigest()
        v.heads.append(self._head)
        v.seals += 1
        for line in lines:
            self._line(line)
        v.last_time = str(first.get("time") or v.last_time)
        self._moment(first.get("time"), first.get("elapsed"), f"seal {v.seals}")

    def _moment(self, time: object, elapsed: object, where: str) -> None:
        """Compare the host's clock with the time that had passed since the moment before."""
        try:
            now = datetime.fromisoformat(str(time))
            passed = float(elapsed)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return
        if now.tzinfo is None or not 0 <= passed < 1e9:
            return
        if self._clock is not None:
            moved = (now - self._clock[0]).total_seconds() - (passed - self._clock[1])
            if abs(moved) > CLOCK_SLACK:
                self._v.clock.append(f"by {moved:+,.0f} s before {where}, at {now:%Y-%m-%d %H:%M:%S}Z")
        self._clock = now, passed

    def _line(self, line: Mapping[str, Any]) -> None:
        v = self._v
        said, name = str(line.get("verdict")), str(line.get("name"))
        wanted = line.get("type") != "collection"
        if wanted:
            v.items += 1
            known = said if said in custody.VERDICTS else "unknown"
            v.verdicts[known] = v.verdicts.get(known, 0) + 1
        if said not in custody.VERDICTS:
            v.problem(f"custody has the unknown verdict {said} for {name}")
        if line.get("member") is None:
            if said == "taken" and line.get("type") in ("file", "live"):
                v.problem(f"custody says that {name} was taken, but names no member")
            return
        member = self._waiting.pop(name)
        v.bytes += line.get("size") or 0 if wanted else 0
        if member is None:
            v.problem(f"custody names {name}, which is not in the archive")
        elif line["member"] != member.ordinal:
            v.problem(f"custody gives {name} ordinal {line['member']}, the archive {member.ordinal}")
        elif line.get("size") != member.size:
            v.problem(f"{name} has {member.size} bytes, custody says {line.get('size')}")
        else:
            stated = line.get("sha256_data" if member.sparse else "sha256")
            if stated is None and said == "taken" and not (member.sparse and line.get("sha256")):
                v.problem(f"custody has no hash of {name}")
            elif stated is not None and stated != member.digest:
                v.problem(f"the content of {name} is not the one that custody describes")
