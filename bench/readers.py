"""Read hives with four readers and list where they disagree: `python -m bench.readers HIVE…`.

Ours, libregf, python-registry and hivex (by the system's Python, where it has the module). Keys are compared by path and last write, values
by name, type and data. Each kind of disagreement is counted per hive and over all, with the place and the bytes of the first one.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from scout.formats.regf import BadHive, Hive

SYSTEM_PYTHON = "/usr/bin/python3"
HIVEX = Path(__file__).parents[1] / "tests/scout/read_with_hivex.py"
_SHOWN = 24
"""bytes that are printed"""


class ReadKey(NamedTuple):
    """What a reader has of a key: last write in ticks, values as (name, type number, data)."""

    written: int
    values: list[tuple[str, int, bytes]]


Tree = dict[str, ReadKey]


def ours(data: bytes, _: Path) -> Tree:
    return {key.path: ReadKey(key.written, [(v.name, v.kind, v.raw) for v in key.values()]) for key in Hive.open(data).walk()}


def libregf(data: bytes, _: Path) -> Tree:
    import pyregf

    file = pyregf.file()
    file.open_file_object(io.BytesIO(data))
    found, stack = {}, [(file.get_root_key(), "")]
    while stack:
        key, path = stack.pop()
        found[path] = ReadKey(key.get_last_written_time_as_integer(), [(v.name or "", v.type, v.data or b"") for v in key.values])
        stack += [(child, f"{path}\\{child.name}" if path else child.name) for child in key.sub_keys]
    return found


def python_registry(data: bytes, _: Path) -> Tree:
    from Registry import Registry

    found, stack = {}, [(Registry.Registry(io.BytesIO(data)).root(), "")]
    while stack:
        key, path = stack.pop()
        cells = [value._vkrecord for value in key.values()]
        found[path] = ReadKey(
            key._nkrecord.unpack_qword(4),
            [(cell.name() if cell.has_name() else "", cell.data_type(), bytes(cell.raw_data())) for cell in cells],
        )
        stack += [(child, f"{path}\\{child.name()}" if path else child.name()) for child in key.subkeys()]
    return found


def hivex(_: bytes, path: Path) -> Tree:
    done = subprocess.run([SYSTEM_PYTHON, HIVEX, path], capture_output=True, text=True, check=True)
    _, error, keys = json.loads(done.stdout)
    if error:
        raise OSError(error)
    return {path: ReadKey(when, [(name, kind, bytes.fromhex(raw)) for name, kind, raw in values]) for path, (when, values) in keys.items()}


READERS = {"libregf": libregf, "python-registry": python_registry, "hivex": hivex}


def disagreements(mine: Tree, other: Tree) -> dict[str, list[str]]:
    """Kind of disagreement → where, with the bytes."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in mine.keys() - other.keys():
        found["key only with ours"].append(path)
    for path in other.keys() - mine.keys():
        found["key not with ours"].append(path)
    for path in mine.keys() & other.keys():
        a, b = mine[path], other[path]
        if a.written != b.written:
            found["last write"].append(f"{path}: {a.written} {b.written}")
        if [v[0] for v in a.values] != [v[0] for v in b.values]:
            found["names of values"].append(f"{path}: {[v[0] for v in a.values]} {[v[0] for v in b.values]}")
            continue
        for (name, kind, raw), (_, their_kind, theirs) in zip(a.values, b.values, strict=True):
            if kind != their_kind:
                found["type"].append(f"{path}\\{name}: {kind:#x} {their_kind:#x}")
            if raw != theirs:
                found[_kind_of(kind, raw, theirs)].append(f"{path}\\{name}: ours {_hex(raw)}, theirs {_hex(theirs)}")
    return found


def _kind_of(kind: int, raw: bytes, theirs: bytes) -> str:
    """Return in words how the data of two readers differs."""
    of = "text" if kind in (1, 2, 7) else "a number" if kind in (4, 5, 11) else "other types"
    if not raw:
        return "no data: theirs has bytes" if any(theirs) else "no data: theirs has zeros"
    if raw == theirs[: len(raw)]:
        how = "longer" if any(theirs[len(raw) :]) else "longer, by zeros"
    elif raw.startswith(theirs):
        how = "shorter" if theirs else "empty"
    else:
        how = "other bytes" if any(theirs) else "zeros"
    return f"data of {of}, {'up to 4 bytes' if len(raw) <= 4 else 'more'}: theirs is {how}"


def _hex(raw: bytes) -> str:
    return f"{raw[:_SHOWN].hex(' ')}{'…' if len(raw) > _SHOWN else ''} ({len(raw)})"


def _read(read: Callable[[bytes, Path], Tree], data: bytes, path: Path) -> Tree | str:
    try:
        return read(data, path)
    except BadHive as e:
        return str(e)
    except Exception as e:  # other programs raise what they like
        return f"{type(e).__name__}: {e}"[:100]


def main() -> None:
    total: Counter[tuple[str, str]] = Counter()
    hives: dict[tuple[str, str], list[str]] = defaultdict(list)
    first: dict[tuple[str, str], str] = {}
    for path in map(Path, sys.argv[1:]):
        data = path.read_bytes()
        mine = _read(ours, data, path)
        print(
            f"{path.name}: {mine if isinstance(mine, str) else f'{len(mine):,} keys, {sum(len(k.values) for k in mine.values()):,} values'}"
        )
        for name, read in READERS.items():
            other = _read(read, data, path)
            if isinstance(other, str) or isinstance(mine, str):
                print(f"  {name:<16} {f'refused: {other}' if isinstance(other, str) else 'reads it'}")
                continue
            kinds = disagreements(mine, other)
            print(f"  {name:<16} {', '.join(f'{len(kinds[kind]):,} × {kind}' for kind in sorted(kinds)) or 'the same'}", flush=True)
            for kind, places in kinds.items():
                total[name, kind] += len(places)
                hives[name, kind].append(path.name)
                first.setdefault((name, kind), f"{path.name} {min(places)}")
    print("\nAll hives")
    for name, kind in sorted(total):
        print(f"  {name:<16} {total[name, kind]:>7,} × {kind}, in {len(hives[name, kind])} hives; {first[name, kind][:260]!a}")


if __name__ == "__main__":
    main()
