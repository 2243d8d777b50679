"""What mechanisms read of a host: its files, on a live or mounted root or in an archive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hunter.host.state import ObjectState


class FileView(Protocol):
    """The files of a host."""

    def state(self, path: str) -> ObjectState | None:
        """Return the state of an object, None where there is none. UnsafeError for a link in its path or missing permission."""

    def read(self, path: str) -> bytes:
        """Return the bytes of a regular file of at most `TEXT_LIMIT`. UnsafeError, FileNotFoundError."""

    def names(self, directory: str) -> list[tuple[str, str]]:
        """Return (name, type) of the entries, sorted; [] where there is no such directory."""


@dataclass(slots=True)
class HostView:
    """A host as mechanisms see it. `live`: it is the running host itself."""

    live: bool
    files: FileView
