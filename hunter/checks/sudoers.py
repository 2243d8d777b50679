"""sudoers: what is left is still what sudo reads. sudo refuses to run at all where a file of it is wrong, so nobody could become root.

A file from which whole rules are taken stays right but for two cases: a line that goes on in the next one, and an alias
that another rule uses. Source: sudoers(5); `visudo --check` reports the same two.
"""

from __future__ import annotations

import re
from collections import Counter

from hunter.host.view import FileView

_ALIAS = re.compile(rb"\s*(?:User|Runas|Host|Cmnd|Cmd)_Alias\s+(.*)", re.DOTALL)
_DEFINED = re.compile(rb"(?:\A|:)\s*([A-Z][A-Z0-9_]*)\s*=")
_WORD = re.compile(rb"(?<![\w/.@-])[A-Z][A-Z0-9_]*(?![\w/])")
_FOLDERS = ("/etc/sudoers.d", "/usr/local/etc/sudoers.d")


def problem(before: FileView, after: FileView, path: str) -> str:
    """Return why sudo could not read what is left."""
    was, left = _rules(before.read(path)), _rules(after.read(path))
    if Counter(left) - Counter(was):
        return "the line is part of one that goes on in the next line: take the whole rule out by hand, with visudo"
    lost = _aliases(was) - _aliases(left)
    others = {p for p in _files(after) if p != path}
    rest = [*left, *(rule for p in sorted(others) for rule in _rules(after.read(p)))]
    lost -= _aliases(rest)
    used = sorted({word for rule in rest for word in _WORD.findall(rule.partition(b"=")[2] + b" " + rule.partition(b"=")[0])} & lost)
    return f"another rule uses the alias {used[0].decode()}, which it defines" if used else ""


def _files(view: FileView) -> list[str]:
    listed = [f"{folder}/{name}" for folder in _FOLDERS for name, kind in view.names(folder) if kind == "file"]
    return [p for p in ("/etc/sudoers", "/usr/local/etc/sudoers") if view.state(p)] + listed


def _rules(data: bytes) -> list[bytes]:
    """Return the rules, each with the lines that it goes on in; comments and empty lines left out."""
    joined = re.sub(rb"\\\r?\n", b"\x00", data)
    lines = [line.partition(b"#")[0] if not re.match(rb"\s*#include", line) else line for line in joined.split(b"\n")]
    return [line.strip(b" \t\r") for line in lines if line.strip(b" \t\r\x00")]


def _aliases(rules: list[bytes]) -> set[bytes]:
    return {name for rule in rules if (alias := _ALIAS.match(rule)) for name in _DEFINED.findall(alias[1])}
