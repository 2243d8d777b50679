"""SIGKILL HUNTER right before every changing call and sync of a plan of forty actions with every operation of a system.

    python -m bench.kill_removal linux|windows [--share 0/1] [--skip 0] [--minutes 60] [--work DIR]     (root on Linux, python3-hivex)

Before each kill, what was written and not synced is lost, as by a power cut. Every second run is completed first, and all are undone: the
root must be the same, for independent readers of its hives too. `--share 1/3` takes every third step from the second on; the steps come
shuffled, always in the same way, so that those before the end of `--minutes` are of the whole run; `--skip` leaves out the first ones. In
/dev/shm it is several times as fast. Prints a line per failure, and one of figures at the end.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.hunter import forty


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("system", choices=("linux", "windows"))
    options.add_argument("--share", default="0/1")
    options.add_argument("--skip", type=int, default=0)
    options.add_argument("--minutes", type=float, default=60)
    options.add_argument("--work", type=Path)
    given = options.parse_args()
    first, every = map(int, given.share.split("/"))
    ends = time.monotonic() + given.minutes * 60
    with tempfile.TemporaryDirectory(prefix="bench-kill-removal-", dir=given.work) as place:
        campaign = forty.Campaign(forty.planned(given.system, Path(place)))
        steps = list(range(1 + first, campaign.total + 1, every))
        random.Random(1).shuffle(steps)
        steps, done, failed = steps[given.skip :], 0, []
        for turn, n in enumerate(steps):
            if time.monotonic() > ends:
                break
            try:
                campaign.strike(n, complete=turn % 2 == 0)
            except AssertionError as e:
                failed.append(n)
                print(f"step {n}: {str(e)[:2000]}", flush=True)
                break  # the root is no longer the planted one
            done += 1
            if done % 20 == 0:
                print(f"{given.system} {given.share}: {done} of {len(steps)}", flush=True)
    told = f"{done} of {len(steps)} killed there and recovered, {len(failed)} failed"
    print(f"{given.system}, share {given.share}: {campaign.total} steps, {told}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
