"""Reads a plain directory in this process, without workers or a case: records and ledger lines by dataset."""

from __future__ import annotations

from pathlib import Path

import orjson

from commodore import facts
from commodore.artefact import Problem
from commodore.engine import catalogue, ledger, plain, unit
from commodore.engine.assemble import Assembler, line
from commodore.evidence import Evidence


class View:
    """What a derivation sees: records of the datasets, and members, of one host."""

    def __init__(self, records: dict[str, list[dict]], members: list[dict]) -> None:
        self._records, self._members = records, members

    def records(self, dataset):
        return iter(self._records.get(dataset, []))

    def members(self):
        return iter(self._members)


def read_plain(root: Path) -> dict[str, list[dict]]:
    """Dataset → records, then ledger lines."""
    matcher, known = catalogue.matcher(), catalogue.artefacts()
    system, files = plain.walk(root)
    collection = plain.collection_id(files)
    beside = plain.by_folder(files)
    evidence: dict[int, Evidence] = {}

    def made(file, artefact=None):
        if file.ordinal not in evidence:
            content = file.path.read_bytes()
            evidence[file.ordinal] = Evidence(file.source, content, collection=collection, member=file.ordinal, facts=file.facts)
        if artefact is not None:
            evidence[file.ordinal].companions = {r: made(c) for r, c in plain.companions(file, artefact, beside).items()}
        return evidence[file.ordinal]

    def fetch(path):
        for file in files:
            if file.verdict == "taken" and file.below.lower() == path.lower():
                readers = [known[n].artefact for n in matcher.match(file.below, file.path.read_bytes()).names]
                return made(file, next((a for a in readers if a.group), None))
        return None

    host = facts.gather(system, collection, {}, fetch, root.parent.name)
    records: dict[str, list[dict]] = {}
    lines: dict[str, list[dict]] = {}
    for file in files:
        if file.verdict != "taken":
            continue
        head = {"collection": collection, "member": file.ordinal, "path": file.source}
        for name in matcher.match(file.below, file.path.read_bytes()[: matcher.head]).names:
            out = records.setdefault(name, [])
            outcome = unit.parse(known[name], made(file, known[name].artefact), host, out.extend)
            account = ledger.Account(name)
            account.add(*outcome)
            lines.setdefault(name, []).extend(account.lines(head))
    members = [
        {"collection": collection, "member": f.ordinal, "path": f.source, "size": f.size, "verdict": f.verdict, **f.facts} for f in files
    ]
    for name, derivation in catalogue.derivations().items():
        inferred = "name" in host.inferred
        assembler = Assembler(
            derivation.artefact, collection=collection, member=-1, source=f"derived/{name}", host_name=host.name, host_inferred=inferred,
        )
        for item in derivation.derive(View(records, members), host):
            if isinstance(item, Problem):
                lines.setdefault(name, []).append({"artefact": name, "reason": item.reason, "locator": item.locator, "lost": item.lost})
            else:
                records.setdefault(name, []).append(assembler.record(item))
    return {name: [*(orjson.loads(line(r)) for r in records.get(name, [])), *lines.get(name, [])] for name in {**records, **lines}}
