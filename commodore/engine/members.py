"""`members.jsonl`: every wanted item of custody and every refused member, with the hash that we computed ourselves."""

from __future__ import annotations

from typing import Any

from commodore.engine import ledger
from commodore.engine.inputs import Collection
from commodore.engine.plan import Plan

_SKIPPED = ("member", "source", "name", "verdict", "size", "sha256")


def rows(collection: Collection, plan: Plan) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Lines for `members.jsonl`, and ledger lines for content that is not what custody says."""
    lines, mismatches, told = [], [], set()
    for said in collection.custody():
        ordinal = said.get("member")
        line, wrong = _line(collection.id, said, plan)
        if ordinal is not None:
            told.add(ordinal)
        lines.append(line)
        mismatches += wrong
    for ordinal, (source, verdict, size, facts) in plan.seen.items():
        if ordinal in told:
            continue
        digest, read = plan.sums.get(ordinal, (None, None))
        line = {"collection": collection.id, "member": ordinal, "path": source, "size": size, "sha256": digest, "verdict": verdict}
        if read is not None and read < size:
            line["verdict"] = "interrupted"
            head = {"collection": collection.id, "member": ordinal, "path": source}
            mismatches.append(ledger.unread(head, f"the archive is cut here: {read} of {size} bytes"))
        lines.append(line | {k: v for k, v in facts.items() if k not in line})
    lines.sort(key=lambda r: (r["member"] is None, r["member"] or 0, r["path"] or ""))
    return lines, mismatches


def _line(collection: str, said: dict[str, Any], plan: Plan) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    ordinal, path = said.get("member"), said.get("source") or said.get("name") or ""
    digest, _ = plan.sums.get(ordinal, (None, None)) if ordinal is not None else (None, None)
    claimed = said.get("sha256")
    line = {
        "collection": collection,
        "member": ordinal,
        "path": path,
        "size": said.get("size"),
        "sha256": digest or claimed,
        "verdict": said.get("verdict"),
    } | {k: v for k, v in said.items() if k not in _SKIPPED}
    if digest and claimed and digest != claimed:
        head = {"collection": collection, "member": ordinal, "path": path}
        return line, [ledger.unread(head, f"content is not what custody says: sha256 {digest}, custody {claimed}")]
    return line, []
