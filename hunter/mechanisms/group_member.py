"""One member of a group of Linux: `sudo:paul` is paul in the group sudo. He is taken out of group and of gshadow; both stay.

The group that an account has in passwd is not one that it is a member of here. Sources: group(5), gshadow(5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._parts import Operation, file_at, obstacles
from hunter.objects._text import Cut, lines
from hunter.plan.model import RemovalTarget
from hunter.ref import Ref

_SHADOW = Ref("file", "/etc/gshadow")
_MEMBERS = 3
"""the last field of a line of both files"""


class _GroupMember(Operation):
    operation = "group-member"
    stays = True
    starts = False

    def targets(self, fields: Mapping[str, Any]) -> list[RemovalTarget]:
        element = str(fields.get("data") or "").encode("utf-8", "surrogateescape")
        _names(element)
        return [RemovalTarget(file_at(fields), element)]

    def belongings(self, view: HostView, ref: Ref) -> list[Ref]:  # noqa: ARG002
        return [_SHADOW] if view.files.state(_SHADOW.name) else []

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        found = Inspection(stays=True)
        group, member = _names(target.line or b"")
        for ref in (target.ref, _SHADOW):
            state = view.files.state(ref.name)
            if state is None:
                continue
            found.problems += obstacles(ref.name, state)
            cuts = [] if found.problems else _members(view.files.read(ref.name), group, member)
            if cuts or ref == target.ref:
                found.states[ref] = state.to_json()
                found.edits = {**found.edits, ref: (cuts, [])}
        if target.ref not in found.states:
            found.states[target.ref], found.gone = None, "the file is not there"
        elif not found.problems and not any(cuts for cuts, _ in found.edits.values()):
            found.gone = "it is no member of the group"
        return found

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:  # noqa: ARG002
        return [Edit("cut", ref, cuts=cuts) for ref, (cuts, _) in found.edits.items() if cuts]


def _names(element: bytes) -> tuple[bytes, bytes]:
    """Return (group, member). ValueError where the element does not name both."""
    group, colon, member = element.partition(b":")
    if not (group and colon and member) or set(element[len(group) + 1 :]) & set(b":,\n") or b"\n" in group:
        raise ValueError("a member of a group is named by both: GROUP:ACCOUNT")
    return group, member


def _members(data: bytes, group: bytes, member: bytes) -> list[Cut]:
    """Return the cuts that take a member, with one comma, out of every line of a group."""
    found: list[Cut] = []
    for begin, end in lines(data):
        fields = data[begin:end].rstrip(b"\r\n").split(b":")
        if fields[0] != group or len(fields) != _MEMBERS + 1:
            continue
        at = begin + sum(len(field) + 1 for field in fields[:_MEMBERS])
        names = fields[_MEMBERS].split(b",")
        for n, name in enumerate(names):
            if name.strip() == member:
                first = all(other.strip() == member for other in names[:n])
                last = n + 1 == len(names)
                found.append((at - (not first), at + len(name)) if last or not first else (at, at + len(name) + 1))
            at += len(name) + 1
    return found


MECHANISM = _GroupMember()
