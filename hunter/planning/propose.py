"""From findings to a plan: those that name something removable, merged by target, ordered, with what the case knows of its state."""

from __future__ import annotations

import base64
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hunter.case import Collection, plain
from hunter.catalogue import STAGES, catalogue
from hunter.guard import guard
from hunter.host.state import expectation_of
from hunter.host.tree import parts
from hunter.mechanisms.systemd_unit import belongings
from hunter.objects._text import ELEMENT
from hunter.objects.units import one_path
from hunter.plan.model import RemovalAction, RemovalPlan, RemovalTarget

_ELEMENT_KINDS = ("ld-so-preload",)
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\|HK(?:LM|U|CU|CR|EY_\w+)(?:\\|\Z)")
"""a native path of Windows: drive, share or registry key"""


@dataclass(slots=True)
class Proposal:
    """A plan, and the findings that no mechanism removes: (sentence, why not). `plan.stays` is what the plan leaves on the host."""

    plan: RemovalPlan
    left: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class _Wanted:
    kind: str
    mechanism: str
    target: RemovalTarget
    findings: list[dict[str, Any]]
    facts: dict[str, Mapping[str, Any]]


def propose(collection: Collection, recipients: Sequence[str]) -> Proposal:
    """The plan of one host."""
    wanted: dict[tuple[Any, ...], _Wanted] = {}
    left: list[tuple[str, str]] = []
    for finding in collection.findings:
        one = _wanted(finding, collection)
        if isinstance(one, str):
            left.append((_sentence(finding), one))
            continue
        for each in (one, *_payload(one, finding), *_starters(one, finding, collection)):
            key = (each.kind, each.target.path, each.target.line, each.target.number)
            if key in wanted:
                wanted[key].findings += [f for f in each.findings if f not in wanted[key].findings]
            else:
                wanted[key] = each
    chosen = _without_edits_of_removed(wanted.values())
    chosen.sort(key=lambda w: (STAGES.index(catalogue()[w.kind].stage), w.kind, w.target.path, w.target.number or 0, w.target.line or b""))
    actions = tuple(_action(n, w, collection) for n, w in enumerate(chosen, 1))
    sentences = {a.id: [_sentence(f) for f in w.findings] for a, w in zip(actions, chosen, strict=True)}
    return Proposal(RemovalPlan(_host(collection), tuple(recipients), actions, stays=_stays(chosen), findings=sentences), left)


def _host(collection: Collection) -> dict[str, str]:
    known = {
        "name": plain([collection.host])[0],
        "collection": collection.id,
        "machine_id_sha256": collection.machine_id_sha256,
        "root_ino": collection.root_ino,
    }
    return {k: v for k, v in known.items() if v} | ({"name_inferred": "yes"} if collection.inferred else {})


def _sentence(finding: Mapping[str, Any]) -> str:
    return plain([finding.get("message") or finding.get("rule.name") or "?"])[0]


def _wanted(finding: dict[str, Any], collection: Collection) -> _Wanted | str:
    """What a finding wants to be removed, or why that cannot be planned."""
    target = finding["target"]
    kind, path = str(target.get("kind")), str(target.get("path"))
    if _WINDOWS.match(path):
        return "HUNTER removes nothing on Windows yet"
    if kind not in catalogue():
        return f"no mechanism for {kind} yet: by hand"
    try:
        parts(path)
    except ValueError as e:
        return f"{path}: {e}"
    line, number = None, None
    if catalogue()[kind].target == "line":
        line = _raw_line(target, element=kind in _ELEMENT_KINDS)
        if line is None:
            return "the finding does not hold the raw line"
        number = target.get("line_number")
    facts: dict[str, Mapping[str, Any]] = {path: target.get("file") or collection.facts.get(path) or {}}
    if kind == "systemd-unit" and not path.endswith(".conf"):
        facts |= _belongings(path, collection)
    name = plain([posixpath.basename(path)])[0] if kind == "systemd-unit" else ""
    made = RemovalTarget(path, line, int(number) if isinstance(number, int) and number > 0 else None, name)
    return _Wanted(kind, str(target.get("mechanism") or finding.get("rule.id") or ""), made, [finding], facts)


def _raw_line(target: Mapping[str, Any], *, element: bool) -> bytes | None:
    line = target.get("line")
    raw = str(line).rstrip("\n").encode("utf-8", "surrogateescape") if line is not None else None
    if target.get("line_bytes"):
        try:
            raw = base64.b64decode(str(target["line_bytes"]), validate=True)
        except ValueError:
            return None
    if not element or not target.get("data"):
        return None if element else raw
    shown = str(target["data"])
    found = (e for e in ELEMENT.findall((raw or b"").partition(b"#")[0]) if e.decode(errors="backslashreplace") == shown)
    return next(found, shown.encode("utf-8", "surrogateescape"))


