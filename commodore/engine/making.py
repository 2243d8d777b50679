"""The versions and options that decide the content of a partition: parsers, rules, libraries. The manifest of each collection has them."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import orjson

from commodore import catalogue
from commodore.hits import LoadedRules
from scout import __version__
from scout.console import WRONG_USE, Complaint

LIBRARIES = ("evtx", "python-registry", "libscca-python", "orjson")


@dataclass(frozen=True, slots=True)
class Making:
    """The versions and options with which a partition is made."""

    tool: str
    """version of Escadre"""
    libraries: Mapping[str, str]
    """versions of the libraries that decide what a record says"""
    parsers: Mapping[str, int]
    """versions of all artefacts and derived datasets that are made: one that was left out is not among them"""
    rules: Mapping[str, Any]
    """`digest` of rules, indicators and persistence table, with the counts `loaded`, `indicators` and `refused`"""
    options: Mapping[str, Any]
    """limits of the workers: `timeout` (seconds), `memory` (bytes)"""

    def as_dict(self) -> dict[str, Any]:
        """Return it as the manifest holds it."""
        return asdict(self)

    def identity(self, only: frozenset[str] | None = None) -> str:
        """Return a digest of all that decides the records; a run continues an interrupted one only where it is the same.

        `only`: the datasets that a redo makes.
        """
        decides = [self.tool, self.libraries, self.parsers, self.rules["digest"], None if only is None else sorted(only)]
        return hashlib.sha256(orjson.dumps(decides, option=orjson.OPT_SORT_KEYS)).hexdigest()

    def changed(self, made: Mapping[str, Any]) -> frozenset[str]:
        """Return the datasets that would come out differently from a partition made like `made` (from its manifest).

        Under other rules every dataset does: rules are matched while records are made.
        """
        if made["rules"]["digest"] != self.rules["digest"]:
            return frozenset({*self.parsers, *made["parsers"]})
        return with_derived(name for name in {*self.parsers, *made["parsers"]} if self.parsers.get(name) != made["parsers"].get(name))


def making(detection: LoadedRules, timeout: float, memory: int, without: frozenset[str] = frozenset()) -> Making:
    """Return how this installation makes partitions, with loaded rules (`Detection`). `without`: datasets that are left out."""
    rules = {
        "digest": detection.digest,
        "loaded": detection.loaded,
        "yara": detection.yara,
        "indicators": detection.indicators,
        "refused": len(detection.refused),
    }
    known = [k.artefact for k in catalogue.artefacts().values()] + [d.artefact for d in catalogue.derivations().values()]
    parsers = {a.name: a.version for a in sorted(known, key=lambda a: a.name) if a.name not in without}
    return Making(__version__, dict(libraries()), parsers, rules, {"timeout": timeout, "memory": memory})


@cache
def libraries() -> Mapping[str, str]:
    """Return the versions of the libraries that decide what a record says, '' where one is not installed."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = ""
    return found


def left_out(datasets: Iterable[str], skip: Iterable[str]) -> frozenset[str]:
    """Return the datasets that a run leaves out: those of `skip`, and where `datasets` names some, all others. Raises Complaint."""
    known = frozenset((*catalogue.artefacts(), *catalogue.derivations()))
    wanted, unwanted = frozenset(datasets), frozenset(skip)
    if missing := sorted((wanted | unwanted) - known):
        raise Complaint(f"No such dataset: {', '.join(missing)}.", "`commodore artefacts` lists them.", WRONG_USE)
    return unwanted | (known - wanted if wanted else frozenset())


def with_derived(datasets: Iterable[str]) -> frozenset[str]:
    """Return the datasets and every derived dataset that reads one of them, directly or through another."""
    chosen = set(datasets)
    derived = {name: frozenset(d.artefact.datasets) for name, d in catalogue.derivations().items()}
    while more := {name for name, reads in derived.items() if name not in chosen and not reads.isdisjoint(chosen)}:
        chosen |= more
    return frozenset(chosen)
