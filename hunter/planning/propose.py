"""Make a plan from findings: merge them by target, order the actions, and add what the case knows of the present state.

A finding decides what is looked at, never alone what is done. An action needs a finding that judges its target, or independent evidence
(`commodore.persistence.evidence`); what a command only names is listed in `not_in_plan`. Of a finding, only the fields that the catalogue
lists for its kind (`takes`) become a target, and only at the places where that kind may act.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hunter.case import Collection, plain
from hunter.catalogue import STAGES, catalogue, kinds_of, system_of
from hunter.guard import forbidden
from hunter.mechanisms import mechanism_of
from hunter.objects import of
from hunter.plan.model import NOT_COLLECTED, RemovalAction, RemovalPlan, RemovalTarget
from hunter.planning.evidence import independent
from hunter.planning.known import KnownThings
from hunter.ref import Ref
from hunter.unsafe import UnsafeError

_NAMED = "is only named by the command"


@dataclass(slots=True)
class Proposal:
    """A plan, and the findings that no mechanism removes: (sentence, reason). `plan.stays` lists the files that the plan leaves."""

    plan: RemovalPlan
    left: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Wanted:
    """One action in the making. `facts`: what the case knows of each object that the action changes."""

    kind: str
    mechanism: str
    target: RemovalTarget
    findings: list[dict[str, Any]]
    facts: dict[Ref, Mapping[str, Any]]


class _RefusedError(Exception):
    """The finding gives no action. `names_only`: a command names the file and nothing else is known of it."""

    def __init__(self, why: str, *, names_only: bool = False) -> None:
        super().__init__(why)
        self.names_only = names_only


def propose(collection: Collection, recipients: Sequence[str], known: KnownThings | None = None) -> Proposal:
    """Return the plan of one host. `known`: what the site knows as its own; without it, what could be the site's own is a question."""
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
        more = [w for one in judged for w in (*_payload(one, finding), *_starters(one, finding, collection))]
        for each in (*judged, *more):
            key = (each.kind, each.target.ref, each.target.line, each.target.number)
            if key in wanted:
                wanted[key].findings += each.findings
            else:
                wanted[key] = each
    chosen = _without_edits_of_removed(wanted.values())
    if known is not None:
        left += [(_sentence(f), "known: it is the site's own") for w in chosen if _is_known(w, known) for f in w.findings]
        chosen = [w for w in chosen if not _is_known(w, known)]
    chosen.sort(key=lambda w: (STAGES.index(catalogue()[w.kind].stage), w.kind, w.target.ref, w.target.number or 0, w.target.line or b""))
    actions = tuple(_action(n, w, collection, settled=known is not None) for n, w in enumerate(chosen, 1))
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


def _judged(finding: dict[str, Any], collection: Collection) -> list[_Wanted]:
    """Return the actions that a finding asks for, by the first kind of removal that can do it. _RefusedError where it cannot be planned."""
    target = finding["target"]
    kinds = kinds_of(target, system_of(str(target.get("path"))))
    if not kinds:
        raise _RefusedError(f"no mechanism for {target.get('kind')} yet: by hand")
    refused: list[_RefusedError] = []
    for kind in kinds:
        try:
            return _judged_as(kind, finding, collection)
        except _RefusedError as e:
            refused.append(e)
    raise refused[0]


def _judged_as(kind: str, finding: dict[str, Any], collection: Collection) -> list[_Wanted]:
    """Return the actions of this kind that a finding asks for. _RefusedError where it cannot be planned so."""
    target = finding["target"]
    path, mechanism = str(target.get("path")), mechanism_of(kind)
    fields = {name: target[name] for name in catalogue()[kind].takes if name in target}
    try:
        targets = mechanism.targets(fields)
    except ValueError as e:
        raise _RefusedError(str(e)) from e
    known = mechanism.recorded({"file": collection.facts.get(path), **target})
    only_named = bool(finding.get("escadre.cause"))  # another finding is the cause: it names this target, nothing judged the target
    if only_named and not independent(kind, path, known):
        raise _RefusedError(_NAMED, names_only=True)
    row, made = str(target.get("mechanism") or finding.get("rule.id") or ""), []
    for each in targets:
        if why := forbidden(kind, each.ref):
            raise _RefusedError(f"{_NAMED if only_named else path}: {why}", names_only=only_named)
        with_it: dict[Ref, Mapping[str, Any]] = {ref: {} for ref in mechanism.companions(fields)}
        facts = with_it | {each.ref: known} | _belongings(kind, each.ref, collection)
        made.append(_Wanted(kind, row, _readable(each), [finding], facts))
    return made


def _readable(target: RemovalTarget) -> RemovalTarget:
    return replace(target, name=plain([target.name])[0]) if target.name else target


def _belongings(kind: str, ref: Ref, collection: Collection) -> dict[Ref, Mapping[str, Any]]:
    """Return what goes with a target, as the mechanism will find it on the host, with its facts.

    {} where the case cannot tell (it has no registry): `check` finds what belongs to the target, and the plan is sealed on the host.
    """
    try:
        found = mechanism_of(kind).belongings(collection.view, ref)
    except UnsafeError:
        return {}
    return {each: collection.facts[each.name] for each in found}


def _payload(one: _Wanted, finding: dict[str, Any]) -> Iterator[_Wanted]:
    """Yield an action for each collected file that the command names and that has independent evidence."""
    for path, facts in _named_files(finding["target"]):
        usable = isinstance(facts, dict) and facts.get("sha256") and facts.get("type", "file") == "file"
        kind, ref = _file(path)
        if usable and ref is not None and ref != one.target.ref and independent(kind, path, facts) and not forbidden(kind, ref):
            yield _Wanted(kind, "file", RemovalTarget(ref), [finding], {ref: facts})


