"""`process --redo`: choose datasets and hosts to make again, find their inputs, and retain the rest of the old partition.

A redone collection is made in `.work/redo/`, a partition like any other, in which the datasets that stay are links to the old files. When
its manifest is there, it takes the place of the old one. A kill at any moment leaves either the old partition, and the next redo
continues the staged one, or a staged one that is complete, and the next start puts it in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commodore import catalogue
from commodore.case.partition import Partition
from commodore.case.reader import CaseReader
from commodore.engine.journal import NOTHING_KEPT, kept
from commodore.engine.making import Making, with_derived
from scout.console import WRONG_USE, Complaint


@dataclass(frozen=True, slots=True)
class Redo:
    """The datasets to make again. Without `named`, the datasets whose parser has another version than the one that made them."""

    named: tuple[str, ...] = ()
    host: str | None = None

    @classmethod
    def of(cls, words: Iterable[Path], host: str | None = None) -> tuple[Redo, list[Path]]:
        """Return the redo that the words of a command line name, and its inputs. A dataset's name is a dataset (`./evtx` is a path)."""
        known = {*catalogue.artefacts(), *catalogue.derivations()}
        given = list(words)
        return cls(tuple(str(word) for word in given if str(word) in known), host), [word for word in given if str(word) not in known]

    def __post_init__(self) -> None:
        known = {*catalogue.artefacts(), *catalogue.derivations()}
        if missing := [name for name in self.named if name not in known]:
            raise Complaint(f"No such dataset: {', '.join(missing)}.", "`commodore artefacts` lists them.", WRONG_USE)

    def inputs(self, case: Path, given: list[Path]) -> list[Path]:
        """Return the inputs to read: those given, or where none is, those that the case was made from."""
        reader = CaseReader(case)
        made = [reader.collections()[partition.collection] for partition in reader.partitions(self.host)]
        origins = list(dict.fromkeys(Path(about["origin"]) for about in made))
        if given:
            return given
        if gone := [path for path in origins if not path.exists()]:
            raise Complaint(f"{gone[0]} is no longer there.", "Give the inputs by their present path before --redo.", WRONG_USE)
        return origins

    def datasets(self, about: Mapping[str, Any], making: Making) -> frozenset[str]:
        """Return the datasets of a collection that are made again. Under other rules all are: rules are matched while records are made."""
        if self.host is not None and str(about["host"]).lower() != self.host.lower():
            return frozenset()
        changed = making.changed(about["made"])
        if about["made"]["rules"]["digest"] != making.rules["digest"]:
            return changed
        chosen = with_derived(self.named) if self.named else changed
        if chosen and (making.rules["indicators"] or making.rules.get("yara")):
            return frozenset({*making.parsers, *about["made"]["parsers"]})  # the sweep cites and searches what every artefact makes
        return chosen


def stage(old: Partition, staged: Partition, only: frozenset[str], making: Making, about: Mapping[str, Any]) -> frozenset[str]:
    """Prepare the staged partition. Returns the datasets that are made again: all of them where the old journal does not account for what
    would be kept.
    """
    everything = frozenset({*making.parsers, *about["made"]["parsers"]})
    stay = everything - only
    held = kept(old, stay, only)
    if held.counts != {name: count for name, count in about["records"].items() if name in stay}:
        only, stay = everything, frozenset()
    if not stay:
        held = NOTHING_KEPT
    identity = making.identity(only)
    if not staged.begun(identity):
        staged.borrow(old, sorted(stay), held.text, identity)
    return only
