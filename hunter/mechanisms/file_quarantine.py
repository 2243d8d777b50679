"""A whole file: its bytes are encrypted into the backup, then it is unlinked. Of a link, the journal holds the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._parts import Operation, file_at, obstacles
from hunter.plan.model import RemovalTarget


class _FileQuarantine(Operation):
    operation = "file-quarantine"
    starts = False

    def targets(self, fields: Mapping[str, Any]) -> list[RemovalTarget]:
        return [RemovalTarget(file_at(fields))]

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        state = view.files.state(target.ref.name)
        found = Inspection({target.ref: state.to_json() if state else None}, gone="" if state else "the file is not there")
        found.problems += obstacles(target.ref.name, state)
        return found

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:  # noqa: ARG002
        return [Edit("quarantine", target.ref)]


MECHANISM = _FileQuarantine()
