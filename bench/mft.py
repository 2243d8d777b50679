"""Compare $MFT → records with the plain loop over the Rust reader in one run. Prints seconds of CPU and the ratio.

    python bench/mft.py MFT

The bare loop reads what a record holds: each entry's path, and of each attribute its content and times. The barest one goes over entries
and attributes, and reads no time and no path.
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:] = [p for p in sys.path if Path(p).resolve() != HERE]  # this file has the name of the Rust reader's package

import mft as rust  # noqa: E402

from commodore.artefacts.windows.files import mft  # noqa: E402
from commodore.evidence import Evidence  # noqa: E402
from commodore.host import Host  # noqa: E402

RUNS = 3


def bare(path: str) -> int:
    """Run the loop that any user of the Rust reader would write."""
    count = 0
    for entry in rust.PyMftParser(path).entries():
        entry.full_path  # noqa: B018
        for attribute in entry.attributes():
            content = attribute.attribute_content
            if content is not None and attribute.type_code in (0x10, 0x30):
                content.created, content.modified, content.mft_modified, content.accessed  # noqa: B018
        count += 1
    return count


def barest(path: str) -> int:
    """Run the shortest loop over attributes."""
    count = 0
    for entry in rust.PyMftParser(path).entries():
        for attribute in entry.attributes():
            attribute.attribute_content  # noqa: B018
        count += 1
    return count


def ours(path: str) -> int:
    """Read all records, as the engine receives them."""
    data = Path(path).read_bytes()
    return sum(1 for _ in mft.parse(Evidence("C:\\$MFT", data), Host("bench")))


def cpu(loop, path: str) -> tuple[float, int]:
    """Return the best of some runs in seconds of CPU, and the count."""
    best, count = float("inf"), 0
    for _ in range(RUNS):
        start = time.process_time()
        count = loop(path)
        best = min(best, time.process_time() - start)
    return best, count


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python bench/mft.py MFT", file=sys.stderr)
        return 2
    warnings.simplefilter("ignore")
    (b, entries), (least, _), (o, records) = (cpu(loop, sys.argv[1]) for loop in (bare, barest, ours))
    print(f"bare loop over the Rust reader   {b:6.2f} s   {entries:,} entries")
    print(f"mft artefact, with paths         {o:6.2f} s   {records:,} records   {o / b:.2f} B (limit 3 B)")
    print(f"entries and attributes alone     {least:6.2f} s   {o / least:.2f} of it")
    return 0 if o <= 3 * b else 1


if __name__ == "__main__":
    sys.exit(main())
