"""Make a plan from findings: merge them by target, order the actions, and add what the case knows of the present state.

A finding decides what is looked at, never alone what is done. An action needs a finding that judges its target, or independent evidence
(`commodore.persistence.evidence`); what a command only names is listed in `not_in_plan`. Of a finding, only the fields that the catalogue
lists for its kind (`takes`) become a target, and only at the places where that kind may act.
"""

from __future__ import annotations

import base64
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hunter.case import Collection, plain
from hunter.catalogue import STAGES, catalogue
from hunter.guard import forbidden
from hunter.host.state import expectation_of
from hunter.host.tree import parts
from hunter.mechanisms.systemd_unit import belongings
from hunter.objects._text import ELEMENT
from hunter.plan.model import RemovalAction, RemovalPlan, RemovalTarget
from hunter.planning.evidence import independent
from scout.formats.linux_paths import one_path

_ELEMENT_KINDS = ("ld-so-preload",)
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\|HK(?:LM|U|CU|CR|EY_\w+)(?:\\|\Z)")
"""a native path of Windows: drive, share or registry key"""
_NAMED = "is only named by the command"


@dataclass(slots=True)
class Proposal:
    """A plan, and the findings that no mechanism removes: (sentence, reason). `plan.stays` lists the files that the plan leaves."""

    plan: RemovalPlan
    left: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class _Wanted:
    """One action in the making. `facts`: path → what the case knows of each file that the action changes."""

    kind: str
    mechanism: str
    target: RemovalTarget
    findings: list[dict[str, Any]]
    facts: dict[str, Mapping[str, Any]]


class _RefusedError(Exception):
    """The finding gives no action. `names_only`: a command names the file and nothing else is known of it."""

    def __init__(self, why: str, *, names_only: bool = False) -> None:
        super().__init__(why)
        self.names_only = names_only


def propose(collection: Collection, recipients: Sequence[str]) -> Proposal:
    """Return the plan of one host."""
    wanted: dict[tuple[Any, ...], _Wanted] = {}
    left: list[tuple[str, str]] = []
    named: dict[str, str] = {}
    for finding in collection.findings:
        try:
            judged = _judged(finding, collection)
        except _RefusedError as e:
            if e.names_only:
                named.setdefault(plain([finding["target"].get("path")])[0], str(e))
            else:
                left.append((_sentence(finding), str(e)))
            continue
        for each in (judged, *_payload(judged, finding), *_starters(judged, finding, collection)):
            key = (each.kind, each.target.path, each.target.line, each.target.number)
            if key in wanted:
                wanted[key].findings += [f for f in each.findings if f not in wanted[key].findings]
            else:
                wanted[key] = each
    chosen = _without_edits_of_removed(wanted.values())
    chosen.sort(key=lambda w: (STAGES.index(catalogue()[w.kind].stage), w.kind, w.target.path, w.target.number or 0, w.target.line or b""))
    actions = tuple(_action(n, w, collection) for n, w in enumerate(chosen, 1))
    sentences = {a.id: [_sentence(f) for f in w.findings] for a, w in zip(actions, chosen, strict=True)}
    return Proposal(RemovalPlan(_host(collection), tuple(recipients), actions, stays=_stays(chosen, named), findings=sentences), left)


def _host(collection: Collection) -> dict[str, str]:
    known = {
        "name": plain([collection.host])[0],
        "collection": collection.id,
        "machine_id_sha256": collection.machine_id_sha256,
        "root_ino": collection.root_ino,
        "receipt": collection.receipt,
    }
    return {k: v for k, v in known.items() if v} | ({"name_inferred": "yes"} if collection.inferred else {})


def _sentence(finding: Mapping[str, Any]) -> str:
    return plain([finding.get("message") or finding.get("rule.name") or "?"])[0]


def _judged(finding: dict[str, Any], collection: Collection) -> _Wanted:
    """Return the action that a finding asks for. _RefusedError where it cannot be planned."""
    target = finding["target"]
    kind, path = str(target.get("kind")), str(target.get("path"))
    if _WINDOWS.match(path):
        raise _RefusedError("HUNTER does not remove anything on Windows yet")
    if kind not in catalogue():
        raise _RefusedError(f"no mechanism for {kind} yet: by hand")
    try:
        parts(path)
    except ValueError as e:
        raise _RefusedError(f"{path}: {e}") from e
    file = target.get("file") or collection.facts.get(path) or {}
    only_named = bool(finding.get("escadre.cause"))  # another finding is the cause: it names this target, nothing judged the target
    if only_named and not independent(kind, path, file):
        raise _RefusedError(_NAMED, names_only=True)
    if why := forbidden(kind, path):
        raise _RefusedError(f"{_NAMED if only_named else path}: {why}", names_only=only_named)
    fields = {name: target[name] for name in catalogue()[kind].takes if name in target}
    line, number = None, None
    if catalogue()[kind].target == "line":
        line = _raw_line(fields, element=kind in _ELEMENT_KINDS)
        if line is None:
            raise _RefusedError("the finding does not hold the raw line")
        number = fields.get("line_number")
    facts: dict[str, Mapping[str, Any]] = {path: file}
    if kind == "systemd-unit" and not path.endswith(".conf"):
        facts |= _belongings(path, collection)
    name = plain([posixpath.basename(path)])[0] if kind == "systemd-unit" else ""
    made = RemovalTarget(path, line, int(number) if isinstance(number, int) and number > 0 else None, name)
    return _Wanted(kind, str(target.get("mechanism") or finding.get("rule.id") or ""), made, [finding], facts)


