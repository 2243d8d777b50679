"""Every artefact, by the worker that reads it in a run: parser, detection, lines, account. Artefacts of one container are one family."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from commodore import catalogue
from commodore.artefact import Problem
from commodore.case.ledger import Account
from commodore.detection import Detection
from commodore.engine.tasks import Job, Task
from commodore.engine.work import Worker
from tests.commodore.damage import HOST, inputs
from tests.mutants.family import Family, Read

HEAD = {"collection": "c", "member": 0, "path": "p"}
_LARGE = 1 << 17
"""bytes beyond which an input is left to others of its artefact"""


def families(folder: Path) -> Iterator[Family]:
    """Yield a family per artefact or container."""
    known = catalogue.artefacts()
    for name, names in groupby(sorted(known, key=_shared), key=_shared):
        readers = tuple(names)
        given = {(path, data) for reader in readers for path, data in inputs(reader) if 0 < len(data) <= _LARGE}
        yield Family(name, sorted(given), lambda _, readers=readers: _reader(readers))


def _shared(name: str) -> str:
    holds = catalogue.artefacts()[name].artefact.holds
    return name if holds is None else holds.container


def _reader(names: tuple[str, ...]) -> Read:
    worker = Worker(Detection.load())

    def read(path: str, data: bytes) -> Counter[str]:
        job = Job(0, path, data, names, len(data), {"mtime": "2026-10-31T20:00:00Z"})
        result = worker.run(Task(0, HOST, [job]))
        found = Counter(records=sum(result.counts.values()))
        for account in result.accounts:
            whole = Account(account.artefact)
            whole.add(account.expected, account.parsed, account.carved, [Problem(*p) for p in account.problems])
            total = whole.lines(dict(HEAD))[0]
            found["lost"] += total["lost"]
            if total["expected"] is not None and total["expected"] != total["parsed"] + total["carved"] + total["lost"]:
                found["wrong: the account does not add up"] += 1
            if total["lost"] and not (account.problems or total["reason"]):
                found["wrong: a loss without a reason"] += 1
            for problem in account.problems:
                if problem[4] == "parser-failed":
                    found[f"raised: {account.artefact}: {problem[0]}"[:160]] += 1
        return found

    return read
