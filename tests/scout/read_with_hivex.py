"""Run by the system's Python, which has hivex: prints a JSON line per hive, [file, error, {path: [last write, [[name, type, data]]]}]."""

import json
import sys

import hivex


def tree(path: str) -> dict:
    hive = hivex.Hivex(path)
    found, stack = {}, [(hive.root(), "")]
    while stack:
        node, above = stack.pop()
        values = [[hive.value_key(v), *hive.value_value(v)] for v in hive.node_values(node)]
        found[above] = [hive.node_timestamp(node), [[name, kind, data.hex()] for name, kind, data in values]]
        stack += [(child, f"{above}\\{hive.node_name(child)}" if above else hive.node_name(child)) for child in hive.node_children(node)]
    return found


for file in sys.argv[1:]:
    try:
        print(json.dumps([file, "", tree(file)]))
    except Exception as e:  # the test shows which hives it refuses
        print(json.dumps([file, f"{type(e).__name__}: {e}", {}]))
