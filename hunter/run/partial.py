"""A part of a run taken back: every file that logins depend on must be right with the actions that stay, as it had to be before the run."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from typing import Any

from hunter.catalogue import catalogue
from hunter.checks import checks
from hunter.host.host import RemovalHost
from hunter.host.state import ObjectState
from hunter.host.view import FileView
from hunter.ref import Ref
from hunter.run.settle import RemovalRun
from hunter.unsafe import UnsafeError
from scout.console import Complaint, escape


class _FilesOfRun:
    """A `FileView`: the files of the host as they are with exactly these actions of a run applied."""

    def __init__(self, run: RemovalRun, host: RemovalHost, actions: Collection[str], identities: Sequence[Any]) -> None:
        self._run, self._files, self._actions, self._identities = run, host.files, frozenset(actions), list(identities)

    def _settled(self, path: str) -> tuple[bool, dict[str, Any] | None, bytes]:
        """Return (whether the run changes the file, its state, its bytes)."""
        item = self._run.objects.get(ref := Ref("file", path))
        if item is None:
            return False, None, b""
        state, content = self._run.result(ref, self._actions & item.edits.keys(), self._identities)
        sink = io.BytesIO()
        if content is not None:
            content(sink)
        return True, state, sink.getvalue()

    def state(self, path: str) -> ObjectState | None:
        ours, state, _ = self._settled(path)
        if not ours:
            return self._files.state(path)
        return ObjectState.from_json(state) if state is not None else None

    def read(self, path: str) -> bytes:
        ours, state, data = self._settled(path)
        if not ours:
            return self._files.read(path)
        if state is None:
            raise FileNotFoundError(path)
        return data

    def names(self, directory: str) -> list[tuple[str, str]]:
        folder = directory.rstrip("/")
        mine = {ref.name for ref in self._run.objects if ref.object == "file" and ref.name.rpartition("/")[0] == folder}
        found = [(name, kind) for name, kind in self._files.names(directory) if f"{folder}/{name}" not in mine]
        there = [(path, self._settled(path)[1]) for path in mine]
        return sorted(found + [(path.rpartition("/")[2], str(state["type"])) for path, state in there if state is not None])


def refuse_wrong(run: RemovalRun, host: RemovalHost, back: Collection[str], identities: Sequence[Any]) -> None:
    """Complaint, before anything is written, where a file would be wrong with these actions taken back and the others not."""
    stays = run.applied - set(back)
    if not stays or run.opened is None:
        return
    before: FileView = _FilesOfRun(run, host, (), identities)
    after: FileView = _FilesOfRun(run, host, stays, identities)
    kinds = {a["id"]: str(a["kind"]) for a in run.opened["actions"]}
    for ref, item in run.objects.items():
        if ref.object != "file" or not item.edits.keys() & set(back):
            continue
        for name in sorted({catalogue()[kinds[a]].check for a in item.edits if kinds[a] in catalogue()} - {""}):
            try:
                why = checks()[name](before, after, ref.name)
            except (UnsafeError, OSError) as e:
                why = f"what it would be cannot be looked at ({e})"
            if why:
                raise Complaint(
                    f"{escape(ref.name)} would be wrong with only a part taken back: {escape(why)}. Nothing was written.",
                    f"Take back all of it: {run.undo}",
                )
