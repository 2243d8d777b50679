"""Read a plan strictly: form, words, paths, recipients, seal. Everything that does not fit is a Complaint with its place (code 2)."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hunter.catalogue import STAGES, catalogue
from hunter.host.state import readable
from hunter.objects import Object, objects, told
from hunter.plan.model import ASK, FILE, GONE, LATER, VERSION, RemovalAction, RemovalPlan, RemovalTarget
from hunter.plan.place import guarded
from hunter.plan.sealkey import SealKey
from hunter.plan.yaml_text import YamlError, read
from hunter.ref import Ref, from_words
from scout.console import WRONG_USE, Complaint, escape
from scout.keys import load_recipients

MAX_ACTIONS = 20_000
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TEXTS = ("mechanism", "note", "name", "attack_version", "seal")
"""fields that are text wherever they occur in a plan"""
_FIELDS = {"id", "mechanism", "kind", "target", "expect", "why", "do", "backup", "reboot", "class", "note"}
_TARGET = {"line", "line_base64", "element", "element_base64", "number", "name"}
"""words of a target beside those that name its object"""

Fail = Callable[[str], Complaint]
"""makes the complaint for what is wrong, with the place in the plan"""


def wrong(path: Path, what: str, do: str = "Write it with `hunter plan`, or correct it and run `hunter check --seal`.") -> Complaint:
    """Return the complaint for a plan that is wrong in itself."""
    return Complaint(f"{path}: {what}.", do, WRONG_USE)


def load(path: Path, *, sealed: bool = True, key: SealKey | None = None, acts: bool = True) -> RemovalPlan:
    """Read a plan. Complaint (code 2) for a place that others may write, bad YAML or form, a broken seal, or paths that are not plain.

    With a `key`, the seal must carry its MAC. `acts`: it may be applied, so nobody else may be able to write it.
    """
    if acts:
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
        if plan.sealed.partition(" ")[0] != plan.seal():
            do = "Read what changed, then renew the seal: hunter check --seal."
            raise wrong(path, "the seal does not fit its content: it was edited after it was sealed", do)
        if key is not None and not hmac.compare_digest(plan.sealed.encode("utf-8", "replace"), plan.sealed_with(key).encode()):
            do = f"Read every action, then seal it: hunter check {path} --seal. Or give the key of who sealed it with --seal-key FILE."
            raise wrong(path, f"it was not sealed with the key {key.path}, so somebody else can have written it", do)
        check_complete(path, plan)
    return plan


def _plan(path: Path, node: object) -> RemovalPlan:
    if not isinstance(node, dict) or node.get("escadre_plan") != VERSION:
        raise wrong(path, f"it is not a plan of this version (escadre_plan: {VERSION})")
    host, actions, recipients = node.get("host"), node.get("actions"), node.get("recipients")
    if not isinstance(host, dict) or not isinstance(actions, list) or not isinstance(recipients, list):
        raise wrong(path, "host, recipients and actions are required")
    if not all(isinstance(v, str) for v in (*host.values(), *recipients)):
        raise wrong(path, "host and recipients must be text")
    _recipients(path, recipients)
    if extra := set(node) - {"escadre_plan", "host", "attack_version", "recipients", "not_in_plan", "actions", "seal"}:
        raise wrong(path, f"unknown words: {', '.join(sorted(extra))}")
    _texts(lambda what: wrong(path, what), node)
    if len(actions) > MAX_ACTIONS:
        raise wrong(path, f"{len(actions):,} actions; the limit is {MAX_ACTIONS:,}", "Split it into several plans.")
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


def _texts(fail: Fail, node: dict[str, Any]) -> None:
    for name in _TEXTS:
        if not isinstance(node.get(name, ""), str):
            raise fail(f"{name} must be text")


def _stays(path: Path, node: object) -> tuple[tuple[str, str], ...]:
    found = []
    for e in node if isinstance(node, list) else [None]:
        if not isinstance(e, dict) or set(e) != {"path", "why"} or not all(isinstance(v, str) for v in e.values()):
            raise wrong(path, "not_in_plan must be a list of path and why")
        found.append((e["path"], e["why"]))
    return tuple(found)


def _action(path: Path, n: int, node: object) -> RemovalAction:
    def fail(what: str) -> Complaint:
        return wrong(path, f"action {n}: {what}")

    if not isinstance(node, dict) or set(node) - _FIELDS or not isinstance(node.get("target"), dict):
        raise fail("not of the form that `hunter plan` writes")
    kind, target = str(node.get("kind")), node["target"]
    if kind not in catalogue():
        raise fail(f"unknown kind {kind!r}")
    entry = catalogue()[kind]
    asked = entry.asks and node.get("do") == ASK
    words = {"do": ASK if asked else entry.verb, "backup": "encrypted", "reboot": entry.reboot, "class": entry.cls}
    for name, value in words.items():
        if node.get(name) != value:
            raise fail(f"{name} must be {value} for {kind}")
    if not _ID.fullmatch(str(node.get("id"))) or set(target) - _TARGET - objects()[entry.object].address:
        raise fail("the id or the target is not of the form that `hunter plan` writes")
    why, expect = node.get("why", []), node.get("expect")
    if not isinstance(why, list) or not all(isinstance(w, str) for w in why):
        raise fail("why must be a list of finding ids")
    _texts(fail, node)
    made, expected = target_of(fail, target, kind), _expect(fail, expect)
    return RemovalAction(str(node["id"]), node.get("mechanism", ""), kind, made, expected, tuple(why), node.get("note", ""), asked)


def target_of(fail: Fail, node: dict[str, Any], kind: str) -> RemovalTarget:
    """Return the target that the words of a plan name. Raises what `fail` makes where they name none, or more than the kind removes."""
    _texts(fail, node)
    number, entry = node.get("number"), catalogue()[kind]
    if number is not None and not (isinstance(number, str) and number.isascii() and number.isdigit() and len(number) < 10 and int(number)):
        raise fail("number must be a number from 1")
    ref = _ref(fail, objects()[entry.object], node)
    parts = {word: _raw(fail, node, word) for word in ("line", "element")}
    part = parts.pop(entry.target, None)
    if entry.target != "whole" and (part is None or not part.strip()):
        raise fail(f"{kind} removes one {entry.target}, and the target does not name it")
    if any(other is not None for other in parts.values()) or (entry.target == "whole" and number is not None):
        what = "the complete object, not a part of it" if entry.target == "whole" else f"one {entry.target} and nothing else"
        raise fail(f"{kind} removes {what}")
    if part is not None and b"\n" in part:
        raise fail(f"the {entry.target} has more than one line")
    name = node.get("name", "")
    if name and name != readable(told(ref).rpartition("/")[2]):
        raise fail(f"the name {escape(name)} is not that of its path")
    return RemovalTarget(ref, part, int(number) if number is not None else None, name)


def _raw(fail: Fail, node: dict[str, Any], name: str) -> bytes | None:
    try:
        return from_words(node, name)
    except ValueError as e:
        raise fail(str(e)) from e


def _ref(fail: Fail, kind: Object, node: dict[str, Any]) -> Ref:
    if not all(isinstance(node[name], str) for name in kind.address & node.keys()):
        raise fail(f"{', '.join(sorted(kind.address))} must be text")
    try:
        return kind.ref(node)
    except ValueError as e:
        raise fail(str(e)) from e


def _expect(fail: Fail, node: object) -> dict[Ref, dict[str, Any]]:
    if node is None or node == "" or node == {}:
        return {}
    if not isinstance(node, list):
        raise fail("expect must be a list of states")
    found: dict[Ref, dict[str, Any]] = {}
    for facts in node:
        kind = objects().get(str(facts.get("object", FILE))) if isinstance(facts, dict) else None
        if kind is None or set(facts) - {"object", "absent", "later"} - kind.address - kind.facts.keys():
            raise fail("expect has an unknown word")
        for name in kind.facts.keys() & facts.keys():
            if not _shaped(kind.facts[name], facts[name]):
                raise fail(f"expect: {name} is not of the form that `hunter plan` writes")
        if any(facts.get(word, "yes") != "yes" for word in ("absent", "later")):
            raise fail("expect: absent and later must be yes, or not be there")
        ref = _ref(fail, kind, facts)
        if ref in found:
            raise fail(f"expect names {escape(told(ref))} twice")
        found[ref] = GONE if "absent" in facts else LATER if "later" in facts else {k: v for k, v in facts.items() if k in kind.facts}
    return found


def _shaped(shape: str, value: object) -> bool:
    if shape == "map":
        return isinstance(value, dict) and all(isinstance(v, str) for v in value.values())
    if shape == "list":
        return isinstance(value, list) and all(isinstance(v, str) for v in value)
    return isinstance(value, str)


def _consistent(path: Path, actions: tuple[RemovalAction, ...]) -> None:
    """Complaint for a duplicate id or target, an object both removed and edited, two expectations of one, or a wrong order of stages."""
    ids: set[str] = set()
    targets: set[tuple[str, Ref, bytes | None, int | None]] = set()
    whole: dict[Ref, str] = {}
    edited: dict[Ref, str] = {}
    expected: dict[Ref, dict[str, Any]] = {}
    order = -1
    for a in actions:
        key = (a.kind, a.target.ref, a.target.line, a.target.number)
        if a.id in ids or key in targets:
            raise wrong(path, f"action {a.id}: its id or its target occurs twice")
        ids.add(a.id)
        targets.add(key)
        stage = STAGES.index(catalogue()[a.kind].stage)
        if stage < order:
            raise wrong(path, f"action {a.id} comes too late: {STAGES[stage]} is done before {STAGES[order]}")
        order = stage
        for place, facts in a.expect.items():
            if facts in (GONE, LATER):
                continue
            if expected.setdefault(place, facts) != facts:
                raise wrong(path, f"action {a.id} expects another state of {escape(told(place))} than an action before it")
            mine, other = (edited, whole) if a.target.line is not None else (whole, edited)
            if place in other or (mine is whole and place in whole):
                raise wrong(path, f"actions {a.id} and {other.get(place) or whole.get(place)} both change {escape(told(place))}")
            mine[place] = a.id


def check_complete(path: Path, plan: RemovalPlan) -> None:
    """Complaint where an action has no `expect`, or one with too few facts."""
    for a in plan.actions:
        if a.missing and not a.asked:
            do = f"Look at the host and seal what is there: hunter check {path} --seal (with --root DIR for a mounted root)."
            raise wrong(path, f"action {a.id} does not say what to expect ({', '.join(a.missing)})", do)
