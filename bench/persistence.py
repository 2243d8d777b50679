"""Cost of the persistence table: per record that no row concerns, and on a Windows case of a million records and ten hives.

    python -m bench.persistence [--case]

Prints µs per record with more and more rows of one dataset, and the ratio to the table as it is. The added rows differ in the registry key
that they are about. `--case` makes a host, processes it once, and then applies the table to it in this process: the search of its hives for
values that rows name, and the inventory. It prints seconds of CPU as the table is, and with a second table of other places beside it.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from commodore.case.reader import CaseReader
from commodore.engine.process import process
from commodore.host import Host
from commodore.persistence import data
from commodore.persistence.data import documents
from commodore.persistence.judge import PersistenceJudge
from commodore.persistence.table import PersistenceRow, all_places, row_from, rows

SIZES = (0, 110, 220, 1000)
RECORDS, ROUNDS = 2000, 5
TICKS = 134_000_000_000_000_000
HIVES = {
    "Windows/System32/config/SOFTWARE": 60_000,
    "Windows/System32/config/SYSTEM": 25_000,
    "Windows/System32/config/DEFAULT": 2_000,
    "Windows/System32/config/SAM": 500,
    **{f"Users/user{n}/NTUSER.DAT": 12_000 for n in range(3)},
    **{f"Users/user{n}/AppData/Local/Microsoft/Windows/UsrClass.dat": 12_000 for n in range(3)},
}
"""hive → keys of a synthetic host, each with three values"""
FILES, LOGS = 330_000, 9
"""names in $MFT, and how many times the event logs of the corpus"""


def table(size: int) -> list[PersistenceRow]:
    """Return the rows of the table and synthetic ones, `size` in all."""
    document = dict(documents("rows"))["W001.yaml"]
    made = list(rows())
    for n in range(size - len(made)):
        row = row_from("W001.yaml", document | {"where": {"registry.key": [f"*\\currentversion\\place{n}\\run"]}})
        made.append(replace(row, id=f"X{n:04}"))
    return made


def per_record() -> None:
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


# --- the case


def host_of_a_million(root: Path) -> None:
    """Write ten hives, a master file table and event logs."""
    from bench.common import event_logs
    from fixtures.hives.writer import Image, Key
    from tests.range.listed_files import written

    chance = random.Random(20261130)
    for name, count in HIVES.items():
        top = Key("ROOT", TICKS)
        known = {"": top}
        for place, values in _keys(name, count, chance):
            above = ""
            for part in place.split("\\"):
                here = f"{above}\\{part}"
                if here not in known:
                    known[here] = Key(part, TICKS)
                    known[above].keys.append(known[here])
                above = here
            known[above].put(**values)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(Image(top, TICKS, "x").hive())
    (root / "$MFT").write_bytes(written([f"{_FOLDERS[n % len(_FOLDERS)]}\\{n // 97:05}\\file{n}.{_KINDS[n % 7]}" for n in range(FILES)]))
    event_logs(root, LOGS)


_FOLDERS = ("Windows\\WinSxS", "Windows\\System32", "Program Files\\Acme", "Users\\user1\\AppData\\Local\\Acme", "ProgramData\\Acme")
_KINDS = ("dll", "exe", "txt", "mui", "json", "js", "dat")


def _keys(hive: str, count: int, chance: random.Random) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (key, values) as the hives of a Windows have them most: classes, services and settings of programs."""
    if hive.endswith("SYSTEM"):
        yield "Select", {"Current": 1}
    if hive.endswith("SOFTWARE"):
        yield "Microsoft\\Windows NT\\CurrentVersion", {"ProductName": "Windows 10 Pro"}
    for n in range(count):
        word, guid = f"Acme{n % 997}", f"{{{chance.getrandbits(32):08x}-0000-4000-8000-{n:012x}}}"
        library = f"C:\\Windows\\System32\\acme{n}.dll"
        if hive.endswith(("SAM", "DEFAULT")) or (n % 5 == 0 and not hive.endswith("SYSTEM")):
            yield f"Software\\{word}\\Settings\\{n}", {"Left": n, "Path": f"C:\\Program Files\\{word}\\{n}", "State": bytes(40)}
        elif hive.endswith("SYSTEM"):
            place = f"ControlSet00{1 + n % 2}\\" + (f"Services\\acme{n % 1500}" if n % 8 == 0 else f"Enum\\PCI\\{word}\\{n}")
            yield place, {"ImagePath": f"\\SystemRoot\\System32\\drivers\\acme{n}.sys", "Start": 3, "Type": 1}
        elif hive.endswith("SOFTWARE"):
            top = "Classes\\CLSID" if n % 5 < 3 else "Microsoft\\Windows\\CurrentVersion\\Component\\Packages"
            yield f"{top}\\{guid}\\InprocServer32", {"": library, "ThreadingModel": "Both", "Number": n}
        elif hive.endswith("UsrClass.dat"):
            yield f"Local Settings\\MuiCache\\{n}\\{guid}", {"a": library, "b": n, "c": bytes(60)}
        else:
            yield f"Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\{word}\\{n}", {"a": library, "b": n, "c": bytes(60)}