def _raw_line(fields: Mapping[str, Any], *, element: bool) -> bytes | None:
    """Return the raw bytes of the line, or of one element of it; None where the finding does not hold them."""
    line = fields.get("line")
    raw = str(line).rstrip("\n").encode("utf-8", "surrogateescape") if line is not None else None
    if fields.get("line_bytes"):
        try:
            raw = base64.b64decode(str(fields["line_bytes"]), validate=True)
        except ValueError:
            return None
    if not element or not fields.get("data"):
        return None if element else raw
    shown = str(fields["data"])
    found = (e for e in ELEMENT.findall((raw or b"").partition(b"#")[0]) if e.decode(errors="backslashreplace") == shown)
    return next(found, shown.encode("utf-8", "surrogateescape"))


def _belongings(path: str, collection: Collection) -> dict[str, Mapping[str, Any]]:
    """Return links to the unit and its drop-ins, as the mechanism will find them on the host, with their facts."""
    return {p: collection.facts[p] for p in belongings(collection.view, path)}


def _payload(one: _Wanted, finding: dict[str, Any]) -> Iterator[_Wanted]:
    """Yield an action for each collected file that the command names and that has independent evidence."""
    for path, facts in _named_files(finding["target"]):
        usable = isinstance(facts, dict) and facts.get("sha256") and facts.get("type", "file") == "file" and path != one.target.path
        if usable and path.startswith("/") and independent("file", path, facts) and not forbidden("file", path):
            yield _Wanted("file", "file", RemovalTarget(path), [finding], {path: facts})


def _named_files(target: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return (path, facts) of the files that a command names and the collection knows."""
    files = target.get("payload_files")
    return list(files.items()) if isinstance(files, dict) else []


def _stays(chosen: Sequence[_Wanted], named: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return (path, why) of every file that the removed persistence names and no action removes.

    `named`: findings that judge nothing, as (path, why). For a list of libraries, the element itself names a file.
    """
    taken = {path for w in chosen for path in (w.target.path, *w.facts)}
    found: dict[str, str] = {}
    for w in chosen:
        for target in (f["target"] for f in w.findings if w.kind != "file"):
            files, payload = dict(_named_files(target)), target.get("payload")
            loaded = (w.target.line or b"").decode(errors="backslashreplace").strip() if w.kind in _ELEMENT_KINDS else ""
            for path in [*(payload if isinstance(payload, list) else ()), *files, *([loaded] if loaded else ())]:
                if isinstance(path, str) and path not in taken:
                    found.setdefault(plain([path])[0], _why_it_stays(path, files.get(path)))
    readable = {plain([path])[0] for path in taken}
    return tuple(found.items()) + tuple((path, why) for path, why in named.items() if path not in found and path not in readable)


def _why_it_stays(path: str, facts: object) -> str:
    if not isinstance(facts, dict):
        return "was not collected"
    if facts.get("link"):
        return f"is a link to {plain([facts['link']])[0]}"
    if not facts.get("sha256"):
        return "is not a regular file" if facts.get("type") not in (None, "file") else "was not collected"
    why = forbidden("file", path)
    return f"{_NAMED}: {why}" if why else _NAMED


def _starters(one: _Wanted, finding: dict[str, Any], collection: Collection) -> Iterator[_Wanted]:
    """Yield the timer, socket and path units beside a guilty service that have its name: they would go on starting it."""
    stem, _, suffix = one.target.path.rpartition(".")
    if one.kind != "systemd-unit" or suffix != "service" or _twin(one.target.path, collection):
        return
    for kind, row in (("timer", "L007"), ("socket", "L012"), ("path", "L012")):
        path = f"{stem}.{kind}"
        facts = collection.facts.get(path, {})
        if facts.get("sha256") and not _twin(path, collection) and independent(one.kind, path, facts):
            known = {path: facts, **_belongings(path, collection)}
            yield _Wanted(one.kind, row, RemovalTarget(path, name=plain([posixpath.basename(path)])[0]), [finding], known)


def _twin(path: str, collection: Collection) -> bool:
    """Return True where another unit file of this name was collected."""
    unit = posixpath.basename(path)
    return any(posixpath.basename(p) == unit and one_path(p) != one_path(path) and f.get("sha256") for p, f in collection.facts.items())


def _without_edits_of_removed(wanted: Iterable[_Wanted]) -> list[_Wanted]:
    """Drop actions that another action includes: lines of a file that is removed whole, drop-ins that go with their unit."""
    every = list(wanted)
    whole = {p: w for w in every if w.target.line is None and w.kind != "file" for p in w.facts}
    whole |= {w.target.path: w for w in every if w.kind == "file" and w.target.path not in whole}
    remaining = []
    for w in every:
        owner = whole.get(w.target.path)
        units = [u for u in every if u.kind == "systemd-unit" and u is not w and w.target.path in u.facts]
        taken = (units[0] if units else None) if w.target.line is None else owner
        if taken is not None:
            taken.findings += [f for f in w.findings if f not in taken.findings]
        else:
            remaining.append(w)
    return remaining


def _action(n: int, w: _Wanted, collection: Collection) -> RemovalAction:
    expect = {path: expectation_of(facts, collection.root_ino or None) for path, facts in w.facts.items()}
    expect = {path: facts for path, facts in expect.items() if facts}
    why = tuple(dict.fromkeys(str(f.get("escadre.id", "")) for f in w.findings))
    return RemovalAction(f"a{n:03d}", plain([w.mechanism])[0], w.kind, w.target, expect, why)
