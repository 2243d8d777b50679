"""Remove four guilty things from the hives of a Windows root among 10,000 decoys, and count what else changed.

    python -m bench.decoys [--number 10000]     (root on Linux, python3-hivex)

`tests/hunter/test_decoys.py` does the same with files of a Linux root, 10,000 decoys too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.hunter import hive_decoys


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--number", type=int, default=10_000)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-decoys-") as place:
        compared, gone, same = hive_decoys.changed(hive_decoys.planted(Path(place), given.number))
    others = gone ^ hive_decoys.MEANT
    told = "the same" if same else "DIFFERENT"
    print(f"{given.number:,} decoys of {compared:,} values: {len(others)} changed but for the 4 guilty; after undo {told}")
    return 0 if not others and same else 1


if __name__ == "__main__":
    sys.exit(main())
