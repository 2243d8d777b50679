"""Cost of the persistence table per record that no row concerns, with more and more rows of one dataset.

    python bench/persistence.py

Prints µs per record and the ratio to the table as it is, all of one run. The added rows differ in the registry key that they are about.
"""

from __future__ import annotations

import time
from dataclasses import replace

from commodore.host import Host
from commodore.persistence.data import documents
from commodore.persistence.judge import PersistenceJudge
from commodore.persistence.table import PersistenceRow, row_from, rows

SIZES = (0, 110, 220, 1000)
RECORDS, ROUNDS = 2000, 5


def table(size: int) -> list[PersistenceRow]:
    """Return the rows of the table and synthetic ones, `size` in all."""
    document = dict(documents("rows"))["W001.yaml"]
    made = list(rows())
    for n in range(size - len(made)):
        row = row_from("W001.yaml", document | {"where": {"registry.key": [f"*\\currentversion\\place{n}\\run"]}})
        made.append(replace(row, id=f"X{n:04}"))
    return made


def main() -> None:
    records = [
        {
            "event.dataset": "run_keys",
            "escadre.id": str(n),
            "registry.key": f"Software\\Microsoft\\Windows\\CurrentVersion\\Place{n % 500}\\Value",
            "registry.path": "x",
            "process.command_line": "C:\\Program Files\\a\\b.exe",
        }
        for n in range(RECORDS)
    ]
    host, first = Host("bench"), 0.0
    for size in SIZES:
        made = table(size)
        judge = PersistenceJudge(made)
        best = float("inf")
        for _ in range(ROUNDS):
            start = time.process_time()
            hits = sum(1 for record in records for _ in judge.entries(record, host))
            best = min(best, time.process_time() - start)
        assert hits == 0
        first = first or best
        print(f"{len(made):>5} rows  {best / RECORDS * 1e6:>7.2f} µs per record  {best / first:>5.2f}×")


if __name__ == "__main__":
    main()
