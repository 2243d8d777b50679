"""The cost of Sigma: the same event log records with 0, 400, 2,400 and all rules, compared with the plain loop B in one run.

    python bench/sigma.py [CORPUS]          default: $ESCADRE_CORPUS, or .corpus beside the project

B is `evtx.records_json → orjson.loads → orjson.dumps` per record on the same files, in this process.
"""

from __future__ import annotations

import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

import orjson
from evtx import PyEvtxParser

from commodore import catalogue
from commodore.detection import Detection
from commodore.engine import unit
from commodore.evidence import Evidence
from commodore.host import Host

ROUNDS = 3
SIZES = (0, 400, 2400, 10**6)


def bare(files: list[Path]) -> tuple[float, int]:
    """Return CPU seconds and records of the plain loop."""
    start, count = time.process_time(), 0
    for file in files:
        try:
            for record in PyEvtxParser(str(file)).records_json():
                orjson.dumps(orjson.loads(record["data"]))
                count += 1
        except (RuntimeError, ValueError, OSError):
            continue
    return time.process_time() - start, count


def records(files: list[Path]) -> list[dict]:
    """Return all records as the engine passes them to detection."""
    known, out = catalogue.artefacts()["evtx"], []

    def take(batch: list[dict], _note: object) -> int:
        out.extend(batch)
        return 0

    for number, file in enumerate(files):
        evidence = Evidence(f"C:\\Windows\\System32\\winevt\\Logs\\{file.name}", file.read_bytes(), collection="bench", member=number)
        unit.parse(known, evidence, Host("bench", name="bench"), take)
    return out


def main() -> None:
    corpus = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("ESCADRE_CORPUS", Path(__file__).parents[1] / ".corpus"))
    files = sorted(corpus.glob("evtx/**/*.evtx"))
    rules = sorted(p for p in corpus.glob("detection/SigmaHQ+sigma/rules*/**/*.yml"))
    windows = [p for p in rules if b"product: windows" in p.read_bytes()]
    others = [p for p in rules if p not in set(windows)]
    random.Random(7).shuffle(windows)
    artefact = catalogue.artefacts()["evtx"].artefact
    seconds, count = bare(files)
    unit_b = min(seconds, *(bare(files)[0] for _ in range(ROUNDS - 1))) / count
    read = records(files)
    batches = [read[i : i + 512] for i in range(0, len(read), 512)]
    print(f"{len(files)} files, {len(read):,} records; B = {unit_b * 1e6:.1f} µs per record")
    print(
        f"{'rules':>7} {'records/s':>10} {'µs/record':>10} {'÷ B':>6} {'÷ 400 rules':>12} {'hits':>7} "
        f"{'rules hit':>10} {'cold s':>7} {'warm s':>7} {'MiB':>5}"
    )
    host, reference = Host("bench", name="bench"), 0.0
    for size in SIZES:
        chosen = (windows + others)[:size]
        with tempfile.TemporaryDirectory() as cache:
            start = time.perf_counter()
            Detection.load(chosen, [], Path(cache))
            cold = time.perf_counter() - start
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            start = time.perf_counter()
            detection = Detection.load(chosen, [], Path(cache))
            warm = time.perf_counter() - start
        best = 1e9
        for _ in range(ROUNDS):
            start = time.process_time()
            hits = [h for batch in batches for h in detection.match(artefact, batch, host)]
            best = min(best, time.process_time() - start)
        per = best / len(read)
        reference = reference or (per if size else 0.0)
        memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        print(
            f"{detection.loaded:>7,} {1 / per if detection.loaded else 0:>10,.0f} {per * 1e6:>10.1f} {per / unit_b:>6.2f} "
            f"{per / reference if reference else 0:>12.2f} {len(hits):>7,} "
            f"{len({h.rule for h in hits}):>10,} {cold:>7.2f} {warm:>7.2f} {memory:>5.0f}"
        )


if __name__ == "__main__":
    main()
