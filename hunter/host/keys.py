"""The registry of a host that can be changed: the hives of a root (`registry.py`) or the running Windows (`windows/registry.py`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from hunter.hives.records import KeyRecord, ValueRecord
from hunter.host.view import KeyView

EPOCH = 116_444_736_000_000_000
"""1970 in 100 ns ticks since 1601"""


class KeyEditor(Protocol):
    """Keys that can be changed. A key is named by what `find` returns."""

    def find(self, path: str) -> Any | None:
        """Return the key of a path, None where it is not there."""

    def subkey(self, key: Any, name: str) -> Any | None:
        """Return a key of a key."""

    def key(self, key: Any) -> KeyRecord:
        """Return a key with everything below it."""

    def value(self, key: Any, name: str) -> ValueRecord | None:
        """Return a value of a key."""

    def written(self, key: Any) -> int:
        """Return the last write, 100 ns ticks since 1601 UTC."""

    def touch(self, key: Any, ticks: int) -> None:
        """Set the last write."""

    def put_value(self, key: Any, record: ValueRecord) -> None:
        """Write a value."""

    def remove_value(self, key: Any, name: str) -> None:
        """Remove a value."""

    def put_key(self, parent: Any, record: KeyRecord) -> Any:
        """Write a key with everything below it."""

    def remove_key(self, key: Any) -> None:
        """Remove a key with everything below it."""


RegistryEdit = Callable[[KeyEditor, str], None]
"""changes keys; gets them and the path of a key"""


class HostRegistry(KeyView, Protocol):
    """The registry of a host. A key is named as on the running system. UnsafeError for a key that cannot be reached safely."""

    def digests(self, key: str) -> dict[str, str]:
        """Return what lies in a key, by `value <name>` and `key <name>`, each with a hash of all that it holds; {} without the key."""

    def barrier(self, key: str) -> str:
        """Return why a key cannot be changed here, '' where it can."""

    def controller(self, key: str) -> int:
        """Return who may change a key beside root, as `HostFiles.controller`."""

    def bundle(self, key: str) -> str:
        """Return the file whose keys are changed in one write, '' where each is changed alone."""

    def change(self, edits: Sequence[tuple[str, RegistryEdit]], mark: str) -> None:
        """Change keys of one bundle and what is below them. SurpriseError where one changed meanwhile: then none is changed."""

    def tidy(self, key: str, mark: str) -> None:
        """Remove what a killed `change` of this mark left beside a key."""

    def home(self, key: str) -> str:
        """Return what holds a key: the path of its hive's file, or its part of the running registry."""

    def beside(self, home: str) -> dict[str, Any]:
        """Return the times of a hive's file and what lies beside it; {} for the running registry."""

    def changed_beside(self, home: str, before: dict[str, Any], explained: set[str]) -> tuple[list[str], int]:
        """Return (what changed beside a hive's file, number of entries compared)."""

    def restore_beside(self, home: str, before: dict[str, Any]) -> list[str]:
        """Restore times; return what could not be restored."""


def ticks(stamp: int) -> int:
    """Return ns since 1970 as 100 ns ticks since 1601 UTC."""
    return stamp // 100 + EPOCH
