"""Damage hives and read them with every registry artefact: `python -m bench.damaged_hives HIVE… [--flips N] [--group N] [--cut N]`.

Each 4 KiB page is zeroed in turn, the file is cut at every 4 KiB, and bytes are flipped. A large hive takes seconds a reading: `--group`
zeroes as many pages at once, far from each other, and those that no problem of the group names again, together while no record is missing,
else in halves down to one; `--cut` cuts at every Nth page. Counts exceptions, elements at which the parser raised, and losses that nothing
reports; prints the processor time of all and of the slowest reading, and the peak of memory. Exit 1 where something escaped or was silent.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from commodore.artefacts.windows.registry import registry
from commodore.catalogue import artefacts, containers
from commodore.container import UnreadableError
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.record import Problem, Raised, RecordBatch
from scout.formats.regf.data import BASE_BLOCK

PAGE = 4096
HOLDS = registry.ARTEFACT.holds
SOURCE = "C:\\Windows\\System32\\config\\SOFTWARE"
CLASSES = "C:\\Users\\a\\AppData\\Local\\Microsoft\\Windows\\UsrClass.dat"
"""paths of a hive on its host: those of a user's classes begin elsewhere, all others are read for what they have"""
READERS = [(known.artefact, known.parse, known.expected) for name, known in artefacts().items() if name in containers()[HOLDS.container]]
"""declaration, `parse` and `expected` of every artefact that reads hives"""


def zeroed(data: bytes, pages: Iterable[int]) -> bytes:
    """Return a hive with some pages empty."""
    made = bytearray(data)
    for at in pages:
        made[at : at + PAGE] = bytes(len(data[at : at + PAGE]))
    return bytes(made)


def flipped(data: bytes, flips: int) -> Iterator[bytes]:
    """Yield hives in which 1, 4 or 16 bits are turned."""
    chance = random.Random(len(data))
    for _ in range(flips):
        made = bytearray(data)
        for _ in range(chance.choice((1, 1, 4, 16))):
            made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)
        yield bytes(made)


class Reading(NamedTuple):
    """What all registry artefacts make of one hive."""

    records: int
    """of the dataset `registry`, without deleted ones"""
    missing: int
    """records that the cells promise, and that are not there"""
    problems: frozenset[Problem]
    raised: int
    """elements at which a parser raised"""
    twice: int
    """records of the dataset whose locator another one has"""

    def silent(self, whole: Reading) -> bool:
        """Return whether records of the undamaged hive are gone, and nothing says so that was not said before."""
        return self.records < whole.records and self.missing <= whole.missing and self.problems <= whole.problems

    def unnamed(self, pages: Iterable[int], whole: Reading) -> list[int]:
        """Return the pages in which no problem lies that the undamaged hive does not have."""
        offsets = [problem.locator.partition("/")[0] for problem in self.problems - whole.problems]
        named = {(int(offset, 16) + BASE_BLOCK) // PAGE * PAGE for offset in offsets if offset.startswith("0x")}
        return [at for at in pages if at not in named]


def read(data: bytes, source: str = SOURCE) -> Reading:
    """Open a hive and let every artefact read it that reads the registry."""
    host = Host("c")
    try:
        opened = HOLDS.open(Evidence(source, data), host)
    except UnreadableError as reason:
        return Reading(0, 0, frozenset((Problem(str(reason)),)), 0, 0)
    opened.expect([artefact.holds for artefact, _, _ in READERS])
    promised, places, deleted, problems = 0, [], 0, []
    for artefact, parse, expected in READERS:
        view = opened.offer(artefact.holds)
        if view is None:
            continue
        count = expected(view) if expected else None
        for item in parse(view, host):
            if isinstance(item, RecordBatch):
                places += [locator for locator, _, _ in item.records]
                deleted += sum(state == "deleted" for _, _, state in item.records)
            elif isinstance(item, Problem):
                problems.append(item)
        if artefact is registry.ARTEFACT:
            promised = count or 0
    problems += opened.problems()
    raised = sum(isinstance(problem, Raised) for problem in problems)
    records = len(places) - deleted
    return Reading(records, max(0, promised - records), frozenset(problems), raised, len(places) - len(set(places)))


class Run:
    """All mutants of one hive, and what was counted."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data, self._name = data, name
        self._source = CLASSES if "usrclass" in name.lower() else SOURCE
        self.whole, self.bad = read(self.data, self._source), Counter[str]()
        self.mutants, self.slowest, self.all = 0, 0.0, 0.0

    def one(self, kind: str, mutant: bytes) -> Reading | None:
        """Read one mutant; None where an exception escaped."""
        self.mutants += 1
        start = time.process_time()
        try:
            found = read(mutant, self._source)
        except Exception as e:  # what the run counts
            self._count(f"escaped {type(e).__name__}", 1, f"{kind}: {e!r}")
            return None
        took = time.process_time() - start
        self.slowest, self.all = max(self.slowest, took), self.all + took
        self._count("raised", found.raised, kind)
        self._count("locator twice", found.twice, kind)
        self._count("fewer, silent", found.silent(self.whole), f"{kind}: {found.records} records")
        return found

    def _count(self, what: str, number: int, words: str) -> None:
        if number:
            self.bad[what] += number
            print(f"{self._name}: {number} {what}: {words}", flush=True)

    def every(self, flips: int, group: int = 1, cut: int = 1) -> str:
        """Read all mutants; return what they were in words."""
        words = self._zero(group)
        cuts = range(0, len(self.data), PAGE * cut)
        for at in cuts:
            self.one(f"cut at {at:#x}", self.data[:at])
        for number, mutant in enumerate(flipped(self.data, flips)):
            self.one(f"flips {number}", mutant)
        return f"{words}, {len(cuts):,} cuts, {flips:,} flips"

    def _zero(self, group: int) -> str:
        """Zero each page that is not empty, `group` at once."""
        pages = [at for at in range(0, len(self.data), PAGE) if any(self.data[at : at + PAGE])]
        apart = -(-len(pages) // group)
        for first in range(apart):
            self._together(pages[first::apart])
        return f"{len(pages):,} pages zeroed"

    def _together(self, pages: list[int]) -> None:
        """Zero some pages at once, then again those that no problem names: together as long as no record is missing, else in halves."""
        found = self.one(f"{len(pages)} pages from {pages[0]:#x} zeroed", zeroed(self.data, pages))
        if len(pages) == 1:
            return
        again = found.unnamed(pages, self.whole) if found else pages
        if len(again) < len(pages):
            parts = [again] if again else []
        else:
            whole = found is not None and found.records >= self.whole.records
            parts = [] if whole else [pages[: len(pages) // 2], pages[len(pages) // 2 :]]
        for part in parts:
            self._together(part)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hives", nargs="+", type=Path)
    parser.add_argument("--flips", type=int, default=0)
    parser.add_argument("--group", type=int, default=1, help="pages that are zeroed at once")
    parser.add_argument("--cut", type=int, default=1, help="pages between two cuts")
    asked = parser.parse_args()
    bad = 0
    for path in asked.hives:
        run = Run(path.read_bytes(), path.name)
        words = run.every(asked.flips, asked.group, asked.cut)
        bad += sum(run.bad.values())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(
            f"{path.name:<28} {run.whole.records:>7,} records  {words}: {run.mutants:,} readings in {run.all:,.0f} s, "
            f"slowest {run.slowest:.2f} s, {peak} MiB {dict(run.bad)}",
            flush=True,
        )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
