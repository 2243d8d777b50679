"""The files of a host as they would be when the actions of a plan are done. Nothing is written."""

from __future__ import annotations

from collections.abc import Sequence

from hunter.host.state import ObjectState
from hunter.host.view import FileView, HostView
from hunter.mechanisms import Edit, mechanism_of
from hunter.objects._text import without
from hunter.plan.model import RemovalAction
from hunter.unsafe import UnsafeError


class FilesAfterwards:
    """A `FileView` over another one. An action that cannot be looked at changes nothing here: `check` says why."""

    def __init__(self, view: HostView, actions: Sequence[RemovalAction]) -> None:
        self._files: FileView = view.files
        self._edits: dict[str, list[Edit]] = {}
        for action in actions:
            for edit in _edits(view, action):
                if edit.ref.object == "file":
                    self._edits.setdefault(edit.ref.name, []).append(edit)

    def changed(self) -> list[str]:
        """Return the paths of the files that change or go."""
        return sorted(self._edits)

    def _goes(self, path: str) -> bool:
        return any(not (edit.cuts or edit.puts or edit.data is not None) for edit in self._edits.get(path, ()))

    def state(self, path: str) -> ObjectState | None:
        return None if self._goes(path) else self._files.state(path)

    def read(self, path: str) -> bytes:
        if self._goes(path):
            raise FileNotFoundError(path)
        edits = self._edits.get(path, ())
        data = self._files.read(path)
        return without(data, [cut for edit in edits for cut in edit.cuts], [put for edit in edits for put in edit.puts])

    def names(self, directory: str) -> list[tuple[str, str]]:
        return [(name, kind) for name, kind in self._files.names(directory) if not self._goes(f"{directory.rstrip('/')}/{name}")]


def _edits(view: HostView, action: RemovalAction) -> Sequence[Edit]:
    mechanism = mechanism_of(action.kind)
    try:
        found = mechanism.inspect(view, action.target)
    except (UnsafeError, ValueError, OSError):
        return ()
    return () if found.gone or found.problems or found.later else mechanism.apply(found, action.target)
