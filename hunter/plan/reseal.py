"""Renew the seal of a plan in the text that a person edited: change only what differs; comments and layout stay.

YAML nodes have their positions. A value that differs is replaced in its place. Where the shape of a state changes (one more path or
fact), its lines are rewritten, which is refused where a comment is among them. The result is read again before it replaces the plan: it
must be the renewed plan, and equal the old one in everything else.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from hunter.objects import objects
from hunter.plan.model import RemovalPlan
from hunter.plan.read import load
from hunter.plan.sealkey import SealKey
from hunter.plan.yaml_text import Node, YamlError, flow, read, scalar, write
from hunter.private import write_private
from scout.console import Complaint


class EditError(ValueError):
    """The text cannot be changed without losing something; the message names it and its line."""


class _Edit(NamedTuple):
    begin: int
    end: int
    text: str


def renew(path: Path, plan: RemovalPlan, key: SealKey | None = None) -> None:
    """Write `plan`, sealed with `key`, into the text at `path`, completely or not at all.

    Complaint (code 3) where a comment would be lost, and where there is no room.
    """
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.unlink(missing_ok=True)
        before = path.read_bytes()
        after = resealed(before, plan, plan.sealed_with(key))
        write_private(temporary, after)
        written = loaded(temporary, key)
        if written.body() != plan.body() or _rest(before) != _rest(after) or remarks(before) != remarks(after):
            raise EditError("its layout is not understood")
        temporary.replace(path)
    except (YamlError, yaml.YAMLError, EditError) as e:
        raise Complaint(
            f"{path} cannot be sealed without losing what was written into it: {e}. Nothing was sealed or changed.",
            "Move comments above their action, or delete its `expect`; then run hunter check --seal again.",
        ) from e
    except OSError as e:
        what = f"{path} cannot be sealed: {e.strerror or e}. The plan is as it was; nothing on the host was changed."
        raise Complaint(what, "Give it a place that can be written, with room for a second copy.") from e
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def loaded(path: Path, key: SealKey | None) -> RemovalPlan:
    """Read a plan that was just written. EditError where it is none."""
    try:
        return load(path, key=key)
    except Complaint as e:
        raise EditError("its layout is not understood") from e


def _rest(data: bytes) -> Node:
    """Return everything that a new seal must not change."""
    node = read(data)
    if not isinstance(node, dict):
        raise EditError("it is no mapping")
    host, actions = node["host"], node["actions"]
    kept = {name: value for name, value in node.items() if name not in ("seal", "host", "actions")}
    kept["host"] = {name: value for name, value in host.items() if name != "root_ino"} if isinstance(host, dict) else host
    return kept | {"actions": [{k: v for k, v in a.items() if k != "expect"} if isinstance(a, dict) else a for a in actions]}


def remarks(data: bytes) -> list[str]:
    """Return every comment, in order."""
    _, text, top = parsed(data)
    return [remark for _, remark in _comments(text, top, 0, len(text))]


def parsed(data: bytes) -> tuple[str, str, Any]:
    """Return (byte order mark or '', text, its nodes)."""
    try:
        text = data.decode()
    except UnicodeDecodeError as e:
        raise EditError("it is not UTF-8") from e
    mark, text = ("\ufeff", text[1:]) if text.startswith("\ufeff") else ("", text)
    return mark, text, yaml.compose(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))


def resealed(data: bytes, plan: RemovalPlan, seal: str) -> bytes:
    """Return `data`, a plan of the same actions in the same order, with expectations and root inode of `plan`, and this seal. EditError."""
    mark, text, top = parsed(data)
    pieces, at, ends = [mark], 0, "\r\n" if "\r\n" in text else "\n"
    for edit in sorted(Editor(text).document(top, plan, seal)):
        pieces += [text[at : edit.begin], edit.text.replace("\n", ends)]
        at = edit.end
    return "".join([*pieces, text[at:]]).encode()


class Editor:
    """Compute the edits that a text needs."""

    def __init__(self, text: str) -> None:
        self.text = text

    def document(self, top: Any, plan: RemovalPlan, seal: str) -> Iterator[_Edit]:
        body = plan.body()
        if inode := body["host"].get("root_ino"):
            yield from self._member(value_of(top, "host"), "root_ino", inode)
        nodes = value_of(top, "actions").value
        if len(nodes) != len(body["actions"]):
            raise EditError("somebody wrote to it meanwhile")
        for node, action in zip(nodes, body["actions"], strict=True):
            yield from self._member(node, "expect", action["expect"])
        if value_of(top, "seal") is not None or top.flow_style:
            yield from self._member(top, "seal", seal)
        else:
            yield _Edit(len(self.text), len(self.text), f"{'' if self.text.endswith(chr(10)) else chr(10)}seal: {scalar(seal)}\n")

    def _member(self, mapping: Any, key: str, new: Node) -> Iterator[_Edit]:
        """Yield the edits after which `mapping` holds `key` with this value."""
        for name, value in mapping.value:
            if name.value == key:
                yield from self._update(value, new, name.start_mark.column, flowing=bool(mapping.flow_style))
                return
        if mapping.flow_style:
            at = mapping.start_mark.index + 1
            yield _Edit(at, at, f"{scalar(key)}: {flow(new)}" + (", " if mapping.value else ""))
            return
        for name, _ in mapping.value:
            line = self.text.rfind("\n", 0, name.start_mark.index) + 1
            if not self.text[line : name.start_mark.index].strip(" "):
                yield _Edit(line, line, _indented(write({key: new}), name.start_mark.column, first=True) + "\n")
                return
        raise EditError(f"there is no line of its own for `{key}` (line {mapping.start_mark.line + 1})")

    def _update(self, node: Any, new: Node, column: int, *, flowing: bool) -> Iterator[_Edit]:
        """Yield the edits after which `node`, the value of a key in `column`, is `new`."""
        if _plain(node) == new:
            return
        if isinstance(node, yaml.ScalarNode) and isinstance(new, str):
            yield self._replaced(node, scalar(new), gap=node.start_mark.index == node.end_mark.index)
        elif isinstance(node, yaml.MappingNode) and isinstance(new, dict) and {k.value for k, _ in node.value} == set(new):
            for key, value in node.value:
                yield from self._update(value, new[key.value], key.start_mark.column, flowing=flowing or bool(node.flow_style))
        elif isinstance(node, yaml.SequenceNode) and isinstance(new, list) and _alike(node, new):
            for value, each in zip(node.value, new, strict=True):
                yield from self._update(value, each, value.start_mark.column - 2, flowing=flowing or bool(node.flow_style))
        else:
            yield self._rewritten(node, new, column, flowing=flowing)

    def _rewritten(self, node: Any, new: Node, column: int, *, flowing: bool) -> _Edit:
        begin, end = node.start_mark.index, self.end(node)
        for at, _ in _comments(self.text, node, begin, end):
            line = self.text.count("\n", 0, at) + 1
            raise EditError(f"line {line} has a comment among facts that must be rewritten")
        if flowing or isinstance(new, str) or not new:
            return self._replaced(node, flow(new), gap=begin == end)
        if isinstance(node, yaml.CollectionNode) and not node.flow_style:
            return _Edit(begin, end, _indented(write(new), node.start_mark.column, first=False))
        while begin and self.text[begin - 1] in " \t":
            begin -= 1
        return _Edit(begin, end, "\n" + _indented(write(new), column + 2, first=True))

    def _replaced(self, node: Any, text: str, *, gap: bool) -> _Edit:
        return _Edit(node.start_mark.index, self.end(node), (" " if gap else "") + text)

    def end(self, node: Any) -> int:
        """Return the end of the last word of a node; for blocks and block text the parser gives the begin of the next word only."""
        if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            return self.end(last[1] if isinstance(last, tuple) else last)
        begin, end = int(node.start_mark.index), int(node.end_mark.index)
        return begin + len(self.text[begin:end].rstrip())


def key_of(mapping: Any, key: str) -> Any:
    """Return the node of a key itself, None where it is not there."""
    return next((name for name, _ in mapping.value if name.value == key), None)


def value_of(mapping: Any, key: str) -> Any:
    """Return the node of a key, None where it is not there."""
    return next((value for name, value in mapping.value if name.value == key), None)


def _comments(text: str, node: Any, begin: int, end: int) -> Iterator[tuple[int, str]]:
    """Yield (index, comment) within a node and around it: between scalars there are only white space, YAML marks and comments."""
    spans = [(leaf.start_mark.index, leaf.end_mark.index) for leaf in _leaves(node)]
    for gap, stop in zip([begin, *(after for _, after in spans)], [*(before for before, _ in spans), end], strict=True):
        at = gap
        for line in text[gap:stop].splitlines(keepends=True):
            if "#" in line:
                yield at + line.index("#"), line[line.index("#") :].strip()
            at += len(line)


def _leaves(node: Any) -> Iterator[Any]:
    """Yield every scalar, in the order of the text."""
    if isinstance(node, yaml.ScalarNode):
        yield node
    for each in node.value if isinstance(node, yaml.CollectionNode) else ():
        for one in each if isinstance(each, tuple) else (each,):
            yield from _leaves(one)


def _plain(node: Any) -> Node:
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(each) for each in node.value]
    return {str(key.value): _plain(value) for key, value in node.value}


def _alike(node: Any, new: list[Any]) -> bool:
    """Return True where two lists of states have the same paths, item by item."""

    def about(item: Any) -> Any:
        return [item.get(name) for name in words] if isinstance(item, dict) else item

    words = sorted({"object"}.union(*(kind.address for kind in objects().values())))

    old = _plain(node)
    return [about(item) for item in old] == [about(item) for item in new]


def _indented(text: str, column: int, *, first: bool) -> str:
    lines = [" " * column + line.rstrip("\n") for line in io.StringIO(text, newline="\n")]
    return "\n".join(lines) if first else "\n".join(lines)[column:]
