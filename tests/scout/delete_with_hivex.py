"""Run by the system's Python, which has hivex: writes a hive, and deletes 100 keys and 100 values of it. Prints what was deleted as JSON.

    python3 delete_with_hivex.py EMPTY_HIVE TARGET

hivex frees the cells of what is deleted and writes new cells behind the last one, so that the deleted content stays in the file.
"""

import json
import random
import shutil
import struct
import sys

import hivex


def text(value: str) -> bytes:
    return (value + "\0").encode("utf-16-le")


def values(chance: random.Random, label: str) -> list[dict]:
    return [
        {"key": f"Text {label}", "t": 1, "value": text(f"C:\\Users\\Public\\{label}-{chance.randrange(1 << 30):x}.exe")},
        {"key": f"Number {label}", "t": 4, "value": struct.pack("<I", chance.randrange(1 << 32))},
        {"key": f"Raw {label}", "t": 3, "value": chance.randbytes(chance.randint(5, 600))},
    ]


def main() -> None:
    empty, target = sys.argv[1:3]
    shutil.copyfile(empty, target)
    chance = random.Random(11)
    hive = hivex.Hivex(target, write=True)
    vendor = hive.node_add_child(hive.node_add_child(hive.root(), "Software"), "Vendor")
    for number in range(400):
        node = hive.node_add_child(vendor, f"Key{number:03d}")
        hive.node_set_values(node, values(chance, f"{number:03d}"))
        if not number % 4:
            hive.node_set_values(hive.node_add_child(node, "Below"), values(chance, f"{number:03d}b"))
    hive.commit(None)
    hive = hivex.Hivex(target, write=True)
    vendor = hive.node_get_child(hive.node_get_child(hive.root(), "Software"), "Vendor")
    names = [hive.node_name(node) for node in hive.node_children(vendor)]
    chosen = chance.sample(names, 200)
    deleted: dict[str, list] = {"keys": [], "values": []}
    for name in chosen[:100]:
        node = hive.node_get_child(vendor, name)
        held = [[hive.value_key(v), hive.value_value(v)[0], hive.value_value(v)[1].hex()] for v in hive.node_values(node)]
        deleted["keys"].append([f"Software\\Vendor\\{name}", held])
        hive.node_delete_child(node)
    for name in chosen[100:]:
        node = hive.node_get_child(vendor, name)
        held = [{"key": hive.value_key(v), "t": hive.value_value(v)[0], "value": hive.value_value(v)[1]} for v in hive.node_values(node)]
        gone = held.pop(chance.randrange(len(held)))
        deleted["values"].append([gone["key"], gone["t"], gone["value"].hex()])
        hive.node_set_values(node, held)
    hive.commit(None)
    json.dump(deleted, sys.stdout)


main()
