"""Shared containers: files in which many artefacts read, such as registry hives, databases and JSON lines.

The engine opens a container once per member and offers it to each artefact that declares `holds`. An artefact for which the container
holds nothing is not called and has no ledger line. Trouble with the file itself is one ledger line, in the name of the container.

A container is one file in `commodore/containers/`: a subclass of `Holds`, which artefacts put into their declaration, and a subclass of
`Opened`. There is no list to extend.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from commodore.evidence import Evidence, Group
from commodore.host import Host
from commodore.record import Problem


class UnreadableError(Exception):
    """The file is no such container, or too damaged to be opened. The text becomes a ledger line."""


class Opened(ABC):
    """One opened container."""

    def expect(self, wanted: Sequence[Any]) -> None:  # noqa: B027  (not every container gains by it)
        """Learn all that will be asked for, before the first `offer`, so that one pass over the file can find it."""

    @abstractmethod
    def offer(self, holds: Any) -> Any:
        """Return what `parse` and `expected` of an artefact get, None where the container has nothing that `holds` asks for."""

    @abstractmethod
    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong with the file, after all artefacts have read it: each trouble once."""


class Holds(ABC):
    """The part of a container that an artefact reads: key paths of a hive, tables of a database, the schema of JSON lines."""

    container: ClassVar[str]
    """name of the container, as in the ledger: `registry`"""
    magic: ClassVar[tuple[tuple[int, bytes], ...]] = ()
    """(offset, bytes) by which a file is such a container, whatever its name"""
    group: ClassVar[Group | None] = None

    @property
    @abstractmethod
    def match(self) -> tuple[str, ...]:
        """Path patterns of the files that usually have it."""

    @classmethod
    @abstractmethod
    def open(cls, evidence: Evidence, host: Host) -> Opened:
        """Open a file. Raises UnreadableError."""

    @abstractmethod
    def __str__(self) -> str:
        """Return the part that is read, in words for the reference page."""
