"""Run by the system's Python, which has hivex: prints every key of a hive as JSON, path → [last write, [[name, type, data as hex], …]]."""

import json
import sys

import hivex

h = hivex.Hivex(sys.argv[1])
found: dict = {}
stack = [(h.root(), "")]
while stack:
    node, path = stack.pop()
    values = [[h.value_key(v), *(lambda kind, data: [kind, data.hex()])(*h.value_value(v))] for v in h.node_values(node)]
    found[path] = [h.node_timestamp(node), values]
    stack += [(child, f"{path}\\{h.node_name(child)}") for child in h.node_children(node)]
json.dump(found, sys.stdout)
