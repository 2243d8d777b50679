"""Read a complete hive with our reader, libregf and python-registry, and make its `registry` dataset. Prints medians of
seconds of CPU and of ratios.

    python bench/hive.py HIVE [LOG …]

With logs, the time of the replay stands apart.
"""

from __future__ import annotations

import gc
import io
import sys
import time
from pathlib import Path
from statistics import median

from commodore.engine.tasks import Job, Task
from commodore.engine.work import Worker, load_detection
from commodore.host import Host
from scout.formats.regf import Hive
from scout.formats.regf.log import replay

ROUNDS = 9
"""Each reader takes its turn in each round. A ratio is that of one round; the median of all is printed, with the least and the greatest."""


def ours(data: bytes) -> int:
    return sum(1 + sum(1 for v in key.values() if v.raw is not None) for key in Hive.open(data).walk())


def libregf(data: bytes) -> int:
    import pyregf

    file = pyregf.file()
    file.open_file_object(io.BytesIO(data))
    stack, count = [file.get_root_key()], 0
    while stack:
        key = stack.pop()
        count += 1 + sum(1 for v in key.values if v.data != 0)
        stack.extend(key.sub_keys)
    return count


def python_registry(data: bytes) -> int:
    from Registry import Registry

    stack, count = [Registry.Registry(io.BytesIO(data)).root()], 0
    while stack:
        key = stack.pop()
        count += 1 + sum(1 for v in key.values() if v.raw_data() is not None)
        stack.extend(key.subkeys())
    return count


def dataset(data: bytes) -> int:
    """All records of the dataset, as the engine writes them: lines in compressed frames."""
    job = Job(0, "C:\\Windows\\System32\\config\\SYSTEM", data, ("registry",), len(data))
    made = Worker(load_detection((), (), None)).run(Task(0, Host("bench", name="bench"), [job]))
    return made.counts["registry"]


def libregf_whole(data: bytes) -> int:
    """The walk that asks libregf for all that a record has: names, times, types and data."""
    import pyregf

    file = pyregf.file()
    file.open_file_object(io.BytesIO(data))
    stack, count = [file.get_root_key()], 0
    while stack:
        key = stack.pop()
        _ = key.name, key.get_last_written_time_as_integer()
        for value in key.values:
            _ = value.name, value.type, value.data
            count += value.data_size is not None
        count += 1
        stack.extend(key.sub_keys)
    return count


def main() -> int:
    if len(sys.argv) < 2:
        print("usage: python bench/hive.py HIVE [LOG …]", file=sys.stderr)
        return 2
    data, *logs = (Path(p).read_bytes() for p in sys.argv[1:])
    if logs:
        start = time.process_time()
        result = replay(data, logs)
        took = time.process_time() - start
        print(f"replay                   {took:6.2f} s   {result.applied} entries or pages applied, {sum(map(len, logs)):,} bytes of logs")
    seconds: dict[str, list[float]] = {}
    counts: dict[str, int] = {}
    readers = (
        ("libregf", libregf),
        ("libregf, all of a record", libregf_whole),
        ("ours", ours),
        ("registry dataset", dataset),
        ("python-registry", python_registry),
    )
    dataset(data)
    gc.freeze()  # as a worker does when it starts
    for _ in range(ROUNDS):  # interleaved: the machine has other work
        for name, reader in readers:
            start = time.process_time()
            counts[name] = reader(data)
            seconds.setdefault(name, []).append(time.process_time() - start)
    for name, each in seconds.items():
        what = "records written" if name == "registry dataset" else "keys and values"
        ratios = [a / b for a, b in zip(each, seconds["libregf"], strict=True)]
        spread = f"{median(ratios):.2f} of libregf ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"{name:<24} {median(each):6.2f} s   {counts[name]:,} {what}   {spread}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
