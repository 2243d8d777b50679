"""End HUNTER on a running Windows under Wine right before changing calls of a plan of forty actions, then complete it or take it back.

    python -m bench.kill_wine [--minutes 60] [--share 0/1]     (Wine with mingw)

Each time a process of its own is ended by TerminateProcess, and every second run is completed first. Registry and files must be what winreg
and the file system showed before. The calls come shuffled. Prints a line per failure, and one of figures at the end.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.wine import test_hunter_live as there
from tests.wine.machine import WindowsMachine, prepared

MOST = 40
MEMORY = Path("/dev/shm")
"""where a sync takes no time: an end by TerminateProcess loses nothing that was written, synced or not"""


def actions(host: there.LiveHost) -> list[dict]:
    """Plant more values and files, and return forty actions: those of the test of a running Windows, and these."""
    host.plant()
    more = []
    for n in range(MOST - len(there.ACTIONS)):
        if n % 3:
            host.ask("write", there.RUN, f"More{n}", 1, f"C:\\Users\\Public\\more{n}.exe")
            more.append({"kind": "registry-value", "do": "delete-value", "target": {"key": there.RUN, "value": f"More{n}"}})
        else:
            file = host.machine.drive_c / f"users/Public/more{n}.dll"
            file.write_bytes(b"MZ inert %d" % n)
            os.utime(file, ns=(1_700_000_000_123_456_700, 1_700_000_001_123_456_700))  # Windows keeps 100 ns
            more.append({"kind": "windows-file", "do": "quarantine", "target": {"path": f"/users/Public/more{n}.dll"}})
    every = [*there.ACTIONS, *more]
    return [a for a in every if a["do"] != "quarantine"] + [a for a in every if a["do"] == "quarantine"]


def seen(host: there.LiveHost) -> tuple[dict, dict]:
    """Return registry and files. Values are sorted: one that undo restores is the last one of its key on a running Windows."""
    return {key: sorted(values, key=repr) for key, values in host.registry().items()}, host.files()


def strike(host: there.LiveHost, n: int, plan: bytes, before: tuple, applied: dict, *, complete: bool) -> None:
    """End a run right before its n-th changing call; AssertionError where it is not completed or taken back."""
    shutil.rmtree(host.work)
    host.work.mkdir()
    (host.work / "plan.yaml").write_bytes(plan)
    assert host.ask("killed", n, "apply", there.PLAN, "--yes"), f"call {n} was not reached"
    if complete:
        code, told = host.hunter("apply", there.PLAN, "--yes")
        assert code == 0, f"ended at {n}: {told}"
        assert seen(host)[0] == applied, f"ended at {n}"
    code, told = host.hunter("undo", there.JOURNAL)
    assert code == 0 or "no run" in told or "no journal" in told, f"ended at {n}: {told}"
    assert seen(host) == before, f"ended at {n}"


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=60)
    options.add_argument("--share", default="0/1")
    given = options.parse_args()
    first, every = map(int, given.share.split("/"))
    ends = time.monotonic() + given.minutes * 60
    with (
        tempfile.TemporaryDirectory(prefix="bench-kill-wine-", dir=MEMORY if MEMORY.is_dir() else None) as place,
        WindowsMachine(prepared(), Path(place, "prefix"), there.control_sets) as machine,
    ):
        host = there.LiveHost(machine)
        host.write(*actions(host))
        host.seal()
        plan, before = (host.work / "plan.yaml").read_bytes(), seen(host)
        died, calls = host.ask("ended", 10**9, "apply", there.PLAN, "--yes")
        assert not died
        applied = seen(host)[0]
        assert host.hunter("undo", there.JOURNAL)[0] == 0
        assert seen(host) == before
        print(f"{calls} changing calls of {MOST} actions", flush=True)
        points = list(range(1 + first, calls + 1, every))
        random.Random(1).shuffle(points)
        done = 0
        for turn, n in enumerate(points):
            if time.monotonic() > ends:
                break
            try:
                strike(host, n, plan, before, applied, complete=turn % 2 == 0)
            except AssertionError as e:
                print(f"call {n}: {str(e)[:2000]}\n{calls} calls, {done} ended there and recovered, 1 failed", flush=True)
                return 1
            done += 1
            print(f"{done}: call {n}", flush=True)
    print(f"{calls} calls, {done} ended there and recovered, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
