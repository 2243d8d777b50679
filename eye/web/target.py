"""Describe what HUNTER would remove as rows: the action in words, the place, its content, and the facts of the file in one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from commodore.finding import REMOVALS

WORDS = {
    "path": "where",
    "name": "name",
    "value": "value",
    "data": "data",
    "data_type": "type",
    "elements": "element",
    "line": "line",
    "line_number": "line number",
    "payload": "starts",
    "links": "links",
    "start": "start",
    "scope": "scope",
    "account": "account",
    "hive_file": "hive",
    "written": "written",
}
"""Keys of a target in display order, with their labels; other keys follow under their own names."""

_ELSEWHERE = frozenset({"remove", "mechanism", "kind", "file", "payload_files", "data_bytes", "key", "hive"})
"""Keys without a plain row: shown in a row of another form, or the same as a key that is shown."""


def rows(target: Any) -> list[tuple[str, str]]:
    """Return (label, text) pairs; a list gives one row per item."""
    if not isinstance(target, Mapping):
        return []
    acts = [REMOVALS[act].words if act in REMOVALS else act for act in str(target.get("remove") or "").split("+") if act]
    found = [("act", ", then ".join(acts))] if acts else []
    found.append(("mechanism", " · ".join(str(target[k]) for k in ("mechanism", "kind") if target.get(k))))
    for key, word in WORDS.items():
        found += [(word, text) for text in _texts(target.get(key))]
    for key in (k for k in target if k not in WORDS and k not in _ELSEWHERE):
        found += [(str(key).replace("_", " "), text) for text in _texts(target[key])]
    found += _file("file", target.get("file"))
    files = target.get("payload_files")
    for path, facts in files.items() if isinstance(files, Mapping) else ():
        found += _file(f"started file {path}", facts)
    return [(word, text) for word, text in found if text]


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in _texts(item)]
    if isinstance(value, Mapping):
        return [f"{key}: {text}" for key, below in value.items() for text in _texts(below)]
    return [] if value is None or value == "" else [str(value)]


def _file(word: str, facts: Any) -> list[tuple[str, str]]:
    """Return size, mode, owner and times in one row, the complete hash in another."""
    if not isinstance(facts, Mapping):
        return []
    size = facts.get("size")
    owner = facts.get("owner") or facts.get("uid")
    parts = [
        f"{size:,} bytes" if isinstance(size, int) else "",
        f"mode {facts['mode']}" if facts.get("mode") else "",
        f"owner {owner}" if owner is not None else "",
        f"changed {facts['mtime']}" if facts.get("mtime") else "",
    ]
    return [(word, ", ".join(part for part in parts if part)), ("sha256", str(facts.get("sha256") or ""))]
