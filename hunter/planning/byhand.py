"""An action that a person adds to a plan: name its target, choose the kind of removal, take what is expected from host or case.

The guard is that of every other action. Where a kind that decides about logins, or whose file is checked afterwards, may act at a place, no
other kind does: a key is never removed as a mere line.
"""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hunter.case import Collection, collection_of
from hunter.catalogue import STAGES, RemovalKind, catalogue, system_of
from hunter.guard import forbidden
from hunter.host import processes
from hunter.host.host import RemovalHost
from hunter.host.identity import facts
from hunter.mechanisms import mechanism_of
from hunter.mechanisms._parts import file_at
from hunter.mechanisms._tasks import TASK_FOLDER
from hunter.mechanisms.registry_default import DefaultRestored
from hunter.objects import objects, of, told
from hunter.plan.model import RemovalAction, RemovalPlan, RemovalTarget
from hunter.plan.read import target_of
from hunter.ref import Ref
from hunter.run.check import BLOCKED, GONE, LATER, Checked, check, expected_now
from hunter.unsafe import UnsafeError
from scout.console import WRONG_USE, Complaint, escape
from scout.formats.linux_paths import SYSTEM_UNITS

QUARANTINE = "FQ"
"""the removal that a whole file gets where nobody chooses another one"""
BY_HAND = "by hand"
"""`mechanism` of an action that no row of the persistence table asked for"""
_SERVICES = r"HKLM\SYSTEM\ControlSet{:03d}\Services"
_USERS_OWN = re.compile(r"(?i)HK(?:CU|CR|EY_\w+)(?:\\|\Z)")
_PREFIX = re.compile(r"(unit|task|service|account|process):(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class WantedByHand:
    """What a person asks for.

    target   a path, a registry key, `unit:`, `task:`, `service:`, `account:` with a name, `process:` with a number; '' where `words` has it
    line, element, value   the part of the target that goes
    words    words of a target as a plan has them, for kinds of objects without a form of their own here
    """

    target: str
    line: str | None = None
    element: str | None = None
    value: str | None = None
    number: int | None = None
    kind: str = ""
    words: Mapping[str, str] | None = None
    why: str = ""


def new_plan(host: RemovalHost, recipients: Sequence[str]) -> RemovalPlan:
    """Return a plan without actions for this host. Complaint where nothing identifies it."""
    known = facts(host)
    named = {name: known[name] for name in ("name", "machine_id_sha256", "root_ino") if known.get(name)}
    if "name" not in named and "machine_id_sha256" not in named:
        raise Complaint("This root has neither a machine id nor a host name: a plan could not name its host.", "Give the root of a host.")
    return RemovalPlan(named, tuple(recipients), ())


def on_host(plan: RemovalPlan, path: Path, host: RemovalHost, wanted: WantedByHand, known: Sequence[str]) -> tuple[RemovalPlan, Checked]:
    """Return the plan with the action, and its check. Complaint (code 3) where the guard refuses it, or where it is not there."""
    action = _action(plan, wanted, _words(wanted, host))
    seen = _checked(with_action(plan, action), action.id, path, host, known)
    expect = expected_now(seen)
    checked = _checked(with_action(plan, replace(action, expect=expect)), action.id, path, host, known) if expect else seen
    if checked.status == BLOCKED or checked.found.problems:
        raise _refused(action, [*dict.fromkeys((*checked.reasons, *checked.found.problems))])
    if checked.status == GONE or checked.found.gone:
        do = "Give the target as it is on the host. A line or element must be complete, and is compared byte by byte."
        raise Complaint(f"{action.title}: {escape(checked.found.gone or '; '.join(checked.reasons))}. Nothing was added.", do)
    if expect is None or (checked.status != LATER and not checked.found.states):
        raise _refused(action, checked.reasons)
    _check_apart(plan, replace(action, expect=expect))
    return with_action(plan, replace(action, expect=expect)), checked


def _checked(plan: RemovalPlan, action: str, path: Path, host: RemovalHost, known: Sequence[str]) -> Checked:
    return next(c for c in check(plan, path, host, known, anew=True).actions if c.action.id == action)


def from_case(plan: RemovalPlan, case: Path, wanted: WantedByHand, known: Sequence[str]) -> tuple[RemovalPlan, RemovalAction]:
    """Return the plan with the action, as far as the case knows the target: what it does not know is sealed on the host.

    Complaint (code 2) where the case has no such collection or the target is no file in it, (code 3) where the guard refuses it.
    """
    words = _words(wanted, None)
    path = str(words.get("path", ""))
    if not path:
        raise Complaint("A case has facts of files only.", "For this target run hunter add on the host, or with --root DIR.", WRONG_USE)
    native = wanted.target if system_of(wanted.target) == "windows" else path
    collection = collection_of(case, plan.host, native)
    seen = collection.facts.get(native)
    if seen is None or seen.get("verdict") in ("missing", "vanished"):
        do = "Look at the path, or run hunter add on the host (or with --root DIR)."
        raise Complaint(f"The collection of {escape(collection.host)} does not have {escape(native)}.", do, WRONG_USE)
    action = _action(plan, wanted, words)
    if (why := forbidden(action.kind, action.target.ref)) and told(action.target.ref) not in known:
        raise _refused(action, [f"{why}. Only: --i-know {told(action.target.ref)}"])
    expect = {action.target.ref: of(action.target.ref).recorded(seen, collection.root_ino or None)} | _belongings(action, collection)
    action = replace(action, expect={ref: each for ref, each in expect.items() if each})
    _check_apart(plan, action)
    return with_action(plan, action), action


def _check_apart(plan: RemovalPlan, action: RemovalAction) -> None:
    """Complaint where the plan changes already what goes with the target: a unit and its drop-in, a key in a key."""
    for a in plan.actions:
        both = [ref for ref in action.expect if ref in a.expect and (a.target.line is None or action.target.line is None)]
        if both:
            do = f"Nothing was added. Delete {a.id} from the plan first, or leave it at that."
            raise Complaint(f"The plan changes {escape(told(both[0]))} already: {a.id} ({escape(a.title)}).", do, WRONG_USE)


def _belongings(action: RemovalAction, collection: Collection) -> dict[Ref, dict[str, Any]]:
    try:
        found = mechanism_of(action.kind).belongings(collection.view, action.target.ref)
    except UnsafeError:  # the case has no registry: `check --seal` finds it on the host
        return {}
    return {ref: of(ref).recorded(collection.facts[ref.name], collection.root_ino or None) for ref in found}


def _refused(action: RemovalAction, reasons: Sequence[str]) -> Complaint:
    return Complaint(
        f"{action.title}: refused: {escape('; '.join(reasons))}. Nothing was added.", "Give another target, or remove it by hand."
    )


def with_action(plan: RemovalPlan, action: RemovalAction) -> RemovalPlan:
    """Return the plan with the action behind the last one of its stage or of one before it."""
    stage = STAGES.index(catalogue()[action.kind].stage)
    at = sum(STAGES.index(catalogue()[a.kind].stage) <= stage for a in plan.actions)
    return replace(plan, actions=(*plan.actions[:at], action, *plan.actions[at:]))


def _action(plan: RemovalPlan, wanted: WantedByHand, words: Mapping[str, str]) -> RemovalAction:
    kind, target = _chosen(wanted, words)
    for a in plan.actions:
        if a.target.ref == target.ref and (a.target.line is None) != (target.line is None) and catalogue()[kind].removal == QUARANTINE:
            do = f"Delete {a.id} from the plan first, or leave it at that."
            raise Complaint(f"The plan changes a part of it already: {a.id} ({escape(a.title)}).", do, WRONG_USE)
        if (a.target.ref, a.target.line) == (target.ref, target.line) and target.number in (None, a.target.number):
            raise Complaint(f"The plan has this action already: {a.id} ({escape(a.title)}).", "Nothing was added.", WRONG_USE)
    numbers = [int(match[1]) for a in plan.actions if (match := re.fullmatch(r"a(\d+)", a.id))]
    return RemovalAction(f"a{max(numbers, default=0) + 1:03d}", BY_HAND, kind, target, {}, note=wanted.why)


def _chosen(wanted: WantedByHand, words: Mapping[str, str]) -> tuple[str, RemovalTarget]:
    """Return the kind of removal and the target. Complaint (code 2) where none or several fit, (code 3) where the guard refuses all."""
    part = "line" if wanted.line is not None else "element" if wanted.element is not None else "whole"
    system = "windows" if wanted.target.startswith(("task:", "service:")) else system_of(wanted.target) if wanted.target else ""
    system = "windows" if {"key", "wmi"} & words.keys() else system
    system = ("windows" if sys.platform == "win32" else "linux") if {"pid", "allow"} & words.keys() else system  # here or nowhere
    fitting = [e for e in catalogue().values() if e.target == part and _has_words(e, words) and system in ("", e.os)]
    if not fitting:
        kinds = ", ".join(sorted({e.object for e in catalogue().values() if e.target == part}))
        what = "a whole target" if part == "whole" else f"one {part}"
        raise Complaint(f"HUNTER has no removal of {what} of this form.", f"It removes {what} of: {kinds}.", WRONG_USE)
    targets, wrong = {}, []
    for entry in fitting:
        try:
            targets[entry.kind] = _target(entry, wanted, words)
        except Complaint as e:  # these words do not name an object of this kind
            wrong.append(e)
    fitting = [entry for entry in fitting if entry.kind in targets]
    if not fitting:
        raise wrong[0]
    may = [e for e in fitting if not forbidden(e.kind, targets[e.kind].ref) and _knows(e, targets[e.kind])]
    may = [entry for entry in may if entry.login or entry.check] or may or fitting
    if wanted.kind:
        if wanted.kind not in [entry.kind for entry in may]:
            raise Complaint(f"{escape(wanted.kind)} does not fit this target.", f"Fitting: {', '.join(e.kind for e in may)}.", WRONG_USE)
        return wanted.kind, targets[wanted.kind]
    owning = [entry for entry in may if mechanism_of(entry.kind).encloses or isinstance(mechanism_of(entry.kind), DefaultRestored)]
    whole = [e for e in may if e.removal == QUARANTINE] or [e for e in fitting if e.removal == QUARANTINE]
    best = owning or whole or sorted(may, key=lambda entry: entry.kind != entry.operation)  # a general kind says best what is refused
    if len({entry.operation for entry in best}) > 1 and not forbidden(best[0].kind, targets[best[0].kind].ref):
        listed = "; ".join(f"{e.kind} ({e.what.format(path='it', name='it', data='it', begin='it', end='it')})" for e in best)
        raise Complaint("Several removals fit this target.", f"Choose one with --kind: {listed}.", WRONG_USE)
    return best[0].kind, targets[best[0].kind]


def _knows(entry: RemovalKind, target: RemovalTarget) -> bool:
    """Return whether the operation can do it for this value: the default of Windows is put back only where one is known."""
    mechanism = mechanism_of(entry.kind)
    if not isinstance(mechanism, DefaultRestored):
        return True
    try:
        hive, key = "\\".join(target.ref.name.split("\\")[:2]), "\\".join(target.ref.name.split("\\")[2:])
        return mechanism.targets({"hive": hive, "key": key, "name": target.ref.part})[0].ref == target.ref
    except ValueError:
        return False


def _has_words(entry: RemovalKind, words: Mapping[str, str]) -> bool:
    address = objects()[entry.object].address
    return bool(words) and words.keys() <= address and ("value" in words) == ("value" in address)


def _target(entry: RemovalKind, wanted: WantedByHand, words: Mapping[str, str]) -> RemovalTarget:
    node: dict[str, Any] = dict(words)
    text = wanted.line if wanted.line is not None else wanted.element
    node |= {entry.target: text} if text is not None else {}
    node |= {"number": str(wanted.number)} if wanted.number is not None else {}

    def fail(what: str) -> Complaint:
        return Complaint(f"The target cannot be used: {what}.", "Nothing was added.", WRONG_USE)

    made = target_of(fail, node, entry.kind)
    unit = mechanism_of(entry.kind).unit(made.ref) or (entry.operation == "scheduled-task" and made.ref.object == "file")
    return replace(made, name=posixpath.basename(made.ref.name)) if unit else made


def _words(wanted: WantedByHand, host: RemovalHost | None) -> dict[str, str]:
    """Return the words of a plan that name the target."""
    if wanted.words:
        return dict(wanted.words)
    text = wanted.target
    if match := _PREFIX.fullmatch(text):
        return _FORMS[match[1]](match[2], host)
    if _USERS_OWN.match(text):
        do = r"Name it as a plan does: HKLM\SOFTWARE\…, or HKU\SID\… for the key of a user."
        raise Complaint(f"{escape(text)}: this name means another key for every user.", do, WRONG_USE)
    if text.upper().startswith(("HKLM\\", "HKU\\")):
        hive, _, rest = text.partition("\\")
        return {"key": f"{hive.upper()}\\{rest}"} | ({"value": wanted.value} if wanted.value is not None else {})
    if wanted.value is not None:
        raise Complaint(
            "--value names a value of a registry key.", r"Give the key: hunter add PLAN 'HKLM\SOFTWARE\…' --value NAME", WRONG_USE
        )
    try:
        ref = file_at({"path": text})
        return {"path": text} if _pattern(ref) else dict(of(ref).words(ref))
    except ValueError as e:
        do = "Give an absolute path, a registry key, unit:, task:, service: or account: NAME, or process: NUMBER."
        raise Complaint(f"{escape(e)}.", do, WRONG_USE) from e


def _pattern(ref: Ref) -> bool:
    """Return whether the path has a character of a pattern: it is refused when it is read. One that is no UTF-8 is no pattern."""
    return "path" not in of(ref).words(ref) and not any("\udc80" <= sign <= "\udcff" for sign in ref.name)


def _unit(name: str, host: RemovalHost | None) -> dict[str, str]:
    if "/" in name or "." not in name:
        raise Complaint(f"{escape(name)} is no name of a unit.", "Give it with its type: unit:evil.service", WRONG_USE)
    if host is None:
        raise Complaint("A case is asked by path.", f"Give the path of the unit file: /etc/systemd/system/{escape(name)}", WRONG_USE)
    for folder in SYSTEM_UNITS:
        try:
            state = host.files.state(f"{folder}/{name}")
        except UnsafeError:  # the folder is a link: the file has another path
            continue
        if state is not None:
            return {"path": f"{folder}/{name}"}
    raise Complaint(f"No unit folder of this host has {escape(name)}.", "Give the path of the unit file.", WRONG_USE)


def _task(name: str, _host: RemovalHost | None) -> dict[str, str]:
    return {"path": TASK_FOLDER + "/" + name.strip("\\").replace("\\", "/")}


def _service(name: str, host: RemovalHost | None) -> dict[str, str]:
    if not name or "\\" in name:
        raise Complaint(f"{escape(name)} is no name of a service.", "Give the name of its key below Services.", WRONG_USE)
    for number in (1, 2, 3):
        key = f"{_SERVICES.format(number)}\\{name}"
        try:
            if host is not None and host.registry.key(key) is not None:
                return {"key": key}
        except UnsafeError as e:
            raise Complaint(f"{escape(e)}.", "Give the root of a Windows disk, or run it on that host.") from e
    raise Complaint(f"No control set of this host has the service {escape(name)}.", "Give the key of the service.", WRONG_USE)


def _account(_name: str, _host: RemovalHost | None) -> dict[str, str]:
    return {"path": "/etc/passwd"}


def _process(number: str, host: RemovalHost | None) -> dict[str, str]:
    process = processes.running(int(number)) if host is not None and host.live and number.isascii() and number.isdigit() else None
    if process is None or not process.executable:
        do = "Give the number of a process with a program, on the host where it runs: process:4711"
        raise Complaint(f"No process {escape(number)} runs here.", do, WRONG_USE)
    return {"path": process.executable, "pid": str(process.pid), "start": process.start}


_FORMS: Mapping[str, Callable[[str, RemovalHost | None], dict[str, str]]] = {
    "unit": _unit,
    "task": _task,
    "service": _service,
    "account": _account,
    "process": _process,
}
