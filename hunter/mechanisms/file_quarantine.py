"""A whole file: its bytes are encrypted into the backup, then it is unlinked. Of a link, the journal holds the text.

A file of a running Windows that a program holds is deleted at its next start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hunter.host.host import RemovalHost
from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._parts import Operation, file_at, obstacles
from hunter.objects.delete_at_boot import LATER, busy
from hunter.objects.delete_at_boot import OBJECT as AT_BOOT
from hunter.plan.model import RemovalTarget
from hunter.ref import Ref


class _FileQuarantine(Operation):
    operation = "file-quarantine"
    starts = False

    def targets(self, fields: Mapping[str, Any]) -> list[RemovalTarget]:
        return [RemovalTarget(file_at(fields))]

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        state = view.files.state(target.ref.name)
        found = Inspection({target.ref: state.to_json() if state else None}, gone="" if state else "the file is not there")
        found.problems += obstacles(target.ref.name, state)
        if state is not None and busy(view, target.ref.name) and isinstance(view, RemovalHost):
            later = Ref(AT_BOOT.kind, target.ref.name)
            found.states[later] = AT_BOOT.observe(view, later)
            found.notes.append(LATER)
        return found

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:
        held = [ref for ref in found.states if ref.object == AT_BOOT.kind]
        return [Edit("quarantine", held[0], after={"pending": "yes"})] if held else [Edit("quarantine", target.ref)]


MECHANISM = _FileQuarantine()