def _file(path: str) -> tuple[str, Ref | None]:
    """Return (kind of removal, the file) for a native path; the kind is '' for a path that cannot be removed."""
    kind = next(iter(kinds_of({"kind": "file"}, system_of(path))), "")
    try:
        return kind, mechanism_of(kind).targets({"path": path})[0].ref if kind else None
    except ValueError:
        return "", None


def _named_files(target: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return (path, facts) of the files that a command names and the collection knows."""
    files = target.get("payload_files")
    return list(files.items()) if isinstance(files, dict) else []


def _stays(chosen: Sequence[_Wanted], named: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return (path, why) of every file that the removed persistence names and no action removes.

    `named`: findings that judge nothing, as (path, why). For a list of libraries, the element itself names a file.
    """
    taken = {ref.name for w in chosen for ref in (w.target.ref, *w.facts)}
    found: dict[str, str] = {}
    for w in chosen:
        element = mechanism_of(w.kind).loads
        for target in (f["target"] for f in w.findings if mechanism_of(w.kind).starts):
            files, payload = dict(_named_files(target)), target.get("payload")
            loaded = (w.target.line or b"").decode(errors="backslashreplace").strip() if element else ""
            for path in [*(payload if isinstance(payload, list) else ()), *files, *([loaded] if loaded else ())]:
                if isinstance(path, str) and path not in taken:
                    found.setdefault(plain([path])[0], _why_it_stays(path, files.get(path)))
    readable = {plain([path])[0] for path in taken}
    return tuple(found.items()) + tuple((path, why) for path, why in named.items() if path not in found and path not in readable)


def _why_it_stays(path: str, facts: object) -> str:
    if not isinstance(facts, dict):
        return NOT_COLLECTED
    if facts.get("link"):
        return f"is a link to {plain([facts['link']])[0]}"
    if not facts.get("sha256"):
        return "is not a regular file" if facts.get("type") not in (None, "file") else NOT_COLLECTED
    kind, ref = _file(path)
    why = forbidden(kind, ref) if ref is not None else ""
    return f"{_NAMED}: {why}" if why else _NAMED


def _starters(one: _Wanted, finding: dict[str, Any], collection: Collection) -> Iterator[_Wanted]:
    """Yield what starts a guilty target and has its name: it would go on starting it."""
    mechanism = mechanism_of(one.kind)
    for ref, row in mechanism.starters(collection.view, one.target.ref):
        facts = collection.facts.get(ref.name, {})
        if facts.get("sha256") and independent(one.kind, ref.name, facts):
            (made,) = mechanism.targets({"path": ref.name})
            yield _Wanted(one.kind, row, _readable(made), [finding], {ref: facts} | _belongings(one.kind, ref, collection))


def _without_edits_of_removed(wanted: Iterable[_Wanted]) -> list[_Wanted]:
    """Drop actions that another action includes: lines of a file that is removed whole, what goes with an enclosing target."""
    every = list(wanted)
    enclosing = [w for w in every if w.target.line is None and mechanism_of(w.kind).encloses]
    whole = {ref: w for w in every if w.target.line is None and not mechanism_of(w.kind).encloses for ref in w.facts}
    whole |= {ref: w for w in enclosing for ref in w.facts}
    remaining, enclosures = [], _Enclosures(enclosing)
    for w in every:
        around = enclosures.outermost(w)
        taken = around if w.target.line is None else whole.get(w.target.ref)
        if taken is not None:
            taken.findings += w.findings
        else:
            remaining.append(w)
    for w in remaining:
        w.findings = list({id(f): f for f in w.findings}.values())
    return remaining


class _Enclosures:
    """Actions that include others: by what the case says that goes with them, or by a name."""

    def __init__(self, enclosing: Sequence[_Wanted]) -> None:
        self._holding: dict[Ref, list[_Wanted]] = {}
        for w in enclosing:
            for ref in w.facts:
                self._holding.setdefault(ref, []).append(w)
        self._naming = [w for w in enclosing if mechanism_of(w.kind).names_others]

    def outermost(self, w: _Wanted) -> _Wanted | None:
        """Return the action that includes this one and is in no other one, None where none includes it."""
        found = [w]
        while around := next((u for u in self._around(found[-1].target.ref) if not any(u is one for one in found)), None):
            found.append(around)
        return found[-1] if len(found) > 1 else None

    def _around(self, ref: Ref) -> Iterator[_Wanted]:
        yield from self._holding.get(ref, ())
        yield from (u for u in self._naming if mechanism_of(u.kind).names(u.target.ref, ref))


def _is_known(w: _Wanted, known: KnownThings) -> bool:
    names = [str(finding["target"].get("name") or "") for finding in w.findings if catalogue()[w.kind].removal == "AC"]
    return catalogue()[w.kind].asks and (known.has(w.target) or any(name and known.names(name) for name in names))


def _action(n: int, w: _Wanted, collection: Collection, *, settled: bool) -> RemovalAction:
    expect = {ref: of(ref).recorded(facts, collection.root_ino or None) for ref, facts in w.facts.items()}
    expect = {ref: facts for ref, facts in expect.items() if facts}
    why = tuple(dict.fromkeys(str(f.get("escadre.id", "")) for f in w.findings))
    return RemovalAction(
        f"a{n:03d}", plain([w.mechanism])[0], w.kind, w.target, expect, why, asked=catalogue()[w.kind].asks and not settled
    )
