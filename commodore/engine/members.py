"""The list of members: every wanted item of custody and every refused member, with the hash that we computed ourselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from commodore.case import ledger
from commodore.engine.inputs import EvidenceCollection
from commodore.engine.journal import dump
from commodore.engine.plan import Plan
from commodore.engine.sorting import SortedLines
from scout.archive.custody import VERDICTS

NOT_COLLECTED = frozenset(VERDICTS) - {"taken", "missing", "changed while read", "link"}
"""Verdicts on what was there and is not in the archive."""
_LAST = (1 << 63) - 1
_SKIPPED = ("member", "source", "name", "verdict", "size", "sha256", "md5", "sha1")


def lines(collection: EvidenceCollection, plan: Plan) -> tuple[Iterable[bytes], int, list[dict[str, Any]]]:
    """Return the lines of the list of members, the number of members that the collection has content or a name for, and ledger lines for
    content that is not what custody says, and for what was wanted and not collected.
    """
    found = SortedLines()
    mismatches, told = [], set()
    not_collected = told_and_seen = 0
    nameless = False

    def keep(line: dict[str, Any]) -> None:
        ordinal = line["member"]
        place = b"\xff" if ordinal is None else min(max(ordinal, 0), _LAST).to_bytes(8, "big")  # items without content come last
        key = place + (line["path"] or "").encode("utf-8", "surrogatepass")
        found.add(key, memoryview(dump(line)).tobytes())  # what orjson gives keeps its whole buffer, ten times the line

    for said in collection.custody():
        ordinal = said.get("member")
        line, wrong = _line(collection.id, said, plan)
        if said.get("verdict") == "link" and line["path"] in plan.followed:
            line["followed"] = plan.followed[line["path"]]
        if ordinal is not None:
            told.add(ordinal)
        nameless = nameless or ordinal is None
        if ordinal is None and line["verdict"] in NOT_COLLECTED:
            not_collected += 1
            if not_collected <= ledger.SHOWN:
                head = {"collection": collection.id, "member": -1, "path": line["path"]}
                mismatches.append(
                    ledger.unread(head, ": ".join(filter(None, ("not collected", line["verdict"], str(said.get("error") or "")))))
                )
        keep(line)
        mismatches += wrong
    first = 0 in told
    for ordinal, source, verdict, size, facts in plan.seen:
        first = first or ordinal == 0
        if ordinal in told:
            told_and_seen += 1
            continue
        read = plan.seen.sum(ordinal)
        digest = read.sha256 if read else None
        line = {"collection": collection.id, "member": ordinal, "path": source, "size": size, "sha256": digest, "verdict": verdict}
        if read is not None and read.size < size:
            line["verdict"] = "interrupted"
            head = {"collection": collection.id, "member": ordinal, "path": source}
            mismatches.append(ledger.unread(head, f"the archive is cut here: {read.size} of {size} bytes"))
        elif read is not None and read.md5:
            line |= {"md5": read.md5, "sha1": read.sha1}
        keep(line | {k: v for k, v in facts.items() if k not in line})
    if not_collected > ledger.SHOWN:
        head = {"collection": collection.id, "member": -1, "path": "custody"}
        mismatches.append(ledger.unread(head, f"not collected: {not_collected - ledger.SHOWN:,} more; the list of members has them all"))
    count = len(plan.seen) + len(told) - told_and_seen + (nameless and not first)
    return found, count, mismatches


def _line(collection: str, said: dict[str, Any], plan: Plan) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    ordinal, path = said.get("member"), said.get("source") or said.get("name") or ""
    read = plan.seen.sum(ordinal) if ordinal is not None else None
    digest = read.sha256 if read else None
    claimed = said.get("sha256")
    line = {
        "collection": collection,
        "member": ordinal,
        "path": path,
        "size": said.get("size"),
        "sha256": digest or claimed,
        "verdict": said.get("verdict"),
    } | {k: v for k, v in said.items() if k not in _SKIPPED}
    if read is not None and read.md5:
        line |= {"md5": read.md5, "sha1": read.sha1}
    if digest and claimed and digest != claimed:
        head = {"collection": collection, "member": ordinal, "path": path}
        return line, [ledger.unread(head, f"content is not what custody says: sha256 {digest}, custody {claimed}")]
    return line, []
