"""Damage hives and read them with every registry artefact: `python -m bench.damaged_hives HIVE… [--flips N] [--most N]`.

Each 4 KiB page is zeroed in turn, the file is cut at every 4 KiB, and bytes are flipped. `--most` caps the pages of one hive: of a larger
hive as many are taken, evenly spread, and the line says so. Counts exceptions, elements at which the parser raised, and losses that
nothing reports; prints the processor time of the slowest reading and the peak of memory. Exit 1 where something escaped or was silent.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from commodore.artefacts.windows.registry import registry
from commodore.catalogue import artefacts, containers
from commodore.container import UnreadableError
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.record import Problem, Raised, RecordBatch

PAGE = 4096
HOLDS = registry.ARTEFACT.holds
SOURCE = "C:\\Windows\\System32\\config\\SOFTWARE"
CLASSES = "C:\\Users\\a\\AppData\\Local\\Microsoft\\Windows\\UsrClass.dat"
"""paths of a hive on its host: those of a user's classes begin elsewhere, all others are read for what they have"""
READERS = [(known.artefact, known.parse, known.expected) for name, known in artefacts().items() if name in containers()[HOLDS.container]]
"""declaration, `parse` and `expected` of every artefact that reads hives"""


def mutants(data: bytes, flips: int, most: int):
    """(kind, content), each with one kind of damage."""
    for at in range(0, len(data), PAGE * max(1, -(-len(data) // PAGE // most))):
        yield "page zeroed", data[:at] + bytes(min(PAGE, len(data) - at)) + data[at + PAGE :]
        yield "cut", data[:at]
    chance = random.Random(len(data))
    for _ in range(flips):
        made = bytearray(data)
        for _ in range(chance.choice((1, 1, 4, 16))):
            made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)
        yield "bytes flipped", bytes(made)


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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hives", nargs="+", type=Path)
    parser.add_argument("--flips", type=int, default=0)
    parser.add_argument("--most", type=int, default=1 << 20, help="pages of one hive that are damaged")
    asked = parser.parse_args()
    bad = 0
    for path in asked.hives:
        data = path.read_bytes()
        source = CLASSES if "usrclass" in path.name.lower() else SOURCE
        whole, seen, slowest = read(data, source), Counter(), 0.0
        for number, (kind, mutant) in enumerate(mutants(data, asked.flips, asked.most)):
            start = time.process_time()
            try:
                found = read(mutant, source)
            except Exception as e:  # what the run counts
                seen[f"escaped {type(e).__name__}"] += 1
                print(f"{path.name}: mutant {number}: {e!r}")
                continue
            slowest = max(slowest, time.process_time() - start)
            seen["mutants"] += 1
            seen["raised"] += found.raised
            seen["locator twice"] += found.twice
            seen[f"fewer, silent ({kind})"] += found.silent(whole)
            if found.raised or found.twice or found.silent(whole):
                print(f"{path.name}: mutant {number}, {kind}: {found.records} records, {found.raised} raised, {found.twice} twice")
        bad += sum(number for name, number in seen.items() if name != "mutants")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        pages = -(-len(data) // PAGE)
        part = f"  1 of {-(-pages // asked.most)} pages" if pages > asked.most else ""
        print(f"{path.name:<28} {whole.records:>7,} records  slowest {slowest:.2f} s  {peak} MiB{part} ", dict(seen), flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