def _belongings(path: str, collection: Collection) -> dict[str, Mapping[str, Any]]:
    """Links to the unit and its drop-ins, as the mechanism will look for them on the host, with what the collection knows of them."""
    return {p: collection.facts[p] for p in belongings(collection.view, path)}


def _payload(one: _Wanted, finding: dict[str, Any]) -> Iterable[_Wanted]:
    """Files that the persistence starts and that were collected, but for the system's own folders."""
    target = finding["target"]
    files = target.get("payload_files")
    for path, facts in files.items() if isinstance(files, dict) else ():
        usable = isinstance(facts, dict) and facts.get("sha256") and facts.get("type", "file") == "file" and path != one.target.path
        if usable and path.startswith("/") and not path.startswith(guard().not_proposed):
            yield _Wanted("file", "file", RemovalTarget(path), [finding], {path: facts})


def _stays(chosen: Sequence[_Wanted]) -> tuple[tuple[str, str], ...]:
    """(path, why) of what the removed persistence starts and no action takes, because the case does not hold it.

    Tools of the system, which a command line misuses, are not meant; a library that is loaded into every program is, wherever it lies.
    """
    taken = {path for w in chosen for path in (w.target.path, *w.facts)}
    found: dict[str, str] = {}
    for w in chosen:
        for target in (f["target"] for f in w.findings if w.kind != "file"):
            files = target.get("payload_files")
            payload = target.get("payload")
            loaded = (w.target.line or b"").decode(errors="backslashreplace").strip() if w.kind in _ELEMENT_KINDS else ""
            for path in [*(payload if isinstance(payload, list) else ()), *([loaded] if loaded else ())]:
                of_system = isinstance(path, str) and path.startswith(guard().not_proposed)
                if not isinstance(path, str) or path in taken or (of_system and path != loaded):
                    continue
                facts = files.get(path) if isinstance(files, dict) else None
                found.setdefault(plain([path])[0], _why_it_stays(facts, of_system=of_system))
    return tuple(found.items())


def _why_it_stays(facts: object, *, of_system: bool) -> str:
    if not isinstance(facts, dict):
        return "was not collected"
    if facts.get("link"):
        return f"is a link to {plain([facts['link']])[0]}"
    if facts.get("sha256") and of_system:
        return "lies in a folder of the system"
    return "was not collected" if not facts.get("sha256") else "is no regular file"


def _starters(one: _Wanted, finding: dict[str, Any], collection: Collection) -> Iterable[_Wanted]:
    """Timer, socket and path units that lie beside a guilty service and have its name: they would go on starting it."""
    stem, _, suffix = one.target.path.rpartition(".")
    if one.kind != "systemd-unit" or suffix != "service" or _twin(one.target.path, collection):
        return
    for kind, row in (("timer", "L007"), ("socket", "L012"), ("path", "L012")):
        path = f"{stem}.{kind}"
        facts = collection.facts.get(path, {})
        if facts.get("sha256") and not _twin(path, collection):
            known = {path: facts, **_belongings(path, collection)}
            yield _Wanted(one.kind, row, RemovalTarget(path, name=plain([posixpath.basename(path)])[0]), [finding], known)


def _twin(path: str, collection: Collection) -> bool:
    """True where another unit file of this name was collected."""
    unit = posixpath.basename(path)
    return any(posixpath.basename(p) == unit and one_path(p) != one_path(path) and f.get("sha256") for p, f in collection.facts.items())


def _without_edits_of_removed(wanted: Iterable[_Wanted]) -> list[_Wanted]:
    """Where a whole file goes, lines of it need no action of their own, and a drop-in that goes with its unit none either."""
    every = list(wanted)
    whole = {p: w for w in every if w.target.line is None and w.kind != "file" for p in w.facts}
    whole |= {w.target.path: w for w in every if w.kind == "file" and w.target.path not in whole}
    kept = []
    for w in every:
        owner = whole.get(w.target.path)
        units = [u for u in every if u.kind == "systemd-unit" and u is not w and w.target.path in u.facts]
        taken = (units[0] if units else None) if w.target.line is None else owner
        if taken is not None:
            taken.findings += [f for f in w.findings if f not in taken.findings]
        else:
            kept.append(w)
    return kept


def _action(n: int, w: _Wanted, collection: Collection) -> RemovalAction:
    expect = {path: expectation_of(facts, collection.root_ino or None) for path, facts in w.facts.items()}
    expect = {path: facts for path, facts in expect.items() if facts}
    why = tuple(dict.fromkeys(str(f.get("escadre.id", "")) for f in w.findings))
    return RemovalAction(f"a{n:03d}", plain([w.mechanism])[0], w.kind, w.target, expect, why)
