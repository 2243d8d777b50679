"""Definitions of other collectors, read as they are: ForensicArtifacts (`artifacts:`), KAPE (`kape:`), UAC (`uac:`).

    library = ForeignLibrary([Path("KapeFiles/Targets")])
    chosen = library.choose(["kape:!SANS_Triage"])      # with all definitions that belong to it

They are not part of SCOUT: `--definitions DIR` names a folder with a copy of them.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from scout.console import WRONG_USE, Complaint
from scout.targets.foreign import artifacts, kape, uac
from scout.targets.foreign.definition import ForeignDefinition

__all__ = ["PREFIXES", "ForeignDefinition", "ForeignLibrary", "is_foreign"]

READERS = {kape.SUFFIX: (kape.read,), uac.SUFFIX: (uac.read, artifacts.read)}
PREFIXES = (artifacts.PREFIX, kape.PREFIX, uac.PREFIX)
MAX_FILES, MAX_FILE = 20_000, 4 << 20
"""files of definitions in one folder, and bytes of one"""


def is_foreign(name: str) -> bool:
    """Return whether a name of `--targets` is one of another collector."""
    return name.lower().startswith(PREFIXES)


class ForeignLibrary:
    """The definitions in some folders."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = folders

    @cached_property
    def all(self) -> dict[str, ForeignDefinition]:
        """All definitions by name. Complaint for a folder that cannot be read."""
        out: dict[str, ForeignDefinition] = {}
        for folder in self.folders:
            for path in self._files(folder):
                try:
                    content = path.read_bytes() if path.stat().st_size <= MAX_FILE else b""
                except OSError as e:
                    raise Complaint(f"{path}: {e.strerror or e}.", "Give a readable folder with --definitions.", WRONG_USE) from e
                for read in READERS[path.suffix.lower()]:
                    for found in read(path, content):
                        name = found.name if found.name not in out else f"{found.name}@{path.parent.name}"
                        out.setdefault(name, found)
        return out

    def _files(self, folder: Path) -> Iterator[Path]:
        if not folder.is_dir():
            raise Complaint(f"{folder} is not a folder.", "Give a folder with definitions: --definitions KapeFiles/Targets", WRONG_USE)
        number = 0
        for place, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                if Path(name).suffix.lower() in READERS:
                    number += 1
                    if number > MAX_FILES:
                        raise Complaint(f"{folder} has more than {MAX_FILES:,} files.", "Give the folder of the definitions.", WRONG_USE)
                    yield Path(place, name)

    def choose(self, names: Sequence[str]) -> list[ForeignDefinition]:
        """Return the definitions with these names (without case; `*` and `?` stand for any) and those that belong to them."""
        if names and not self.folders:
            what = f"{names[0]} is a definition of another collector, and no folder of them was given."
            raise Complaint(what, "Add --definitions DIR: a copy of its definitions.", WRONG_USE)
        known = {name.lower(): [one] for name, one in self.all.items()}
        for one in self.all.values():
            for alias in one.aliases:
                known.setdefault(alias.lower(), []).append(one)
        out: dict[str, ForeignDefinition] = {}
        todo = [(name, "") for name in reversed(names)]
        while todo:
            name, asked_by = todo.pop()
            keys = [name.lower()] if name.lower() in known else fnmatch.filter(known, name.lower())
            found = [one for key in keys for one in known[key]]
            if not found and not asked_by:
                what = f"There is no definition {name} in {', '.join(map(str, self.folders))}."
                raise Complaint(what, f"scout targets {name.partition(':')[0]}: --definitions DIR lists them.", WRONG_USE)
            for one in found:
                if one.name not in out:
                    out[one.name] = one
                    todo += [(other, one.name) for other in reversed(one.includes)]
        return list(out.values())

    def failures(self, one: ForeignDefinition) -> list[str]:
        """Return why a definition does not load, or not completely; [] where it does."""
        names = {name.lower() for name in self.all} | {alias.lower() for other in self.all.values() for alias in other.aliases}
        return [*one.failures, *(f"{name} does not exist" for name in one.includes if name.lower() not in names)]
