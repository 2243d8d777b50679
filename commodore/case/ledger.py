"""Lines of the ledger: the records that a format promises, that were read, and that were lost.

Each artefact of a member has one line with totals; `expected = parsed + carved + lost` holds wherever expected is known. A single problem
is the reason of that line. Of several problems, each has a line of its own below, with `lost` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from commodore.artefact import Problem
from commodore.sweep.found import SEARCHES

SHOWN = 1000
"""problems of one member that get a line of their own; the rest is counted"""
NO_READER = "no artefact reads it"


@dataclass(slots=True)
class Account:
    """The running account of one artefact on one member, summed over its units."""

    artefact: str
    expected: int | None = None
    parsed: int = 0
    carved: int = 0
    problems: list[tuple[Problem, int]] = field(default_factory=list)
    """each with the offset of its unit"""
    more: int = 0
    more_lost: int = 0
    """problems beyond the shown ones, and the records that they count as lost"""
    searched: int = 0
    """bytes that a search of the raw sweep has read"""

    def add(self, expected: int | None, parsed: int, carved: int, problems: list[Problem], offset: int = 0) -> None:
        """Add one unit. Its expected count is unknown (None) or part of the member's."""
        if expected is not None:
            self.expected = (self.expected or 0) + expected
        self.parsed += parsed
        self.carved += carved
        room = max(0, SHOWN - len(self.problems))
        self.problems += [(p, offset) for p in problems[:room]]
        self.more += max(0, len(problems) - room)
        self.more_lost += sum(p.lost for p in problems[room:])

    def lines(self, head: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the ledger lines; `head` has `collection`, `member`, `path`."""
        read = self.parsed + self.carved
        named = sum(p.lost for p, _ in self.problems) + self.more_lost
        expected, lost, remark = self.expected, named, ""
        if expected is not None:
            lost = max(0, expected - read)
            if read > expected:
                remark, expected = f"{read - expected} more records than the {expected} that the format's headers promise", read
            elif lost > named:
                remark = f"{lost - named} records that the format's headers promise were not found"
        total = head | {"artefact": self.artefact, "expected": expected, "parsed": self.parsed, "carved": self.carved, "lost": lost}
        if self.artefact in SEARCHES:
            total["searched"] = self.searched
        if not self.problems:
            return [total | {"reason": remark or None, "locator": None, "offset": None}]
        if len(self.problems) == 1 and not self.more:
            problem, offset = self.problems[0]
            reason = "; ".join(filter(None, (problem.reason, remark)))
            return [total | {"reason": reason, "locator": problem.locator or None, "offset": offset} | _kind(problem.kind)]
        several = f"{len(self.problems) + self.more} problems, the first {len(self.problems)} follow"
        reason = "; ".join(filter(None, (several, remark)))
        details = [self._detail(head, p, offset) for p, offset in self.problems]
        return [total | {"reason": reason, "locator": None, "offset": None}, *details]

    def _detail(self, head: dict[str, Any], problem: Problem, offset: int) -> dict[str, Any]:
        return head | {
            "artefact": self.artefact,
            "expected": None,
            "parsed": None,
            "carved": None,
            "lost": problem.lost,
            "reason": problem.reason,
            "locator": problem.locator or None,
            "offset": offset,
            **_kind(problem.kind),
        }


def of_member(head: dict[str, Any], accounts: list[Account], tried: Iterable[str]) -> list[dict[str, Any]]:
    """Return the lines of one member. An artefact that only tried it (`tried`), found nothing and met no problem of its own has none.

    Trouble is its own where the artefacts that read the member did not meet it; where none reads it, where not all that tried met it.
    A problem that all of them met is a problem of the file: it is the reason on the line without an artefact.
    """
    tried = frozenset(tried)
    fruitless = [a for a in accounts if a.artefact in tried and not (a.parsed or a.carved or a.expected)]
    readers = [a for a in accounts if a not in fruitless]
    common = frozenset.union(*map(_met, readers)) if readers else frozenset.intersection(*map(_met, fruitless))
    silent = [a for a in fruitless if _met(a) <= common and not a.more]
    rows = [row for account in accounts if account not in silent for row in account.lines(head)]
    return rows or [unread(head, "; ".join([NO_READER, *sorted({reason for reason, _ in common})]))]


def _met(account: Account) -> frozenset[tuple[str, str]]:
    return frozenset((problem.reason, problem.locator) for problem, _ in account.problems)


def of_companions(together: Iterable[tuple[dict[str, Any], int]], readers: Mapping[int, tuple[str, str]]) -> list[dict[str, Any]]:
    """Return the lines of members that are read together with another one. `readers`: ordinal → its path and an artefact that reads it."""
    return [
        unread(head, f"read together with {readers[main][0]}", readers[main][1]) if main in readers else unread(head, NO_READER)
        for head, main in together
    ]


def _kind(kind: str) -> dict[str, str]:
    """Return the kind of a contradiction or failure, which most lines do not have."""
    return {"kind": kind} if kind else {}


def unread(head: dict[str, Any], reason: str, artefact: str | None = None, kind: str = "") -> dict[str, Any]:
    """Return the ledger line of a member that nothing read."""
    return head | {
        "artefact": artefact,
        "expected": None,
        "parsed": 0,
        "carved": 0,
        "lost": None,
        "reason": reason,
        "locator": None,
        "offset": None,
        **_kind(kind),
    }


def order(row: Mapping[str, Any]) -> bytes:
    """Return the key by which lines are sorted: member, those without one last, then artefact."""
    member = int(row["member"])
    return (b"\xff" if member < 0 else b"") + min(abs(member), (1 << 63) - 1).to_bytes(8, "big") + str(row["artefact"] or "").encode()


def searched(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Return, per search of the raw sweep, the members and bytes that were searched, and the members that were not, wholly or in part."""
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        counts = found.setdefault(row["artefact"], {"members": 0, "bytes": 0, "not": 0, "places": 0})
        if "searched" in row:
            whole = row["lost"] is not None and not row.get("kind")
            counts["members" if whole else "not"] += 1
            counts["bytes"] += row["searched"]
            counts["places"] += row["parsed"]
    return found


def is_loss(row: Mapping[str, Any]) -> bool:
    """Return whether a line of the ledger names something that an artefact should have read and could not."""
    return bool(row["artefact"]) and bool(row["reason"]) and not str(row["reason"]).startswith(("read together", "read as "))
