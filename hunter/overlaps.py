"""Find actions on the registry that change what another action of the plan changes: a key or value in a key that is removed, or the same
one by letters of another case. `hunter.plan.read` refuses two actions whose objects are equal; the registry knows an object by more names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hunter.mechanisms import mechanism_of
from hunter.objects import told
from hunter.plan.model import RemovalAction
from hunter.ref import Ref

_KEY, _VALUE = "registry-key", "registry-value"


def overlaps(actions: Sequence[RemovalAction]) -> dict[str, str]:
    """Return action id → why it cannot be done beside the others: the enclosed one of two, or the later one of two that are the same."""
    removed: dict[str, RemovalAction] = {}
    for a in actions:
        if a.target.line is None and a.target.ref.object == _KEY and mechanism_of(a.kind).encloses:
            removed.setdefault(a.target.ref.name.casefold(), a)
    found: dict[str, str] = {}
    changed: dict[tuple[str, str, str], str] = {}
    for a in actions:
        for ref in (a.target.ref, *a.expect):
            if ref.object not in (_KEY, _VALUE) or a.id in found:
                continue
            around = next((other for key in _keys(ref) if (other := removed.get(key)) is not None and other.id != a.id), None)
            if around is not None and (around.target.ref.name.casefold() != ref.name.casefold() or ref.object == _VALUE):
                found[a.id] = f"{told(ref)} goes with {told(around.target.ref)}, which {around.id} removes: delete {a.id} from the plan"
            elif a.target.line is None:
                first = changed.setdefault((ref.object, ref.name.casefold(), ref.part.casefold()), a.id)
                if first != a.id:
                    found[a.id] = f"{told(ref)} is what {first} changes: delete {a.id} from the plan"
    return found


def _keys(ref: Ref) -> Iterator[str]:
    """Yield the key of an object and every key above it, as the registry compares them."""
    name = ref.name.casefold()
    while name:
        yield name
        name = name.rpartition("\\")[0]