def apply(root: Path, case: Path) -> None:
    """Apply the table to the hives and to the case; print seconds of CPU by part."""
    from commodore import catalogue
    from commodore.case.jsonl import frames
    from commodore.case.view import CaseView
    from commodore.engine.plain import native
    from commodore.engine.tasks import Job, Task
    from commodore.engine.work import Worker, load_detection

    reader = CaseReader(case)
    (collection,) = reader.collections()
    host = Host(collection, name="bench", os="windows", system_root="C:\\Windows")
    worker, spent = Worker(load_detection((), (), None)), {}
    start = time.process_time()
    for n, name in enumerate(HIVES):
        raw = (root / name).read_bytes()
        worker.run(Task(n, host, [Job(n, native(name, "windows", "C"), raw, ("autostart_values",), len(raw))]))
    spent["values of hives"] = time.process_time() - start
    derived, partition = catalogue.derivations()["persistence"], reader.partition(collection)
    for dataset in derived.artefact.chosen:  # the parse pass made these files, which go with its end
        chosen = CaseView(case, collection, derived.artefact).records(dataset)
        partition.chosen("persistence", dataset).parent.mkdir(parents=True, exist_ok=True)
        partition.chosen("persistence", dataset).write_bytes(b"".join(frames(orjson.dumps(record) + b"\n" for record in chosen)))
    start = time.process_time()
    entries = sum(1 for _ in derived.derive(CaseView(case, collection, derived.artefact, tuple(derived.artefact.chosen)), host))
    spent["inventory"] = time.process_time() - start
    print(f"{len(all_places())} places of rows, {entries:,} entries:", ", ".join(f"{part} {cpu:.1f} s" for part, cpu in spent.items()))


def second_table() -> None:
    """Put a second table beside the first one: as many rows, of other places."""
    first = data.documents

    def both(part: str) -> tuple[tuple[str, dict[str, Any]], ...]:
        given = first(part)
        if part != "rows":
            return given
        return given + tuple((f"M{n:03}.yaml", _elsewhere(row) | {"id": f"M{n:03}"}) for n, (_, row) in enumerate(given))

    data.documents = both


def _elsewhere(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {k: _elsewhere(v, k if k in ("where", "files", "keys") else key) for k, v in value.items()}
    if isinstance(value, list):
        return [_elsewhere(v, key) for v in value]
    return re.sub(r"(\w)(?=\W*\Z)", r"\1z", value) if key and isinstance(value, str) else value


def of_case() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, case = Path(folder) / "host", Path(folder) / "case"
        host_of_a_million(root)
        start = time.perf_counter()
        process([root], case, workers=2)
        (about,) = CaseReader(case).collections().values()
        print(f"{sum(about['records'].values()):,} records, processed in {time.perf_counter() - start:.0f} s")
        for tables in ("1", "2"):
            subprocess.run([sys.executable, "-m", "bench.persistence", "--apply", str(root), str(case), tables], check=True)


def main() -> None:
    if "--case" in sys.argv:
        of_case()
    elif "--apply" in sys.argv:
        root, case, tables = sys.argv[2:]
        if tables == "2":
            second_table()
        apply(Path(root), Path(case))
    else:
        per_record()


if __name__ == "__main__":
    main()
