"""Mutate the golden input of every artefact and count what the parsers make of it: `python -m bench.mutants [--count N] [NAME …]`.

Per artefact: mutants, exceptions that left the parser, elements at which it raised, mutants that took longer than a minute, seconds of
the slowest, and the peak of the process. Mutants come from a fixed seed. Exit 1 where an exception left a parser or a mutant hung.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import resource
import sys
import time
from collections import Counter

import commodore.artefacts
from commodore import catalogue
from commodore.evidence import Evidence
from commodore.record import Raised
from scout.discovery import modules
from tests.commodore.damage import HOST, inputs, items

LONGEST, MEMORY = 60.0, 1 << 30
ODD = (b"\0", b"\x0b", b"\xc2\xa0", b"\xff\xfe", b"\xed\xa0\x80", b"9" * 5000, b"\xff" * 8, b"%", b'"', b"\\", b"\r", b"-1", b"\x7f" * 300)


def mutant(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """Return the data with one to eight changes: bits, numbers, odd text, holes, cuts, doubled pieces, pieces of another input."""
    made = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(made) + 1)
        match chance.randrange(8):
            case 0 if made:
                made[at % len(made)] ^= 1 << chance.randrange(8)
            case 1:
                made[at : at + 4] = chance.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)).to_bytes(4, "little")
            case 2:
                made[at:at] = chance.choice(ODD)
            case 3:
                made[at : at + chance.randrange(64)] = bytes(chance.randrange(64))
            case 4:
                del made[at:]
            case 5:
                made[at:at] = made[at : at + chance.randrange(4096)] * chance.randint(1, 3)
            case 6:
                start = chance.randrange(len(other) + 1)
                made[at : at + 256] = other[start : start + chance.randrange(512)]
            case _:
                del made[at : at + chance.randrange(64)]
    return bytes(made[: 4 << 20])


def family(name: str, count: int, pipe) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY + (2 << 30), MEMORY + (2 << 30)))
    module = dict(modules(commodore.artefacts))[name]
    chance, given, seen = random.Random(name), [(path, data) for path, data in inputs(name) if data], Counter()
    slowest, kinds = 0.0, Counter()
    for number in range(count):
        path, data = given[number % len(given)]
        changed = mutant(data, chance.choice(given)[1], chance)
        pipe.send(number)
        start = time.perf_counter()
        try:
            for item in items(module, Evidence(path, changed, facts={"mtime": "2026-10-31T20:00:00Z"}), HOST):
                if isinstance(item, Raised):
                    seen["raised"] += 1
                    kinds[item.reason[:120]] += 1
        except Exception as e:  # what the run counts
            seen["escaped"] += 1
            kinds[f"escaped: {type(e).__name__}: {e}"[:120]] += 1
        slowest = max(slowest, time.perf_counter() - start)
    pipe.send((seen, slowest, kinds.most_common(3), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--count", type=int, default=200)
    asked = parser.parse_args()
    bad = 0
    for name in asked.names or sorted(catalogue.artefacts()):
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.Process(target=family, args=(name, asked.count, theirs))
        process.start()
        theirs.close()
        last: object = None
        while isinstance(last, int) or last is None:
            try:
                last = ours.recv() if ours.poll(LONGEST) else f"hung at mutant {last}"
            except EOFError:
                process.join()
                last = f"died behind mutant {last} (exit {process.exitcode})"
        process.kill()
        if isinstance(last, str):
            bad += 1
            print(f"{name:<20} {last}", flush=True)
            continue
        seen, slowest, kinds, peak = last
        bad += seen["escaped"]
        counted = f"{seen['escaped']} escaped  {seen['raised']} raised  slowest {slowest:.2f} s  {peak} MiB"
        print(f"{name:<20} {asked.count:>7,} mutants  {counted}", *kinds, flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
