"""Read a complete hive with our reader, libregf and python-registry in one run. Prints seconds of CPU and ratios.

    python bench/hive.py HIVE [LOG …]

With logs, the time of the replay stands apart.
"""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

from scout.formats.regf import Hive
from scout.formats.regf.log import replay


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


def main() -> int:
    if len(sys.argv) < 2:
        print("usage: python bench/hive.py HIVE [LOG …]", file=sys.stderr)
        return 2
    data, *logs = (Path(p).read_bytes() for p in sys.argv[1:])
    if logs:
        start = time.process_time()
        result = replay(data, logs)
        took = time.process_time() - start
        print(f"replay           {took:6.2f} s   {result.applied} entries or pages applied, {sum(map(len, logs)):,} bytes of logs")
    first = 0.0
    for name, reader in (("ours", ours), ("libregf", libregf), ("python-registry", python_registry)):
        start = time.process_time()
        count = reader(data)
        took = time.process_time() - start
        first = first or took
        print(f"{name:<16} {took:6.2f} s   {count:,} keys and values   {took / first:.2f} of ours")
    return 0


if __name__ == "__main__":
    sys.exit(main())
