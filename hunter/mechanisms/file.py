"""File: quarantine. Encrypt its bytes into the backup, then unlink it. Of a link, the journal holds the text."""

from __future__ import annotations

from collections.abc import Sequence

from hunter.host.tree import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._parts import kept, obstacles
from hunter.plan.model import RemovalTarget


class _File:
    kind = "file"

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        state = view.state(target.path)
        return Inspection({target.path: state}, gone="" if state else "the file is not there", problems=obstacles(target.path, state))

    def backup(self, found: Inspection) -> Sequence[str]:
        return kept(found)

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:  # noqa: ARG002
        return [Edit("quarantine", "file", target.path)]

    def restore(self, edits: Sequence[Edit]) -> Sequence[Edit]:
        return list(reversed(edits))


MECHANISM = _File()
