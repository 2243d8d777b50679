"""`verify` and `list_members`: is the archive whole, does it agree with itself and with its receipt, and what is in it.

Threat classes (who can change what, and what finds it):

- without any key: a flipped byte or a cut; age finds it, the archive reads as interrupted at that place
- with the recipients' public key, which is no secret: a whole archive built anew, consistent in itself; only the receipt finds that
- by mistake or by a tool that knows no custody: a member removed, moved or replaced, an edited custody part; the chain finds that
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from scout.archive import custody
from scout.archive.custody import MAX_PART, normal_code, read_part, receipt_code
from scout.archive.reader import UNDECLARED, ArchiveMember, ArchiveReader
from scout.console import COULD_NOT, DONE, PARTIAL, WRONG_USE, Complaint, escape, plural

MAX_WAITING = 1 << 17
"""members that wait for their line in custody; SCOUT itself seals long before"""
MAX_PROBLEMS = 1000
"""as many are kept; all are counted"""


@dataclass(slots=True)
class VerifyResult:
    """What verify found. `state`: whole, interrupted or inconsistent; `code`: the exit code; `lines`: what a person reads."""

    archive: str
    state: str = "whole"
    reason: str = ""
    receipt: str = ""
    """agrees, differs, or '' where none was given"""
    items: int = 0
    seals: int = 0
    members: int = 0
    unsealed: int = 0
    """members behind the last seal: whole, without a custody line"""
    refused: int = 0
    bytes: int = 0
    problem_count: int = 0
    problems: list[str] = field(default_factory=list)
    verdicts: dict[str, int] = field(default_factory=dict)
    archive_sha256: str = ""
    chain_head: str = ""
    heads: list[str] = field(default_factory=lambda: [custody.NOTHING])
    """the chain head before the first seal, and after each"""
    collection: str = ""
    last_time: str = ""
    lines: list[str] = field(default_factory=list)
    code: int = DONE

    def problem(self, text: str) -> None:
        """Something that does not agree."""
        self.problem_count += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(text)


def verify(archive: str | Path, identities: Sequence[Any] | None = None, receipt: str | Path | None = None) -> VerifyResult:
    """Read the archive through and compare all that it says: contents, custody, chain, totals, and the receipt (file or short code) where
    one is given.

    Without identities only the file's hash can be compared, with a receipt file. Complaint (exit code 3) where nothing can be read.
    """
    paper = _receipt(receipt) if receipt is not None else None
    if not identities:
        return _sealed_only(Path(archive), paper)
    verdict = VerifyResult(str(archive))
    with ArchiveReader(archive, identities, digest=True) as reader:
        check = _Check(verdict)
        for member in reader:
            check.member(member)
        check.finish(reader.state, reader.reason)
        verdict.archive_sha256 = reader.archive_sha256()
    if paper is not None:
        _compare(verdict, paper)
    _conclude(verdict)
    return verdict


class ArchiveListing:
    """Iterate it once: {member, name, source, size, sha256, verdict} of every wanted item as custody says it, then of what has no custody
    line.

    Such a member has the verdict `unsealed` (whole, behind the last seal), `cut`, or `refused`. `state` and `reason` are the reader's,
    after the last.
    """

    def __init__(self, archive: str | Path, identities: Sequence[Any]) -> None:
        self._reader = ArchiveReader(archive, identities)
        self.state = self.reason = ""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        waiting: dict[str, dict[str, Any]] = {}
        with self._reader as reader:
            for member in reader:
                if member.kind == "custody":
                    yield from self._part(_read(member), waiting)
                    continue
                if member.kind == "refused":
                    yield _row(member, None, "refused")
                elif member.kind != "end":
                    digest = _digest(member)
                    waiting[member.name] = _row(member, digest if member.extents is None else None, "cut" if member.cut else "unsealed")
                    if len(waiting) > MAX_WAITING:
                        yield waiting.pop(next(iter(waiting)))
            self.state, self.reason = reader.state, reader.reason
        yield from waiting.values()

    @staticmethod
    def _part(content: bytes, waiting: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
        try:
            lines = read_part(content)[1]
        except ValueError:
            return
        for line in lines:
            if line.get("member") is not None:
                waiting.pop(str(line.get("name")), None)
            yield {key: line.get(key) for key in ("member", "name", "source", "size", "sha256", "verdict")}


def list_members(archive: str | Path, identities: Sequence[Any]) -> ArchiveListing:
    """What is in an archive. Complaint where nothing can be read."""
    return ArchiveListing(archive, identities)


class _Seen(NamedTuple):
    """A member that waits for its line. `digest` is that of what the archive holds: of a sparse member, of its data."""

    ordinal: int
    size: int
    sparse: bool
    digest: str


class _Check:
    """What has been seen so far, and what does not agree."""

    def __init__(self, verdict: VerifyResult) -> None:
        self._v = verdict
        self._waiting: dict[str, _Seen] = {}
        self._head = custody.NOTHING
        self._next = 0
        self._end: dict[str, Any] | None = None

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
            self._end = _object(_read(member))
            if self._end is None:
                v.problem("end.json cannot be read")
        else:
            digest = self._collection(member) if member.kind == "collection" else _digest(member)
            if not member.cut:
                self._waiting[member.name] = _Seen(member.ordinal, member.size, member.extents is not None, digest)
                if len(self._waiting) > MAX_WAITING:
                    self._unsaid(next(iter(self._waiting)))

    def finish(self, state: str, reason: str) -> None:
        v = self._v
        v.chain_head = self._head
        self._waiting.pop("collection.json", None)  # no wanted item: custody need not have it
        v.unsealed = len(self._waiting)
        if state == "interrupted":
            v.state, v.reason = "interrupted", reason
            return
        for name in list(self._waiting):
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
        self._waiting.pop(name)
        self._v.problem(f"member {name} has no line in custody")

    def _collection(self, member: ArchiveMember) -> str:
        content = member.stream.read(min(member.size, MAX_PART))
        document = _object(content)
        if document is None:
            self._v.problem("collection.json cannot be read")
        self._v.collection = str((document or {}).get("collection") or "")
        return hashlib.sha256(content).hexdigest()

    def _part(self, member: ArchiveMember) -> None:
        v = self._v
        content = _read(member)
        if member.cut:
            return
        try:
            first, lines = read_part(content)
        except ValueError as e:
            v.problem(f"{member.name} cannot be read: {e}")
            first, lines = {}, []
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

    def _line(self, line: Mapping[str, Any]) -> None:
        v = self._v
        said, name = str(line.get("verdict")), str(line.get("name"))
        wanted = line.get("type") != "collection"
        if wanted:
            v.items += 1
            v.verdicts[said] = v.verdicts.get(said, 0) + 1
        if said not in custody.VERDICTS:
            v.problem(f"custody has the unknown verdict {said} for {name}")
        if line.get("member") is None:
            if said == "taken" and line.get("type") in ("file", "live"):
                v.problem(f"custody says that {name} was taken, but names no member")
            return
        member = self._waiting.pop(name, None)
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


def _digest(member: ArchiveMember) -> str:
    """sha256 of what the archive holds of a member."""
    digest = hashlib.sha256()
    for _, piece in member.stream.data():
        digest.update(piece)
    return digest.hexdigest()


def _read(member: ArchiveMember) -> bytes:
    return member.stream.read(min(member.size, MAX_PART))


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _row(member: ArchiveMember, digest: str | None, verdict: str) -> dict[str, Any]:
    return {
        "member": member.ordinal,
        "name": member.name,
        "source": member.source,
        "size": member.size,
        "sha256": digest,
        "verdict": verdict,
    }


def _receipt(given: str | Path) -> dict[str, Any]:
    """{"code": …} of a short code, or the content of a receipt file."""
    code = normal_code(str(given)) if isinstance(given, str) else None
    if code is not None and not Path(given).exists():
        return {"code": code}
    try:
        with open(given, "rb") as file:
            document = _object(file.read(1 << 20))
    except OSError as e:
        raise Complaint(
            f"{given} is neither a receipt code nor a file that can be read: {e.strerror}.",
            "Give the code as it was printed (K7QM-3F9T-XW2P), or the file <archive>.receipt.json.",
            WRONG_USE,
        ) from None
    if document is None or not isinstance(document.get("archive_sha256"), str) or not isinstance(document.get("chain_head"), str):
        raise Complaint(
            f"{given} is no receipt.", "Give the code as it was printed (K7QM-3F9T-XW2P), or the file <archive>.receipt.json.", WRONG_USE
        )
    return document


def _compare(verdict: VerifyResult, paper: Mapping[str, Any]) -> None:
    # who was interrupted may not have known that one more seal had reached the file; the file's hash says that it is the same
    heads = [verdict.chain_head, *(verdict.heads if verdict.state == "interrupted" else ())]
    if "archive_sha256" in paper:
        same = paper["archive_sha256"] == verdict.archive_sha256 and paper["chain_head"] in heads
    else:
        same = any(paper["code"] == receipt_code(head, verdict.archive_sha256) for head in heads)
    verdict.receipt = "agrees" if same else "differs"


def _sealed_only(archive: Path, paper: Mapping[str, Any] | None) -> VerifyResult:
    """What can be said without a key: is it, byte for byte, the file of the receipt."""
    if paper is None or "archive_sha256" not in paper:
        raise Complaint(
            f"{archive} cannot be verified without a key.",
            "Give -i key.txt; or --receipt <archive>.receipt.json to compare the file's hash alone.",
            WRONG_USE,
        )
    try:
        with open(archive, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as e:
        raise Complaint(
            f"{archive} cannot be read: {e.strerror}.", "Give the path of an archive that scout collect wrote.", COULD_NOT
        ) from None
    verdict = VerifyResult(str(archive), archive_sha256=digest)
    verdict.receipt = "agrees" if digest == paper["archive_sha256"] else "differs"
    if verdict.receipt == "agrees":
        whole = paper.get("state") == "whole"
        verdict.state, verdict.code = ("whole", DONE) if whole else ("interrupted", PARTIAL)
        verdict.lines = [
            f"This is the archive of the receipt ({'whole' if whole else 'interrupted'} when it was written). "
            "Its content was not read: that needs -i key.txt."
        ]
    else:
        verdict.state, verdict.code = "inconsistent", PARTIAL
        verdict.lines = [
            "This is not the archive of the receipt: it was cut, damaged, changed or exchanged. Give -i key.txt to see what can be read."
        ]
    return verdict


def _conclude(v: VerifyResult) -> None:
    """State, exit code and lines."""
    items, seals = plural(v.items, "item"), plural(v.seals, "seal")
    if v.problem_count:
        v.state = "inconsistent"
        what = plural(v.problem_count, "contradiction")
        v.lines.append(f"Inconsistent: {what} between the archive and its custody; {items} in {seals} were read.")
        v.lines += [f"  {escape(text)}" for text in v.problems[:20]]
        if v.problem_count > 20:
            v.lines.append(f"  … and {v.problem_count - 20:,} more (--json has them)")
        if v.reason:
            v.lines.append(f"It is also interrupted: {v.reason}.")
    elif v.state == "interrupted":
        after = f" {plural(v.unsealed, 'member')} behind the last seal can be read too." if v.unsealed else ""
        when = f" {escape(v.last_time[11:19])}Z" if len(v.last_time) == 20 else ""
        v.lines.append(f"Interrupted: {v.reason}. {items} in {seals} are whole and unchanged; what came after{when} is lost.{after}")
    if v.receipt == "differs" and not v.problem_count and v.state == "whole":
        v.state = "inconsistent"
        v.lines.append(
            f"Not the archive of the receipt: {items} in {seals} agree with each other, but another archive was written. Do not trust it."
        )
    elif v.receipt == "differs":
        v.lines.append("The receipt does not agree: this is not the archive, or not all of the archive, that SCOUT wrote.")
    elif v.receipt == "agrees" and v.state == "whole":
        v.lines.append(f"Whole and unchanged: {items}, {seals}, chain and receipt agree.")
    elif v.receipt == "agrees":
        v.lines.append("Chain and receipt agree: it is as SCOUT left it.")
    elif v.state == "whole":
        v.lines.append(f"Internally consistent: {items}, {seals}, the chain agrees.")
    if not v.receipt:
        v.lines.append("Without a receipt this shows that the archive is consistent, not who wrote it.")
    v.code = DONE if v.state == "whole" else PARTIAL
