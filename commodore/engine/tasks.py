"""The tasks that the engine cuts a collection into, each of which one worker does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from commodore.engine.scratch import Sealed
from commodore.host import Host
from commodore.sweep.found import WHOLE, Border


@dataclass(slots=True)
class Job:
    """One unit of one member, and the artefacts that read it. `content`: bytes, a sealed file, or the path of a plain file."""

    member: int
    source: str
    content: bytes | Sealed | Path
    artefacts: tuple[str, ...]
    size: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)
    offset: int = 0
    index: int = 0
    companions: dict[str, Job] = field(default_factory=dict)
    border: Border = WHOLE
    """for the raw sweep: what surrounds a unit"""

    @property
    def weight(self) -> int:
        """Return the bytes of the job and its companions."""
        own = len(self.content) if isinstance(self.content, bytes) else 0
        return own + sum(c.weight for c in self.companions.values())


@dataclass(slots=True)
class Task:
    """Jobs that a worker does together. `number` is their place in the collection; results are written in this order."""

    number: int
    host: Host
    jobs: list[Job]
    derive: str = ""
    """name of the derived dataset to make, in place of jobs"""
    case: str = ""
    whole: bool = True
    """whether the collection is complete, for derived datasets"""
    sorted: tuple[str, ...] = ()
    """datasets whose records that the derived dataset chose are in files of their own"""
    salvage: bool = False
    """whether records are passed on one by one, because the worker stopped before (`salvage.py`)"""
    given_up: str = ""
    """reason why its one job was given up: only the count that the format promises is read"""
