"""A view of an archive that mechanisms read like a tree, for the paths of a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hunter.host.state import ObjectState
from hunter.unsafe import UnsafeError
from scout.archive.facts import nanoseconds

_DOUBTS = {
    "changed while read": "it changed while it was collected, and the part that was read does not hold it",
    "error": "it could not be read to its end, and the part that was read does not hold it",
    "vanished": "it was there and vanished while it was collected",
}


class NotCollectedError(UnsafeError):
    """The archive lists the file but does not hold its bytes."""


@dataclass(slots=True)
class ArchiveView:
    """Call `add` for each member and `note` for each custody line."""

    states: dict[str, ObjectState] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    listing: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    _sorted: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """folder → its entries, since they were asked for: a folder of many units is asked for with each of them"""
    doubts: dict[str, str] = field(default_factory=dict)
    """path → why its absence, or that of a line in it, proves nothing"""
    verdicts: dict[str, str] = field(default_factory=dict)
    """path → verdict and reason of files without content"""

    def state(self, path: str) -> ObjectState | None:
        return self.states.get(path)

    def read(self, path: str) -> bytes:
        if path not in self.contents:
            why = f" ({self.verdicts[path]})" if path in self.verdicts else ""
            raise NotCollectedError(f"the archive lists {path} without its content{why}: look at it on the host, hunter verify PLAN")
        return self.contents[path]

    def names(self, directory: str) -> list[tuple[str, str]]:
        if directory not in self._sorted:
            if directory not in self.listing:
                return []
            self._sorted[directory] = sorted(self.listing[directory])
        return self._sorted[directory]

    def note(self, line: Mapping[str, Any]) -> None:
        """Add one item line of custody."""
        source, verdict = str(line["source"]), str(line.get("verdict", ""))
        if verdict in _DOUBTS:
            self.doubts[source] = _DOUBTS[verdict]
        if verdict not in ("missing", "vanished") and source not in self.states:
            self.add(source, line, None)
            self.verdicts[source] = f"{verdict}: {line['error']}" if line.get("error") else verdict

    def add(self, source: str, facts: Mapping[str, Any], content: bytes | None) -> None:
        """Add one item of the archive, and its folders."""
        kind = str(facts.get("type") or ("link" if facts.get("link") else "file"))
        self.states[source] = ObjectState(
            kind,
            str(facts.get("mode", "0000")),
            int(facts.get("uid") or 0),
            int(facts.get("gid") or 0),
            1,
            nanoseconds(facts.get("mtime")) or 0,
            sha256=str(facts.get("sha256", "")),
            size=int(facts.get("size") or 0),
            link=str(facts.get("link", "")),
        )
        if content is not None:
            self.contents[source] = content
        folder, _, name = source.rpartition("/")
        while name:
            known = self.listing.setdefault(folder or "/", set())
            if (name, kind) in known:
                return
            known.add((name, kind))
            self._sorted.pop(folder or "/", None)
            kind = "directory"
            folder, _, name = folder.rpartition("/")
