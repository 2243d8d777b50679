"""The results of a task, as a worker returns them and the journal commits them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from commodore.record import Problem

HITS, CHOSEN = ".hits/", ".chosen/"
"""prefixes of the names under which other lines travel among the datasets: the hits on a dataset, and the records that a derived dataset
chose of it (`.chosen/logons/evtx`)"""
STOPPED = "stopped"
FRAME = 8 << 20
"""bytes of lines that are compressed together"""


class UnitAccount(NamedTuple):
    """The result of one artefact on one job, as `ledger.Account.add` takes it."""

    member: int
    source: str
    artefact: str
    expected: int | None
    parsed: int
    carved: int
    problems: list[Problem]
    offset: int = 0
    failed: str = ""
    """`raised`: the parser raised an exception; `stopped`: its worker died or had to be stopped; else empty"""
    searched: int = 0
    """bytes that a search of the raw sweep has read"""


@dataclass(slots=True)
class Result:
    """The result of a task: per dataset one or more zstd frames of lines, counts, accounts."""

    number: int
    frames: dict[str, bytes] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    sources: dict[str, list[str]] = field(default_factory=dict)
    """dataset → log sources of Sigma that its records come from, as `Detection.log_sources` names them"""
    accounts: list[UnitAccount] = field(default_factory=list)
    killed: list[tuple[int, str]] = field(default_factory=list)
    """(member, reason) of units that were given up, because their worker died or had to be stopped"""
    seconds: float = 0.0
    spent: bool = False
    """whether the worker ran out of memory: it is replaced before it gets another task"""

    def add(self, other: Result) -> None:
        """Append the result of another part of the same task."""
        for name, frame in other.frames.items():
            self.frames[name] = self.frames.get(name, b"") + frame
        for name, count in other.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        for name, places in other.sources.items():
            self.sources[name] = sorted({*self.sources.get(name, ()), *places})
        for account in other.accounts:
            self._account(account)
        self.killed += other.killed
        self.seconds += other.seconds

    def _account(self, account: UnitAccount) -> None:
        """Add an account. A container that several parts of one job opened reports each problem once."""
        for n, known in enumerate(self.accounts):
            if (known.member, known.artefact, known.offset) == (account.member, account.artefact, account.offset):
                more = [problem for problem in account.problems if problem not in known.problems]
                self.accounts[n] = known._replace(problems=known.problems + more, failed=known.failed or account.failed)
                return
        self.accounts.append(account)


class SalvagedPart(NamedTuple):
    """What a worker passes on: per dataset lines, log sources, and the number of records; and the problems that came with them."""

    lines: dict[str, bytes]
    sources: dict[str, list[str]]
    counts: dict[str, int]
    problems: list[Problem]
