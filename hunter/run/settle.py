"""One run of one plan, replayed from its journal, and `settle()`, which brings the host to a given set of applied actions.

Apply and undo both call `settle()`: apply with all actions, undo with none or some. Each change is a transition of one object between two
states that the journal holds before the write. After a kill the object is in one of the two, and `recover()` finds out in which.

Actions of different owners are independent. Where a user who is not root controls the target of an action (`controller` of its edits), a
change by that user leaves out this action, with its reason in the journal (`left`), and the other actions go on.
"""

from __future__ import annotations

import errno
import hashlib
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from hunter.host.state import ObjectState, UnsafeError
from hunter.host.tree import HostTree
from hunter.objects import Content, Described, SurpriseError, objects
from hunter.objects._text import without
from hunter.run.journal import RunJournal
from hunter.run.vault import Vault
from scout.console import WRONG_USE, Complaint, escape

_BLANK = b" \t\r\n\v\f:"
Key = tuple[str, str]


@dataclass(slots=True)
class _Thing:
    """One object during a run."""

    before: Described
    now: Described
    edits: dict[str, dict[str, Any]] = field(default_factory=dict)
    """action id → edit"""
    applied: frozenset[str] = frozenset()

    @property
    def controlled(self) -> bool:
        """Return whether a user who is not root may change the object."""
        return any(edit.get("controller") for edit in self.edits.values())


