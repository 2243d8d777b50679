"""YAML of plans: mappings, lists and text only. Read strictly, written for a person.

Every scalar stays text as it is written (`no`, `0123`, `12:30`). Aliases, anchors, tags, duplicate keys, deep nesting and documents beyond
the limits are refused before anything is built, so that a bomb costs no more than its bytes.
Source: YAML 1.2.2, chapter 7 (flow style) for the escapes of double-quoted text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

MAX_BYTES = 64 << 20
MAX_NODES = 1_000_000
"""events of the parser: enough for a plan of 20,000 actions"""
MAX_DEPTH = 12

Node = str | list[Any] | dict[str, Any]

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./@-]*")
_TYPED = re.compile(r"(y|n|yes|no|on|off|true|false|null|nan|inf)", re.IGNORECASE)
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class YamlError(ValueError):
    """The text is not YAML of this form; the message says what is wrong and in which line."""


def read(data: bytes) -> Node:
    """Return the one document of `data`. YamlError for anything but mappings, lists and text within the limits."""
    if len(data) > MAX_BYTES:
        raise YamlError(f"it is larger than {MAX_BYTES >> 20} MiB")
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        return _build(yaml.parse(data, Loader=loader))
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        raise YamlError(f"{getattr(e, 'problem', None) or e}" + (f" (line {mark.line + 1})" if mark else "")) from e
    except (UnicodeDecodeError, RecursionError) as e:
        raise YamlError(str(e)) from e


def _build(events: Iterator[Any]) -> Node:
    stack: list[list[Any] | dict[str, Any]] = []
    keys: list[str | None] = []
    root: list[Node] = []
    for count, event in enumerate(events):
        line = event.start_mark.line + 1
        if count > MAX_NODES:
            raise YamlError(f"more than {MAX_NODES:,} values")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise YamlError(f"anchors and aliases are not allowed (line {line})")
        if isinstance(event, yaml.CollectionEndEvent):
            stack.pop()
            keys.pop()
            continue
        if not isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            continue
        if event.tag not in (None, "!"):
            raise YamlError(f"tags are not allowed (line {line})")
        if stack and isinstance(stack[-1], dict) and keys[-1] is None:
            keys[-1] = _key(event, stack[-1], line)
            continue
        _attach(event, stack, keys, root, line)
    if len(root) != 1:
        raise YamlError("not exactly one document")
    return root[0]


def _key(event: Any, mapping: dict[str, Any], line: int) -> str:
    if not isinstance(event, yaml.ScalarEvent):
        raise YamlError(f"a key that is not text (line {line})")
    if event.value in mapping:
        raise YamlError(f"the key {event.value!r} occurs twice (line {line})")
    return str(event.value)


def _attach(event: Any, stack: list[list[Any] | dict[str, Any]], keys: list[str | None], root: list[Node], line: int) -> None:
    node: Node = event.value if isinstance(event, yaml.ScalarEvent) else {} if isinstance(event, yaml.MappingStartEvent) else []
    if not stack:
        root.append(node)
    elif isinstance(stack[-1], list):
        stack[-1].append(node)
    else:
        stack[-1][keys[-1] or ""] = node
        keys[-1] = None
    if not isinstance(node, str):
        if len(stack) >= MAX_DEPTH:
            raise YamlError(f"nested deeper than {MAX_DEPTH} (line {line})")
        stack.append(node)
        keys.append(None)


def scalar(text: str) -> str:
    """Return `text` so that every YAML reader reads the same text: plain where no reader takes it for a number or truth value."""
    if _PLAIN.fullmatch(text) and not _TYPED.fullmatch(text):
        return text
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else _escaped(c)) for c in text) + '"'


def _escaped(c: str) -> str:
    n = ord(c)
    if 0xD800 <= n <= 0xDFFF:
        raise YamlError("text with a lone surrogate must be written as base64")
    return f"\\x{n:02X}" if n < 0x100 else f"\\u{n:04X}" if n < 0x10000 else f"\\U{n:08X}"


def write(node: Node, indent: int = 0) -> str:
    """Return block style with two spaces; empty mappings and lists as `{}` and `[]`."""
    pad = "  " * indent
    if isinstance(node, str):
        return f"{pad}{scalar(node)}\n"
    if isinstance(node, list):
        return "".join(_item(item, indent) for item in node)
    return "".join(f"{pad}{scalar(key)}:{_value(value, indent + 1)}" for key, value in node.items())


def _value(value: Node, indent: int) -> str:
    if isinstance(value, str):
        return f" {scalar(value)}\n"
    if not value:
        return " {}\n" if isinstance(value, dict) else " []\n"
    return "\n" + write(value, indent)


def _item(item: Node, indent: int) -> str:
    pad = "  " * indent
    if isinstance(item, str) or not item:
        return f"{pad}-{_value(item, indent)}"
    return f"{pad}- " + write(item, indent + 1)[len(pad) + 2 :]


def flow(node: Node) -> str:
    """Return flow style in one line: `{path: /etc/x, xattrs: {}}`."""
    if isinstance(node, str):
        return scalar(node)
    if isinstance(node, list):
        return "[" + ", ".join(map(flow, node)) + "]"
    return "{" + ", ".join(f"{scalar(key)}: {flow(value)}" for key, value in node.items()) + "}"
