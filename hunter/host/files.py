"""The files of a host that can be changed: what every operating system's module for them offers (`posix.py`, `windows/files.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, Protocol

from hunter.host.area import Area
from hunter.host.view import FileView

Content = Callable[[BinaryIO], None]
"""writes the new bytes of a file into a stream"""
Described = Mapping[str, Any] | None


class HostFiles(FileView, Protocol):
    """The files below a root. Paths are absolute below that root, with `/` between their components."""

    live: bool
    """it is the root of the running system"""
    native: str
    """the path of the root on this machine"""
    root_ino: int

    def close(self) -> None:
        """Give the descriptor of the root back."""

    def lock(self) -> AbstractContextManager[None]:
        """Let one HUNTER work on this root. Complaint where another one does."""

    def accept(self, mounts: Iterable[str]) -> None:
        """Enter from now on no mount of a single folder but these."""

    def controller(self, path: str) -> int:
        """Return the uid of an unprivileged user who may exchange or change what is at `path`; 0 for nobody, `EVERYBODY` for several."""

    def barrier(self, path: str) -> str:
        """Return why an object cannot be written here, '' where it can. UnsafeError, OSError."""

    def content(self, path: str) -> AbstractContextManager[BinaryIO]:
        """Open the bytes of a file, a real file with a descriptor. UnsafeError, OSError."""

    def put(self, path: str, now: Described, then: Described, content: Content | None, mark: str) -> None:
        """Change one object from `now` to `then`, atomically and synced. SurpriseError where it is not in the state `now` right before."""

    def tidy(self, path: str, mark: str) -> None:
        """Remove what a killed `put` of this mark left beside an object. FileNotFoundError where its folder is gone."""

    def area(self, folder: str) -> Area | None:
        """Return the entries of a folder, None where there is none. UnsafeError, OSError."""

    def set_times(self, path: str, times: tuple[int, int]) -> None:
        """Set (atime, mtime) in ns of a file or folder. UnsafeError, OSError."""

    def set_folder_times(self, folder: str, times: tuple[int, int]) -> None:
        """The same of a folder, `/` included. SurpriseError where it is none."""
