"""The list of members: every wanted item of custody and every refused member, with the hash that we computed ourselves."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from commodore.case import ledger
from commodore.engine.inputs import EvidenceCollection
from commodore.engine.journal import dump
from commodore.engine.plan import Plan

_SKIPPED = ("member", "source", "name", "verdict", "size", "sha256")


def lines(collection: EvidenceCollection, plan: Plan) -> tuple[list[bytes], int, list[dict[str, Any]]]:
    """Return the lines of the list of members, the number of members that the collection has content or a name for, and ledger lines for
    content that is not what custody says.
    """
    found: list[tuple[tuple[bool, int, str], bytes]] = []
    mismatches, told = [], set()

    def keep(line: dict[str, Any]) -> None:
        text = memoryview(dump(line)).tobytes()  # what orjson gives keeps its whole buffer, ten times the line
        found.append(((line["member"] is None, line["member"] or 0, line["path"] or ""), text))

    for said in collection.custody():
        ordinal = said.get("member")
        line, wrong = _line(collection.id, said, plan)
        if said.get("verdict") == "link" and line["path"] in plan.followed:
            line["followed"] = plan.followed[line["path"]]
        if ordinal is not None:
            told.add(ordinal)
        keep(line)
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
        keep(line | {k: v for k, v in facts.items() if k not in line})
    found.sort(key=itemgetter(0))
    return [line for _, line in found], len({ordinal for (_, ordinal, _), _ in found}), mismatches


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
