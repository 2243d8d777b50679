"""One run of one plan, replayed from its journal, and `settle()`, which brings the host to a given set of applied actions.

Apply and undo both call `settle()`: apply with all actions, undo with none or some. Each change is a transition of one object between two
states that the journal holds before the write. After a kill the object is in one of the two, and `recover()` finds out in which.

Actions of different owners are independent. Where a user who is not root controls the target of an action (`controller` of its edits), a
change by that user leaves out this action, with its reason in the journal (`left`), and the other actions go on.
"""

from __future__ import annotations

import base64
import errno
import shlex
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from hunter.catalogue import BARRIER, STAGES
from hunter.host.host import RemovalHost
from hunter.objects import Change, Content, Described, of, told
from hunter.objects._text import without
from hunter.ref import Ref
from hunter.run.journal import RunJournal
from hunter.run.run_object import RunObject, progress, steps
from hunter.run.vault import Vault
from hunter.unsafe import SurpriseError, UnsafeError
from scout.collecting.signals import CaughtSignal
from scout.console import WRONG_USE, Complaint, escape


class RemovalRun:
    """The last run of a journal; without an `open` line there is nothing to bring to a state."""

    def __init__(self, journal: RunJournal, vault: Vault) -> None:
        self.journal, self.vault = journal, vault
        self.signals = CaughtSignal()
        self.opened: dict[str, Any] | None = None
        self.kept: dict[Ref, dict[str, Any]] = {}
        self.objects: dict[Ref, RunObject] = {}
        self.churn: frozenset[str] = frozenset()
        """what changed beside the objects before anything was written: the host changes it by itself"""
        self.memory: list[dict[str, Any]] = []
        """the journal lines of the processes whose memory is kept"""
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
            self.opened, self.kept, self.objects, self.pending, self.left_out = line, {}, {}, None, {}
            self.memory = []
            self.began = self.finished = self.undoing = False
            for edit in line["edits"]:
                item = self.objects.setdefault(Ref.from_json(edit), RunObject(edit["before"], edit["before"]))
                item.edits[edit["action"]] = edit
        elif event == "kept":
            self.churn = frozenset(map(str, line.get("churn", ())))
        elif event == "keep":
            self.kept[Ref.from_json(line)] = line
        elif event == "memory":
            self.memory.append(line)
        elif event == "begin":
            self.began, self.pending, self.finished = True, line, False
        elif event == "done" and self.pending is not None:
            for step in steps(self.pending):
                item = self.objects[Ref.from_json(step)]
                item.now, item.applied = step["to"], frozenset(step["with"])
            self.pending = None
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
    def mounts(self) -> set[str]:
        """The mounts of single folders in which objects of this run lie."""
        return {mount for item in self.objects.values() for mount in (item.before or {}).get("mounts", ())}

    @property
    def actions(self) -> list[str]:
        """Ids of the actions of this run, in the order of the plan."""
        return [a["id"] for a in self.opened["actions"]] if self.opened else []

    @property
    def applied(self) -> set[str]:
        """Actions of which at least one edit is in place."""
        found = {a for item in self.objects.values() for a in item.applied}
        return found | ({action for step in steps(self.pending) for action in step["with"]} if self.pending else set())

    @property
    def unfinished(self) -> bool:
        """A kill or a surprise stopped this run in the middle."""
        return self.began and not self.finished

    @property
    def final(self) -> set[str]:
        """Applied actions whose target has ended and is never made again: undo takes back what else they did."""
        ended = [item.applied for ref, item in self.objects.items() if item.now is None and of(ref).fleeting]
        return {action for actions in ended for action in actions}

    def recover(self, host: RemovalHost) -> None:
        """Decide whether the transition that a kill interrupted was done. Complaint where an object is in neither state."""
        if self.pending is None:
            return
        line, ref = self.pending, Ref.from_json(self.pending)
        present = [(step, Ref.from_json(step), self._observe(host, Ref.from_json(step))) for step in steps(line)]
        if all(of(each).same(now, step["to"]) for step, each, now in present):
            of(ref).tidy(host, ref, line["mark"])
            self.add("done", of=line["n"])
        elif all(of(each).same(now, step["from"]) for step, each, now in present):
            of(ref).tidy(host, ref, line["mark"])
            self.add("void", of=line["n"])
        else:
            neither = [row for row in present if not any(of(row[1]).same(row[2], row[0][word]) for word in ("from", "to"))]
            step, ref, now = (neither or present)[0]
            was, left = of(ref).changes(step["from"], now), of(ref).changes(step["to"], now)
            reason = f"it is neither as it was before the step that was interrupted ({was}) nor as that step leaves it ({left})"
            do = "Look at it and put it into one of the two states; then run the same command again."
            raise Complaint(f"{surprise(ref, reason).what} {self.progress(back=self.undoing)}", do)

    def _observe(self, host: RemovalHost, ref: Ref) -> Described:
        try:
            return of(ref).observe(host, ref)
        except UnsafeError as e:
            raise surprise(ref, str(e)) from e

    def drifted(self, host: RemovalHost, refs: Iterable[Ref]) -> dict[Ref, str]:
        """Return the objects whose state differs from the journal, each with the difference."""
        found: dict[Ref, str] = {}
        for ref in refs:
            left, one = self.objects[ref].now, of(ref)
            try:
                now = one.observe(host, ref)
            except UnsafeError as e:
                found[ref] = str(e)
                continue
            if one.drifts and not one.same(now, left):
                found[ref] = one.changes(left, now)
        return found

    def check_undrifted(self, host: RemovalHost, refs: Iterable[Ref], *, back: bool, taken: Collection[str] = ()) -> dict[str, str]:
        """Compare objects with their state in the journal. Write nothing.

        Returns the actions to leave out and why: those whose object another user controls and changed. Complaint (code 3) for other ones.
        """
        found = self.drifted(host, refs)
        apart = {ref: found.pop(ref) for ref in list(found) if self.objects[ref].controlled}
        if found:
            each = [f"{escape(told(ref))} is not as the journal left it: {escape(what)}" for ref, what in list(found.items())[:5]]
            more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
            what = f"{'; '.join(each)}{more}. Stopped before writing there. {self.progress(back=back)}"
            raise Complaint(what, self.next_step(host, back=back, taken=taken))
        return {action: f"{told(ref)}: {why}" for ref, why in apart.items() for action in self.objects[ref].edits}

    def progress(self, *, back: bool) -> str:
        """Return one sentence that lists the actions by progress."""
        return progress(self.actions, self.objects.values(), back=back)

    def next_step(self, host: RemovalHost, *, back: bool, taken: Collection[str] = ()) -> str:
        """Return what to do after a surprise. `taken`: the actions that an undo was to take back."""
        if not back:
            return f"Look at it. When it is as expected again: {self.way_on(back=False)}"
        bad = {a for ref in self.drifted(host, self.objects) for a in self.objects[ref].applied}
        others = [word for a in self.actions if a in (self.applied & set(taken)) - bad for word in ("--action", a)]
        rest = f" Or take back only what is as HUNTER left it: {self.undo} {shlex.join(others)}" if others else ""
        return f"Look at it. When it is as HUNTER left it, the same command goes on.{rest}"

    def way_on(self, *, back: bool) -> str:
        """Return the command that goes on with this run, and the one that takes it back."""
        if back:
            return f"The same command goes on: {self.undo}"
        plan = str(self.journal.path).removesuffix(".journal.jsonl")
        command = shlex.join(["hunter", "apply", plan, *self._elsewhere, "--yes"])
        return f"{command} goes on. What was done is taken back with {self.undo}"

    def heed(self, *, back: bool) -> None:
        """Complaint, with the exit code of the signal, where Ctrl-C, SIGTERM or a hang-up asked this run to stop."""
        if not self.signals.number:
            return
        stopped, code = f"S{self.signals.reason[1:]}", 128 + self.signals.number
        if not self.began:
            raise Complaint(f"{stopped}. Nothing on the host was changed.", "The same command begins anew.", code)
        raise Complaint(f"{stopped} between two steps. {self.progress(back=back)}", self.way_on(back=back), code)

    def settle(
        self,
        host: RemovalHost,
        wanted: Collection[str],
        keys: Iterable[Any],
        *,
        back: bool,
        on_done: Callable[[str], None],
        frozen: Callable[[], None] = lambda: None,
        barrier: Callable[[], None] = lambda: None,
    ) -> None:
        """Bring every object to the state that it has with exactly the `wanted` actions applied. `on_done` gets the id of each.

        `frozen` is called when all that is to be frozen is, `barrier` before the first step that cannot be taken back. Complaint at the
        first surprise, unless another user controls the object: then its actions are left out.
        """
        assert self.opened is not None
        identities = list(keys)
        going = self.applied - set(wanted)
        order = self.opened["way_back"] if back else range(len(self.opened["edits"]))
        left = Counter(e["action"] for e in self.opened["edits"])
        before_barrier = freezing = not back
        for bundle in self._bundles(host, [self.opened["edits"][i] for i in order], wanted):
            due = [edit for edit in bundle if edit["action"] not in self.left_out]
            changes = self._due(due, wanted)
            if changes:
                self.heed(back=back)
            if freezing and any(edit["stage"] != STAGES[0] for edit in due):
                freezing = False
                frozen()
            if before_barrier and any(edit["stage"] == BARRIER for edit in due):
                before_barrier = False
                barrier()
            try:
                if changes:
                    self._change(host, changes, identities)
            except Complaint as e:
                item = self.objects[next(iter(changes))]
                if item.controlled and self.pending is None:
                    self.leave_out(dict.fromkeys(item.edits, e.what))
                    continue
                do = e.do or self.next_step(host, back=back, taken=going)
                raise Complaint(f"{e.what} {self.progress(back=back)}", do, e.code) from e
            for action in (edit["action"] for edit in due):
                left[action] -= 1
                if not left[action] and (action in wanted) != back:
                    on_done(action)
        if freezing:
            frozen()

    def _bundles(self, host: RemovalHost, edits: Iterable[dict[str, Any]], wanted: Collection[str]) -> Iterator[list[dict[str, Any]]]:
        """Yield the edits in their order: what follows each other and is written as one together, every other one alone."""
        found: list[dict[str, Any]] = []
        last = ""
        for edit in edits:
            ref = Ref.from_json(edit)
            alone = self.objects[ref].controlled or (edit["action"] in wanted) == (edit["action"] in self.objects[ref].applied)
            name = "" if alone else of(ref).bundle(host, ref)
            if found and (not name or name != last or edit["stage"] != found[0]["stage"]):
                yield found
                found = []
            found.append(edit)
            last = name
        if found:
            yield found

    def _due(self, edits: Iterable[dict[str, Any]], wanted: Collection[str]) -> dict[Ref, frozenset[str]]:
        """Return object → the actions that are to be applied to it, for the objects that change by these edits."""
        found: dict[Ref, frozenset[str]] = {}
        for edit in edits:
            action, ref = edit["action"], Ref.from_json(edit)
            before = found.get(ref, self.objects[ref].applied)
            if (action in wanted) != (action in self.objects[ref].applied):
                found[ref] = before | {action} if action in wanted else before - {action}
        return found

    def _change(self, host: RemovalHost, changes: Mapping[Ref, frozenset[str]], identities: list[Any]) -> None:
        """Change objects that are written as one; one by one where that finds one that is not as expected, to say which."""
        due: list[Change] = [(ref, self.objects[ref].now, *self.result(ref, actions, identities)) for ref, actions in changes.items()]
        first, kind = due[0][0], of(due[0][0])
        mark = f"{self.opened['id'] if self.opened else ''}-{len(self.journal.lines)}"
        told_of = [{**ref.to_json(), "from": now, "to": then, "with": sorted(changes[ref])} for ref, now, then, _ in due]
        self.add("begin", **told_of[0], mark=mark, **({"more": told_of[1:]} if told_of[1:] else {}))
        try:
            kind.put_all(host, due, mark)
        except (SurpriseError, UnsafeError) as e:
            self._give_up(host, str(e), untouched=kind.exact)
            if len(due) > 1 and self.pending is None:
                for ref, actions in changes.items():
                    self._change(host, {ref: actions}, identities)
                return
            raise surprise(first, str(e)) from e
        except OSError as e:
            self._give_up(host, str(e))
            full = "Make room. Then the same command goes on." + ("" if self.undoing else f" What was done is taken back with {self.undo}")
            do = full if e.errno in (errno.ENOSPC, errno.EDQUOT) else ""
            raise Complaint(f"{escape(told(first))}: {e.strerror or e}. Stopped there.", do) from e
        self.add("done", of=self.journal.lines[-1]["n"])

    def _give_up(self, host: RemovalHost, reason: str, *, untouched: bool = False) -> None:
        """Journal that the transition did not happen, and remove its temporary file.

        `untouched`: nothing was written, whatever is there now (a file is compared right before it is written).
        """
        if self.pending is None:
            return
        line, ref = self.pending, Ref.from_json(self.pending)
        kind = of(ref)
        try:
            kind.tidy(host, ref, line["mark"])
            unchanged = (of(at).same(of(at).observe(host, at), step["from"]) for step in steps(line) for at in [Ref.from_json(step)])
            if untouched or all(unchanged):
                self.add("void", of=line["n"], reason=reason)
        except (OSError, UnsafeError) as e:  # decided by `recover` when the object can be looked at again
            self.add("note", reason=f"{reason}; {e}")

    def result(self, ref: Ref, actions: frozenset[str], identities: list[Any]) -> tuple[Described, Content | None]:
        """Return (state, writer of its bytes) of an object with these actions applied."""
        item = self.objects[ref]
        edits = [item.edits[a] for a in sorted(actions)]
        kept = self.kept.get(ref)
        if not edits and of(ref).fleeting:  # it ended, or was never touched: nothing makes it again
            return item.now, None
        if not edits:
            return item.before, None if kept is None else lambda stream: self.vault.copy(kept, identities, stream)
        if (after := edits[-1]["after"]) is not None:  # of an object with content, that content stays
            return after, None if kept is None or not after.get("sha256") else lambda stream: self.vault.copy(kept, identities, stream)
        fixed = edits[-1].get("data")
        if (fixed is None and not all(e["cuts"] or e.get("puts") for e in edits)) or kept is None or item.before is None:
            return None, None
        data = self.vault.bytes(kept, identities)
        if fixed is not None:
            data = base64.b64decode(fixed, validate=True)
        else:
            puts = [(at, base64.b64decode(new, validate=True)) for e in edits for at, new in e.get("puts", ())]
            data = without(data, [(begin, end) for e in edits for begin, end in e["cuts"]], puts)
            default = edits[-1].get("default")
            if of(ref).blank(item.before, data) and (default is not None or any(e["drop_if_blank"] for e in edits)):
                if default is None:
                    return None, None
                data = base64.b64decode(default, validate=True)
        assert self.opened is not None
        return of(ref).edited(item.before, data, int(self.opened["stamp"])), _writer(data)


def _writer(data: bytes) -> Content:
    def write(stream: BinaryIO) -> None:
        stream.write(data)

    return write


def surprise(ref: Ref, reason: str) -> Complaint:
    """Return the complaint for a state that does not fit: nothing is written to this object."""
    return Complaint(f"{escape(told(ref))}: {escape(reason)}. Stopped before writing there.")
