"""The plan: what a person reads, edits and seals, and what `apply` does exactly.

`seal` is the sha256 of the canonical JSON (sorted keys, no white space) of host, recipients and actions. It does not say who wrote the
plan; it makes every edit visible, and `hunter check --seal` is the one way to renew it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import posixpath
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hunter.catalogue import STAGES, catalogue
from hunter.host.state import NEEDED, lacking, readable
from hunter.host.tree import parts
from hunter.plan.place import guarded
from hunter.plan.yaml_text import YamlError, read, scalar, write
from scout.console import WRONG_USE, Complaint, escape, plural
from scout.keys import load_recipients

VERSION = "1"
ATTACK_VERSION = "2026-08"
MAX_ACTIONS = 20_000
STAYS = "look at it on the host, or collect it"
"""what to do about a file that the persistence names and the plan does not remove"""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_GLOB = re.compile(r"[*?\[\]{}]")
_TEXTS = ("mechanism", "note", "name", "attack_version", "seal")
"""what is text wherever it stands in a plan"""
_FIELDS = {"id", "mechanism", "kind", "target", "expect", "why", "do", "backup", "reboot", "class", "note"}
_TARGET = {"path", "path_base64", "line", "line_base64", "number", "name"}


@dataclass(frozen=True, slots=True)
class RemovalTarget:
    """What is to be removed: a path, and within it a line or an element (raw bytes)."""

    path: str
    line: bytes | None = None
    number: int | None = None
    """the line of the file that it stands in, from 1: tells which of several equal ones is meant"""
    name: str = ""

    def to_plan(self) -> dict[str, Any]:
        text: dict[str, Any] = _path(self.path)
        text |= {"name": self.name} if self.name else {}
        text |= _text("line", self.line) if self.line is not None else {}
        return text | ({"number": str(self.number)} if self.number is not None else {})


def _path(path: str) -> dict[str, Any]:
    """A path with characters of a pattern in it stands as base64: what a person types as `path` is never one by accident."""
    raw = os.fsencode(path)
    return {"path_base64": base64.b64encode(raw).decode()} if _GLOB.search(path) else _text("path", raw)


def _text(name: str, raw: bytes) -> dict[str, Any]:
    try:
        return {name: raw.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(raw).decode()}


@dataclass(frozen=True, slots=True)
class RemovalAction:
    """One removal. `expect` maps each path that changes to its exact present state, as text."""

    id: str
    mechanism: str
    kind: str
    target: RemovalTarget
    expect: dict[str, dict[str, Any]]
    why: tuple[str, ...] = ()
    note: str = ""

    def to_plan(self) -> dict[str, Any]:
        entry = catalogue()[self.kind]
        expect = [{**_path(path), **facts} for path, facts in self.expect.items()]
        data = {
            "id": self.id,
            "mechanism": self.mechanism,
            "kind": self.kind,
            "do": entry.verb,
            "target": self.target.to_plan(),
            "expect": expect,
            "why": list(self.why),
            "backup": "encrypted",
            "reboot": entry.reboot,
            "class": entry.cls,
        }
        return data | ({"note": self.note} if self.note else {})

    @property
    def missing(self) -> list[str]:
        """What `expect` would have to say so that it can be compared, and does not."""
        if self.target.path not in self.expect:
            return ["everything"]
        return sorted({name for facts in self.expect.values() for name in lacking(facts)})

    @property
    def title(self) -> str:
        """`quarantine /tmp/x`: one line for a person, not escaped."""
        return ": ".join(self.told)

    @property
    def told(self) -> list[str]:
        """The title in one or two parts: what is done, and to which data or file."""
        data = (self.target.line or b"").decode(errors="backslashreplace").strip()
        begin, end = (data[:47] + "…", "…" + data[-27:]) if len(data) > 48 else (data, data)
        name = self.target.name or posixpath.basename(self.target.path)
        entry = catalogue()[self.kind]
        every = (text.format(path=self.target.path, name=name, data=data, begin=begin, end=end) for text in (entry.what, entry.detail))
        return [text for text in every if text]


@dataclass(frozen=True, slots=True)
class RemovalPlan:
    """A plan as it was read. `sealed` is the seal that stands in it, '' for none."""

    host: dict[str, str]
    recipients: tuple[str, ...]
    actions: tuple[RemovalAction, ...]
    attack_version: str = ATTACK_VERSION
    sealed: str = ""
    stays: tuple[tuple[str, str], ...] = ()
    """(path, why) of what the removed persistence starts and this plan leaves on the host"""
    findings: dict[str, list[str]] = field(default_factory=dict, compare=False)
    """action id → sentences of its findings, for the comments; not part of the seal"""

    def body(self) -> dict[str, Any]:
        stays = [{"path": path, "why": why} for path, why in self.stays]
        return {
            "escadre_plan": VERSION,
            "host": self.host,
            "attack_version": self.attack_version,
            "recipients": list(self.recipients),
            **({"not_in_plan": stays} if stays else {}),
            "actions": [a.to_plan() for a in self.actions],
        }

    def seal(self) -> str:
        return hashlib.sha256(json.dumps(self.body(), sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()).hexdigest()

    def text(self) -> str:
        """The plan as YAML with comments, sealed."""
        head = [
            f"# Removal plan for {_comment(self.host.get('name', '?'))}: {plural(len(self.actions), 'action')}. Nothing was changed yet.",
            "# Read it, take out what must stay:  hunter check PLAN   hunter apply PLAN --yes   (after an edit: hunter check PLAN --seal)",
            "# Order: stop what runs, cut persistence, quarantine files; what cannot be taken back comes last, behind a barrier.",
        ]
        body = self.body()
        top = write({k: v for k, v in body.items() if k not in ("actions", "not_in_plan")})
        if self.stays:
            told = [f"not in the plan: {path} {why}: {STAYS}" for path, why in self.stays]
            top += "\n" + "".join(f"# {_comment(line)}\n" for line in told) + write({"not_in_plan": body["not_in_plan"]}) + "\n"
        blocks, stage = [], ""
        for n, action in enumerate(self.actions, 1):
            if (now := catalogue()[action.kind].stage) != stage:
                stage = now
                blocks.append(f"\n  # ── {stage} " + "─" * 40)
            blocks.append(_comments(n, action, self.findings.get(action.id, [])) + write([action.to_plan()], 1).rstrip("\n"))
        listed = "actions:\n" + "\n".join(blocks) if blocks else "actions: []"
        return "\n".join(head) + f"\n{top}{listed}\n\nseal: {scalar(self.seal())}\n"


def _comment(text: str) -> str:
    return escape(text.replace("\n", " "))


def _comments(n: int, action: RemovalAction, sentences: list[str]) -> str:
    entry = catalogue()[action.kind]
    shown = [f"{n}. {action.title}  [{action.mechanism}, {entry.cls}]", *(f"why: {s}" for s in sentences[:3])]
    shown += [f"risk: {entry.risk}", f"way back: {entry.back}", f"reboot: {entry.reboot}"]
    if action.missing:
        shown.append(f"not recorded in the case: {', '.join(action.missing)}. Look at it on the host with `hunter check --seal`")
    return "\n" + "".join(f"  # {_comment(line)}\n" for line in shown)


def wrong(path: Path, what: str, do: str = "Write it with `hunter plan`, or correct it and run `hunter check --seal`.") -> Complaint:
    """A plan that is wrong in itself."""
    return Complaint(f"{path}: {what}.", do, WRONG_USE)


def load(path: Path, *, sealed: bool = True) -> RemovalPlan:
    """Read and judge a plan. Complaint (code 2) for a folder that others may write, bad YAML or schema, a broken seal, no plain paths."""
    guarded(path)
    try:
        with path.open("rb") as stream:
            node = read(stream.read((64 << 20) + 1))
    except YamlError as e:
        raise wrong(path, f"no plan: {' '.join(str(e).split())}") from e
    except OSError as e:
        raise Complaint(f"{path} cannot be read: {e.strerror}.", "Give the path of a plan.", WRONG_USE) from e
    plan = _plan(path, node)
    if sealed:
        if plan.sealed != plan.seal():
            do = "Read what changed, then renew the seal: hunter check --seal."
            raise wrong(path, "the seal does not fit its content: it was edited after it was sealed", do)
        complete(path, plan)
    return plan


def _plan(path: Path, node: object) -> RemovalPlan:
    if not isinstance(node, dict) or node.get("escadre_plan") != VERSION:
        raise wrong(path, "no plan of this version (escadre_plan: 1)")
    host, actions, recipients = node.get("host"), node.get("actions"), node.get("recipients")
    if not isinstance(host, dict) or not isinstance(actions, list) or not isinstance(recipients, list):
        raise wrong(path, "host, recipients and actions must be there")
    if not all(isinstance(v, str) for v in (*host.values(), *recipients)):
        raise wrong(path, "host and recipients must be text")
    _recipients(path, recipients)
    if extra := set(node) - {"escadre_plan", "host", "attack_version", "recipients", "not_in_plan", "actions", "seal"}:
        raise wrong(path, f"unknown words: {', '.join(sorted(extra))}")
    _texts(lambda what: wrong(path, what), node)
    if len(actions) > MAX_ACTIONS:
        raise wrong(path, f"{len(actions):,} actions; more than {MAX_ACTIONS:,} nobody can have read", "Cut it into several plans.")
    made = tuple(_action(path, n, a) for n, a in enumerate(actions, 1))
    _consistent(path, made)
    stays = _stays(path, node.get("not_in_plan", []))
    return RemovalPlan(dict(host), tuple(recipients), made, node.get("attack_version", ""), node.get("seal", ""), stays)


def _recipients(path: Path, recipients: list[str]) -> None:
    if not recipients:
        raise wrong(path, "it has no recipients, so no backup could be encrypted for you")
    for text in recipients:
        if not text.startswith(("age1", "ssh-")):
            raise wrong(path, f"{escape(text)} is no recipient")
    try:
        load_recipients(recipients)
    except Complaint as e:
        raise wrong(path, e.what.rstrip(".")) from e


def _texts(no: Any, node: dict[str, Any]) -> None:
    for name in _TEXTS:
        if not isinstance(node.get(name, ""), str):
            raise no(f"{name} must be text")


def _stays(path: Path, node: object) -> tuple[tuple[str, str], ...]:
    found = []
    for e in node if isinstance(node, list) else [None]:
        if not isinstance(e, dict) or set(e) != {"path", "why"} or not all(isinstance(v, str) for v in e.values()):
            raise wrong(path, "not_in_plan must be a list of path and why")
        found.append((e["path"], e["why"]))
    return tuple(found)


def _action(path: Path, n: int, node: object) -> RemovalAction:
    def no(what: str) -> Complaint:
        return wrong(path, f"action {n}: {what}")

    if not isinstance(node, dict) or set(node) - _FIELDS or not isinstance(node.get("target"), dict):
        raise no("not of the form that `hunter plan` writes")
    kind, target = str(node.get("kind")), node["target"]
    if kind not in catalogue():
        raise no(f"unknown kind {kind!r}")
    entry = catalogue()[kind]
    words = {"do": entry.verb, "backup": "encrypted", "reboot": entry.reboot, "class": entry.cls}
    for name, value in words.items():
        if node.get(name) != value:
            raise no(f"{name} must be {value} for {kind}")
    if not _ID.fullmatch(str(node.get("id"))) or set(target) - _TARGET:
        raise no("the id or the target is not of the form that `hunter plan` writes")
    why, expect = node.get("why", []), node.get("expect")
    if not isinstance(why, list) or not all(isinstance(w, str) for w in why):
        raise no("why must be a list of finding ids")
    _texts(no, node)
    made, expected = _target(no, target, kind), _expect(no, expect)
    return RemovalAction(str(node["id"]), node.get("mechanism", ""), kind, made, expected, tuple(why), node.get("note", ""))


def _target(no: Any, node: dict[str, Any], kind: str) -> RemovalTarget:
    _texts(no, node)
    number = node.get("number")
    if number is not None and not (isinstance(number, str) and number.isascii() and number.isdigit() and 0 < int(number) < 10**9):
        raise no("number must be a number from 1")
    path, line = _raw(no, node, "path"), _raw(no, node, "line")
    if path is None:
        raise no("the target has no path")
    if catalogue()[kind].target == "line":
        if line is None or not line.strip():
            raise no(f"{kind} takes one line out of a file, and the target does not say which")
        if b"\n" in line:
            raise no("the line has more than one line")
    elif line is not None or number is not None:
        raise no(f"{kind} takes the whole, not a line of it")
    _plain_path(no, os.fsdecode(path), literal="path_base64" in node)
    name = node.get("name", "")
    if name not in ("", readable(posixpath.basename(os.fsdecode(path)))):
        raise no(f"the name {escape(name)} is not that of its path")
    return RemovalTarget(os.fsdecode(path), line, int(number) if number else None, name)


def _raw(no: Any, node: dict[str, Any], name: str) -> bytes | None:
    text, coded = node.get(name), node.get(f"{name}_base64")
    if text is not None and coded is not None:
        raise no(f"{name} and {name}_base64 exclude each other")
    try:
        return str(text).encode() if text is not None else base64.b64decode(str(coded), validate=True) if coded is not None else None
    except (ValueError, UnicodeEncodeError) as e:
        raise no(f"{name} is no text") from e


def _plain_path(no: Any, path: str, *, literal: bool = False) -> None:
    try:
        parts(path)
    except ValueError as e:
        raise no(f"{escape(path)}: {e}") from e
    if _GLOB.search(path) and not literal:
        raise no(f"{escape(path)}: a pattern is no target; a name that really has such a character is given as path_base64")


def _expect(no: Any, node: object) -> dict[str, dict[str, Any]]:
    if node is None or node == "" or node == {}:
        return {}
    if not isinstance(node, list):
        raise no("expect must be a list of states")
    found: dict[str, dict[str, Any]] = {}
    allowed = {name for needed in NEEDED.values() for name in needed} | {"path", "path_base64", "dev", "mounts"}
    for facts in node:
        if not isinstance(facts, dict) or set(facts) - allowed:
            raise no("expect has an unknown word")
        for name, value in facts.items():
            if not _shaped(name, value):
                raise no(f"expect: {name} is not of the form that `hunter plan` writes")
        raw = _raw(no, facts, "path")
        path = os.fsdecode(raw or b"")
        _plain_path(no, path, literal="path_base64" in facts)
        if path in found:
            raise no(f"expect names {escape(path)} twice")
        found[path] = {k: v for k, v in facts.items() if k not in ("path", "path_base64")}
    return found


def _shaped(name: str, value: object) -> bool:
    if name == "xattrs":
        return isinstance(value, dict) and all(isinstance(v, str) for v in value.values())
    if name == "mounts":
        return isinstance(value, list) and all(isinstance(v, str) for v in value)
    return isinstance(value, str)


def _consistent(path: Path, actions: tuple[RemovalAction, ...]) -> None:
    """No id and no target twice, no file both removed and edited, one expectation per file, in the order of the stages."""
    ids: set[str] = set()
    targets: set[tuple[str, str, bytes | None, int | None]] = set()
    whole: dict[str, str] = {}
    edited: dict[str, str] = {}
    expected: dict[str, dict[str, Any]] = {}
    order = -1
    for a in actions:
        key = (a.kind, a.target.path, a.target.line, a.target.number)
        if a.id in ids or key in targets:
            raise wrong(path, f"action {a.id}: its id or its target stands twice")
        ids.add(a.id)
        targets.add(key)
        stage = STAGES.index(catalogue()[a.kind].stage)
        if stage < order:
            raise wrong(path, f"action {a.id} comes too late: {STAGES[stage]} is done before {STAGES[order]}")
        order = stage
        for place, facts in a.expect.items():
            if expected.setdefault(place, facts) != facts:
                raise wrong(path, f"action {a.id} expects another state of {escape(place)} than an action before it")
            mine, other = (edited, whole) if a.target.line is not None else (whole, edited)
            if place in other or (mine is whole and place in whole):
                raise wrong(path, f"actions {a.id} and {other.get(place) or whole.get(place)} both change {escape(place)}")
            mine[place] = a.id


def complete(path: Path, plan: RemovalPlan) -> None:
    """Complaint where an action's `expect` is missing or says too little to be compared."""
    for a in plan.actions:
        if a.missing:
            do = f"Look at the host and seal what is there: hunter check {path} --seal (with --root DIR for a mounted root)."
            raise wrong(path, f"action {a.id} does not say what to expect ({', '.join(a.missing)})", do)


def sealed_copy(plan: RemovalPlan, expects: dict[str, dict[str, dict[str, Any]]], root_ino: int) -> RemovalPlan:
    """The plan with new expectations by action id; the tree that was looked at is the host's own where the case knew no root inode."""
    host = {**plan.host, "root_ino": plan.host.get("root_ino") or str(root_ino)}
    return replace(plan, host=host, actions=tuple(replace(a, expect=expects.get(a.id, a.expect)) for a in plan.actions))