class RemovalRun:
    """The last run of a journal; without an `open` line there is nothing to bring to a state."""

    def __init__(self, journal: RunJournal, vault: Vault) -> None:
        self.journal, self.vault = journal, vault
        self.opened: dict[str, Any] | None = None
        self.kept: dict[str, dict[str, Any]] = {}
        self.things: dict[Key, _Thing] = {}
        self.left_out: dict[str, str] = {}
        """action id → why the run went on without it"""
        self.pending: dict[str, Any] | None = None
        self.began = self.finished = self.undoing = False
        for number, line in enumerate(journal.lines, 1):
            try:
                self._replay(line)
            except (KeyError, TypeError, ValueError) as e:
                raise Complaint(
                    f"{journal.path}, line {number}: not of the form that hunter writes; the journal was changed after it was written.",
                    "Nothing was done. Use an untouched copy of the journal.",
                    WRONG_USE,
                ) from e

    def _replay(self, line: dict[str, Any]) -> None:
        event = line["event"]
        if event == "open":
            self.opened, self.kept, self.things, self.pending, self.left_out = line, {}, {}, None, {}
            self.began = self.finished = self.undoing = False
            for edit in line["edits"]:
                thing = self.things.setdefault((edit["object"], edit["name"]), _Thing(edit["before"], edit["before"]))
                thing.edits[edit["action"]] = edit
        elif event == "keep":
            self.kept[line["path"]] = line
        elif event == "begin":
            self.began, self.pending, self.finished = True, line, False
        elif event == "done" and self.pending is not None:
            thing = self.things[self.pending["object"], self.pending["name"]]
            thing.now, thing.applied, self.pending = self.pending["to"], frozenset(self.pending["with"]), None
        elif event == "void":
            self.pending = None
        elif event == "left":
            self.left_out |= dict(line["actions"])
        elif event == "undo":
            self.undoing, self.finished, self.left_out = True, False, {}
        elif event in ("applied", "undone"):
            self.finished, self.undoing = True, False

    def add(self, event: str, **fields: Any) -> None:
        """Add a line to the journal and replay it. Complaint where it cannot be written after a change was begun."""
        try:
            self.journal.add(event, **fields)
        except OSError as e:
            if not self.began:
                raise
            raise Complaint(
                f"{self.journal.path} cannot be written: {e.strerror or e}. Stopped there; the journal says what was done.",
                f"Make room. Then complete it with hunter apply, or take it back: {self.undo}",
            ) from e
        self._replay(self.journal.lines[-1])

    @property
    def all_left_out(self) -> dict[str, str]:
        """Action id → why, of the actions that were left out before the run began and during it."""
        return {**(self.opened or {}).get("left_out", {}), **self.left_out}

    def leave_out(self, reasons: Mapping[str, str]) -> None:
        """Go on without these actions: id → why."""
        if reasons:
            self.add("left", actions=dict(reasons))

    @property
    def number(self) -> int:
        return int(self.opened["run"]) if self.opened else 0

    @property
    def undo(self) -> str:
        """The command that takes this run back, with a recipient's key where the run key is gone."""
        key = [] if self.vault.run_key.exists() or not self.kept else ["-i", "key.txt"]
        return shlex.join(["hunter", "undo", str(self.journal.path), *self._elsewhere, *key])

    @property
    def _elsewhere(self) -> list[str]:
        return ["--root", str(self.opened["root"])] if self.opened and not self.opened["live"] else []

    @property
    def actions(self) -> list[str]:
        """Ids of the actions of this run, in the order of the plan."""
        return [a["id"] for a in self.opened["actions"]] if self.opened else []

    @property
    def applied(self) -> set[str]:
        """Actions of which at least one edit is in place."""
        found = {a for thing in self.things.values() for a in thing.applied}
        return found | ({*self.pending["with"]} if self.pending else set())

    @property
    def unfinished(self) -> bool:
        """A kill or a surprise stopped this run in the middle."""
        return self.began and not self.finished

    def recover(self, tree: HostTree) -> None:
        """Decide whether the transition that a kill interrupted was done. Complaint where the object is in neither state."""
        if self.pending is None:
            return
        line = self.pending
        thing = objects()[line["object"]]
        now = self._observe(tree, line["object"], line["name"])
        if thing.same(now, line["to"]):
            thing.tidy(tree, line["name"], line["mark"])
            self.add("done", of=line["n"])
        elif thing.same(now, line["from"]):
            thing.tidy(tree, line["name"], line["mark"])
            self.add("void", of=line["n"])
        else:
            was, left = thing.changes(line["from"], now), thing.changes(line["to"], now)
            reason = f"it is neither as it was before the step that was interrupted ({was}) nor as that step leaves it ({left})"
            do = "Look at it and put it into one of the two states; then run the same command again."
            raise Complaint(f"{surprise(line['name'], reason).what} {self.progress(back=self.undoing)}", do)

    def _observe(self, tree: HostTree, kind: str, name: str) -> Described:
        try:
            return objects()[kind].observe(tree, name)
        except UnsafeError as e:
            raise surprise(name, str(e)) from e

    def drifted(self, tree: HostTree, names: Iterable[Key]) -> dict[Key, str]:
        """Return the objects whose state differs from the journal, each with the difference."""
        found: dict[Key, str] = {}
        for kind, name in names:
            left, one = self.things[kind, name].now, objects()[kind]
            try:
                now = one.observe(tree, name)
            except UnsafeError as e:
                found[kind, name] = str(e)
                continue
            if kind != "loaded" and not one.same(now, left):
                found[kind, name] = one.changes(left, now)
        return found

    def check_undrifted(self, tree: HostTree, names: Iterable[Key], *, back: bool, taken: Collection[str] = ()) -> dict[str, str]:
        """Compare objects with their state in the journal. Write nothing.

        Returns the actions to leave out and why: those whose object another user controls and changed. Complaint (code 3) for other ones.
        """
        found = self.drifted(tree, names)
        apart = {key: found.pop(key) for key in list(found) if self.things[key].controlled}
        if found:
            told = "; ".join(f"{escape(name)} is not as the journal left it: {escape(what)}" for (_, name), what in list(found.items())[:5])
            more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
            what = f"{told}{more}. Stopped before writing there. {self.progress(back=back)}"
            raise Complaint(what, self.next_step(tree, back=back, taken=taken))
        return {action: f"{key[1]}: {why}" for key, why in apart.items() for action in self.things[key].edits}

    def progress(self, *, back: bool) -> str:
        """Return one sentence that lists the actions by progress."""
        edits: dict[str, list[bool]] = {a: [] for a in self.actions}
        for thing in self.things.values():
            for action in thing.edits:
                edits[action].append(action in thing.applied)
        whole, none = [a for a, e in edits.items() if all(e)], [a for a, e in edits.items() if not any(e)]
        some = [a for a in edits if a not in whole and a not in none]
        words = (
            (("taken back", none), ("in part", some), ("still removed", whole))
            if back
            else (("done", whole), ("in part", some), ("not begun", none))
        )
        told = [f"{word}: {', '.join(ids[:20])}{' …' if len(ids) > 20 else ''}" for word, ids in words if ids]
        told[:0] = [] if words[0][1] else [f"{words[0][0]}: none"]
        return f"So far {'; '.join(told)}."

    def next_step(self, tree: HostTree, *, back: bool, taken: Collection[str] = ()) -> str:
        """Return what to do after a surprise. `taken`: the actions that an undo was to take back."""
        if not back:
            plan = str(self.journal.path).removesuffix(".journal.jsonl")
            command = shlex.join(["hunter", "apply", plan, *self._elsewhere, "--yes"])
            return f"Look at it. When it is as expected again, {command} goes on. What was done is taken back with {self.undo}"
        bad = {a for key in self.drifted(tree, self.things) for a in self.things[key].applied}
        others = [word for a in self.actions if a in (self.applied & set(taken)) - bad for word in ("--action", a)]
        rest = f" Or take back only what is as HUNTER left it: {self.undo} {shlex.join(others)}" if others else ""
        return f"Look at it. When it is as HUNTER left it, the same command goes on.{rest}"

    def settle(self, tree: HostTree, wanted: Collection[str], keys: Iterable[Any], *, back: bool, on_done: Callable[[str], None]) -> None:
        """Bring every object to the state that it has with exactly the `wanted` actions applied. `on_done` gets the id of each.

        Complaint at the first surprise, unless another user controls the object: then its actions are left out.
        """
        assert self.opened is not None
        identities = list(keys)
        going = self.applied - set(wanted)
        order = self.opened["way_back"] if back else range(len(self.opened["edits"]))
        left = {e["action"]: 0 for e in self.opened["edits"]}
        for e in self.opened["edits"]:
            left[e["action"]] += 1
        for i in order:
            edit = self.opened["edits"][i]
            action, key = edit["action"], (edit["object"], edit["name"])
            thing = self.things[key]
            if action in self.left_out:
                continue
            if (action in wanted) != (action in thing.applied):
                then = thing.applied | {action} if action in wanted else thing.applied - {action}
                try:
                    self._change(tree, key, then, identities)
                except Complaint as e:
                    if thing.controlled and self.pending is None:
                        self.leave_out(dict.fromkeys(thing.edits, e.what))
                        continue
                    do = e.do or self.next_step(tree, back=back, taken=going)
                    raise Complaint(f"{e.what} {self.progress(back=back)}", do, e.code) from e
            left[action] -= 1
            if not left[action] and (action in wanted) != back:
                on_done(action)

    def _change(self, tree: HostTree, key: Key, actions: frozenset[str], identities: list[Any]) -> None:
        kind, name = key
        thing = self.things[key]
        then, content = self._result(key, actions, identities)
        mark = f"{self.opened['id'] if self.opened else ''}-{len(self.journal.lines)}"
        self.add("begin", object=kind, name=name, **{"from": thing.now, "to": then, "with": sorted(actions)}, mark=mark)
        try:
            objects()[kind].put(tree, name, thing.now, then, content, mark)
        except (SurpriseError, UnsafeError) as e:
            self._give_up(tree, str(e), untouched=kind == "file")
            raise surprise(name, str(e)) from e
        except OSError as e:
            self._give_up(tree, str(e))
            full = "Make room. Then the same command goes on." + ("" if self.undoing else f" What was done is taken back with {self.undo}")
            do = full if e.errno in (errno.ENOSPC, errno.EDQUOT) else ""
            raise Complaint(f"{escape(name)}: {e.strerror or e}. Stopped there.", do) from e
        self.add("done", of=self.journal.lines[-1]["n"])

    def _give_up(self, tree: HostTree, reason: str, *, untouched: bool = False) -> None:
        """Journal that the transition did not happen, and remove its temporary file.

        `untouched`: nothing was written, whatever is there now (a file is compared right before it is written).
        """
        if self.pending is None:
            return
        line = self.pending
        thing = objects()[line["object"]]
        try:
            thing.tidy(tree, line["name"], line["mark"])
            if untouched or thing.same(thing.observe(tree, line["name"]), line["from"]):
                self.add("void", of=line["n"], reason=reason)
        except (OSError, UnsafeError) as e:  # decided by `recover` when the object can be looked at again
            self.add("note", reason=f"{reason}; {e}")

    def _result(self, key: Key, actions: frozenset[str], identities: list[Any]) -> tuple[Described, Content | None]:
        """Return (state, writer of its bytes) of an object with these actions applied."""
        thing = self.things[key]
        edits = [thing.edits[a] for a in sorted(actions)]
        kept = self.kept.get(key[1])
        if not edits:
            if key[0] == "file" and kept is not None:
                return thing.before, lambda stream: self.vault.copy(kept, identities, stream)
            return thing.before, None
        if key[0] != "file":
            return edits[-1]["after"], None
        if not all(e["cuts"] for e in edits) or kept is None or thing.before is None:
            return None, None
        data = without(self.vault.bytes(kept, identities), [(begin, end) for e in edits for begin, end in e["cuts"]])
        if any(e["drop_if_blank"] for e in edits) and not data.strip(_BLANK):
            return None, None
        assert self.opened is not None
        state = ObjectState.from_json(thing.before).with_content(hashlib.sha256(data).hexdigest(), len(data), int(self.opened["stamp"]))
        return state.to_json(), _writer(data)


def _writer(data: bytes) -> Content:
    def write(stream: BinaryIO) -> None:
        stream.write(data)

    return write


def surprise(name: str, reason: str) -> Complaint:
    """Return the complaint for a state that does not fit: nothing is written to this object."""
    return Complaint(f"{escape(name)}: {escape(reason)}. Stopped before writing there.")
