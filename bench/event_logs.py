"""Compare event logs → normalised records in a case with the plain loop over the Rust reader. Prints the ratios of one run.

    python bench/event_logs.py [--records 300000]

B = `records_json → orjson.loads → orjson.dumps → file`, one process, over the same files. Start-up (an empty tree) is stated apart and
subtracted nowhere. Wall and CPU seconds (of the whole process tree).
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent))
from common import commodore, corpus, event_logs, spent

RULES = "detection/SigmaHQ+sigma"

BARE = """
import sys, warnings
from pathlib import Path
import orjson
from evtx import PyEvtxParser
warnings.simplefilter("ignore")
count = 0
with open(sys.argv[2], "wb") as out:
    for path in sorted(Path(sys.argv[1]).rglob("*.evtx")):
        try:
            for row in PyEvtxParser(str(path), number_of_threads=1, skip_errors=True).records_json():
                out.write(orjson.dumps(orjson.loads(row["data"]), option=orjson.OPT_APPEND_NEWLINE))
                count += 1
        except RuntimeError:
            continue
print(count)
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-evtx-") as place:
        folder = Path(place)
        size = event_logs(folder / "host", -(-given.records // 33_746))
        (folder / "empty" / "Windows").mkdir(parents=True)
        bare = [sys.executable, "-c", BARE, str(folder / "host"), str(folder / "bare.jsonl")]
        spent(bare)  # warms the page cache
        count = sum(1 for _ in (folder / "bare.jsonl").open("rb"))
        print(f"{count:,} records, {size / 1e6:,.0f} MB of event logs; load {load()}")
        print(f"medians of {given.rounds} rounds, each beside its own B")
        rules = [word for top in sorted((corpus() / RULES).glob("rules*/windows")) for word in ("--rules", str(top))]
        cases = {
            "two workers": ("host", "--workers", "2"),
            "one worker": ("host", "--workers", "1"),
            "two workers, all Sigma rules": ("host", "--workers", "2", *rules),
            "start-up (an empty tree)": ("empty",),
            "start-up with all Sigma rules": ("empty", *rules),
        }
        spent(commodore("process", folder / "empty", "-o", folder / "warm", *rules))  # warms the rule cache
        print(f"{'':<31}{'wall':>8}{'B':>8}{'ratio':>8}   {'CPU':>7}{'B':>7}{'ratio':>8}")
        for name, (tree, *options) in cases.items():
            rounds = []
            for _ in range(given.rounds):
                shutil.rmtree(folder / "case", ignore_errors=True)
                rounds.append((spent(commodore("process", folder / tree, "-o", folder / "case", *options)), spent(bare)))
            print(f"{name:<31}{middle((t.wall, b.wall) for t, b in rounds)}   {middle((t.cpu, b.cpu) for t, b in rounds)}", flush=True)
        print(f"load at the end {load()}")


def middle(pairs: Iterable[tuple[float, float]]) -> str:
    """Return the medians of the seconds, of B's seconds, and of their ratios."""
    both = list(pairs)
    return f"{median(t for t, _ in both):6.2f} s{median(b for _, b in both):6.2f} s{median(t / b for t, b in both):6.2f} B"


def load() -> str:
    """Return the load average of the last minute. On a busy machine only the CPU ratios are meaningful."""
    return f"{os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    main()
