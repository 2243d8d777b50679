"""Run by the system's Python, which has hivex: writes a hive with odd names, sizes, types and depths into TARGET.

python3 write_odd_with_hivex.py EMPTY_HIVE TARGET
"""

import shutil
import struct
import sys

import hivex

NAMES = (
    *("a b", " lead", "trail ", "tab\tx", "new\nline", "\u00fcml\u00e4ut", "\u65e5\u672c\u8a9e", "\U0001f600", "x" * 255),
    *("per%cent", 'q"uote', "{brace}", "slash/", "dot.", "..", "CON", "a\\b"),
)
SIZES = (0, 1, 3, 4, 5, 4095, 4096, 8000, 16340, 16343, 16344)
TYPES = (*range(13), 0x7FFFFFFF)


def text(value: str) -> bytes:
    return (value + "\0").encode("utf-16-le")


def main() -> None:
    empty, target = sys.argv[1:3]
    shutil.copyfile(empty, target)
    hive = hivex.Hivex(target, write=True)
    groups = {name: hive.node_add_child(hive.root(), name) for name in ("Odd", "Big", "Types", "Many", "Deep")}
    for name in NAMES:
        values = [{"key": name, "t": 1, "value": text(name)}, {"key": "", "t": 1, "value": text("default")}]
        hive.node_set_values(hive.node_add_child(groups["Odd"], name), values)
    for size in SIZES:
        value = {"key": f"s{size}", "t": 3, "value": bytes((i * 7 + size) & 255 for i in range(size))}
        hive.node_set_values(hive.node_add_child(groups["Big"], f"s{size}"), [value])
    eight = [{"key": f"t{kind}", "t": kind, "value": b"\1\2\3\4\5\6\7\x08"} for kind in TYPES]
    hive.node_set_values(groups["Types"], eight + [{"key": f"d{kind}", "t": kind, "value": b"\1\2"} for kind in (1, 3, 4, 11)])
    for number in range(300):
        hive.node_add_child(groups["Many"], f"k{number:03d}")
    hive.node_set_values(groups["Many"], [{"key": f"v{number:03d}", "t": 4, "value": struct.pack("<I", number)} for number in range(300)])
    node = groups["Deep"]
    for level in range(512):
        node = hive.node_add_child(node, f"d{level}")
    hive.commit(None)


main()
