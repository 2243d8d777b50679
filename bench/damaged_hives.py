"""Damage hives and read them completely: `python -m bench.damaged_hives HIVE… [--flips N] [--most N]`.

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

from commodore.artefacts.windows.registry import registry
from commodore.container import UnreadableError
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.record import Problem, Raised, RecordBatch

PAGE = 4096
HOLDS = registry.ARTEFACT.holds


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


def read(data: bytes) -> tuple[int, int, bool]:
    """(records, elements at which the parser raised, whether a loss is reported)."""
    try:
        opened = HOLDS.open(Evidence("C:\\Windows\\System32\\config\\SOFTWARE", data), Host("c"))
    except UnreadableError:
        return 0, 0, True
    view = opened.offer(HOLDS)
    expected = registry.expected(view)
    records, problems = 0, []
    for item in registry.parse(view, Host("c")):
        if isinstance(item, RecordBatch):
            records += sum(state != "deleted" for _, _, state in item.records)
        else:
            problems.append(item)
    problems += opened.problems()
    raised = sum(isinstance(problem, Raised) for problem in problems)
    return records, raised, any(isinstance(p, Problem) for p in problems) or (expected or 0) > records


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hives", nargs="+", type=Path)
    parser.add_argument("--flips", type=int, default=0)
    parser.add_argument("--most", type=int, default=1 << 20, help="pages of one hive that are damaged")
    asked = parser.parse_args()
    bad = 0
    for path in asked.hives:
        data = path.read_bytes()
        whole, seen, slowest = read(data)[0], Counter(), 0.0
        for kind, mutant in mutants(data, asked.flips, asked.most):
            start = time.process_time()
            try:
                records, raised, told = read(mutant)
            except Exception as e:  # what the run counts
                seen[f"escaped {type(e).__name__}"] += 1
                continue
            slowest = max(slowest, time.process_time() - start)
            seen["mutants"] += 1
            seen["raised"] += raised
            seen[f"fewer, silent ({kind})"] += records < whole and not told
        bad += sum(number for name, number in seen.items() if name != "mutants")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        pages = -(-len(data) // PAGE)
        part = f"  1 of {-(-pages // asked.most)} pages" if pages > asked.most else ""
        print(f"{path.name:<28} {whole:>7,} records  slowest {slowest:.2f} s  {peak} MiB{part} ", dict(seen), flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
