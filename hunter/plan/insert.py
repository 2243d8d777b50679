"""Add an action to the text of a plan: comments and layout of a person stay, and only the action and the seal are new."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import yaml

from hunter.catalogue import catalogue
from hunter.plan.model import RemovalPlan, action_text, stage_heading
from hunter.plan.reseal import EditError, Editor, key_of, loaded, parsed, remarks, resealed, value_of
from hunter.plan.sealkey import SealKey
from hunter.plan.yaml_text import YamlError
from hunter.private import write_private
from scout.console import Complaint


def insert(path: Path, plan: RemovalPlan, new: str, key: SealKey | None = None) -> None:
    """Write `plan`, which has one more action (`new`) than the text at `path`, sealed with `key`: completely or not at all.

    Complaint (code 3) where its layout cannot take it, and where there is no room.
    """
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.unlink(missing_ok=True)
        before = path.read_bytes()
        grown = _grown(before, plan, new)
        after = resealed(grown, plan, plan.sealed_with(key))
        write_private(temporary, after)
        if loaded(temporary, key).body() != plan.body() or [r for r in remarks(before) if r not in remarks(after)]:
            raise EditError("its layout is not understood")
        temporary.replace(path)
    except (YamlError, yaml.YAMLError, EditError) as e:
        do = "Write the plan anew with hunter plan, or write the action by hand (docs/guide/hunter.md) and run hunter check --seal."
        raise Complaint(f"{path} cannot take an action without losing what was written into it: {e}. Nothing was added.", do) from e
    except OSError as e:
        do = "Give it a place that can be written, with room for a second copy."
        raise Complaint(f"{path} cannot be written: {e.strerror or e}. Nothing was added.", do) from e
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _grown(data: bytes, plan: RemovalPlan, new: str) -> bytes:
    """Return the text with the action in its place. EditError where the actions are not one in a block of lines each."""
    mark, text, top = parsed(data)
    at = next(n for n, action in enumerate(plan.actions) if action.id == new)
    node = value_of(top, "actions")
    stage = catalogue()[plan.actions[at].kind].stage
    others = [a for a in plan.actions if a.id != new and catalogue()[a.kind].stage == stage]
    block = ("" if others else f"\n  {stage_heading(stage)}\n") + action_text(plan, at)
    ends = "\r\n" if "\r\n" in text else "\n"
    if top.flow_style:
        raise EditError("it is written as JSON, in one line")
    if not node.value:
        begin, end = node.start_mark.index, node.end_mark.index
        changed = f"{text[:begin].rstrip(' ')}\n{block}{text[end:].lstrip(chr(10))}"
    elif node.flow_style:
        raise EditError("its actions are in one line")
    else:
        column = node.value[0].start_mark.column - 2
        shifted = "".join(f"{' ' * (column - 2)}{line}" if line.strip() else line for line in block.splitlines(keepends=True))
        if column < 2:
            shifted = "".join(line.removeprefix("  ") for line in block.splitlines(keepends=True))
        above = Editor(text).end(node.value[at - 1]) if at else text.index(":", key_of(top, "actions").start_mark.index)
        place = _line_after(text, above)
        changed = text[:place] + shifted.replace("\n", ends) + text[place:]
    return (mark + changed).encode()


def _line_after(text: str, index: int) -> int:
    """Return the begin of the line behind the one with this index; a last line without an end is refused."""
    end = text.find("\n", index)
    if end < 0:
        raise EditError("its last line has no end")
    return end + 1
