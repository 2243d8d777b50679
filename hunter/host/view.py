"""What mechanisms read of a host: its files, on a live or mounted root or in an archive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hunter.hives.records import KeyRecord, ValueRecord
from hunter.host.state import ObjectState
from hunter.unsafe import UnsafeError


class FileView(Protocol):
    """The files of a host."""

    def state(self, path: str) -> ObjectState | None:
        """Return the state of an object, None where there is none. UnsafeError for a link in its path or missing permission."""

    def read(self, path: str) -> bytes:
        """Return the bytes of a regular file of at most `TEXT_LIMIT`. UnsafeError, FileNotFoundError."""

    def names(self, directory: str) -> list[tuple[str, str]]:
        """Return (name, type) of the entries, sorted; [] where there is no such directory."""


class KeyView(Protocol):
    """The registry of a host. UnsafeError where there is none, and where it cannot be read safely."""

    def value(self, key: str, name: str) -> ValueRecord | None:
        """Return a value, None where it or its key is not there."""

    def key(self, key: str) -> KeyRecord | None:
        """Return a key with everything below it, None where it is not there."""

    def written(self, key: str) -> int:
        """Return the last write of a key, 100 ns ticks since 1601 UTC; 0 where it is not there."""

    def exact_at(self, key: str) -> bool:
        """Return whether flags and last writes are part of what a key is: in a hive they are, a running Windows sets them itself."""


class NoRegistry:
    """The registry of what has none."""

    def value(self, key: str, name: str) -> ValueRecord | None:
        raise UnsafeError(f"{key}\\{name}: there is no registry here")

    def key(self, key: str) -> KeyRecord | None:
        raise UnsafeError(f"{key}: there is no registry here")

    def written(self, key: str) -> int:
        raise UnsafeError(f"{key}: there is no registry here")

    def exact_at(self, key: str) -> bool:
        raise UnsafeError(f"{key}: there is no registry here")


@dataclass(slots=True)
class HostView:
    """A host as mechanisms see it. `live`: it is the running host itself."""

    live: bool
    files: FileView
    registry: KeyView
