"""Event logs to normalised records in a case, against the bare loop over the Rust reader. Prints ratios of one run.

    python bench/event_logs.py [--records 300000]

B = `records_json → orjson.loads → orjson.dumps → file`, one process, over the same files. Start-up (an empty tree) is stated apart and
subtracted nowhere.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from common import commodore, event_logs, timed

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
    wanted = parser.parse_args().records
    with tempfile.TemporaryDirectory(prefix="bench-evtx-") as place:
        folder = Path(place)
        size = event_logs(folder / "host", -(-wanted // 33_746))
        (folder / "empty").mkdir()
        (folder / "empty" / "Windows").mkdir()
        bare = [sys.executable, "-c", BARE, str(folder / "host"), str(folder / "bare.jsonl")]
        timed(bare)  # warms the page cache
        b = timed(bare)
        count = sum(1 for _ in (folder / "bare.jsonl").open("rb"))
        print(f"{count:,} records, {size / 1e6:,.0f} MB of event logs")
        print(f"B, bare loop, one process      {b:6.1f} s   {b / count * 1e6:5.1f} us/record   1.00 B")
        start = timed(commodore("process", folder / "empty", "-o", folder / "case0"))
        print(f"start-up: an empty tree        {start:6.2f} s")
        for workers in (2, 1):
            case = folder / f"case{workers}"
            t = timed(commodore("process", folder / "host", "-o", case, "--workers", str(workers)))
            print(f"commodore, {workers} worker(s)         {t:6.1f} s   {t / count * 1e6:5.1f} us/record   {t / b:4.2f} B")
        disk = subprocess.run(["du", "-sm", str(folder / "case2")], capture_output=True, text=True, check=False).stdout.split()[0]
        print(f"case on disk: {disk} MB")


if __name__ == "__main__":
    main()
