"""The host on which HUNTER works: the running one, or the mounted root of one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Self

from hunter.host.files import HostFiles
from hunter.host.keys import HostRegistry
from hunter.host.registry import HiveFiles
from hunter.host.view import HostView


class RemovalHost(HostView):
    """The live root (`root=None`, or `/` itself) or a mounted one, with all that can be changed on it. Use as a context manager."""

    files: HostFiles
    registry: HostRegistry

    def __init__(self, root: Path | None = None) -> None:
        files = _files(root)
        registry: HostRegistry = HiveFiles(files)
        if sys.platform == "win32" and files.live:
            from hunter.host.windows.registry import LiveRegistry

            registry = LiveRegistry(HiveFiles(files))
        super().__init__(files.live, files, registry)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.files.close()

    @property
    def native(self) -> str:
        """The path of its root on this machine."""
        return self.files.native

    @property
    def root_ino(self) -> int:
        """The inode of its root."""
        return self.files.root_ino


def _files(root: Path | None) -> HostFiles:
    if sys.platform == "win32":
        from hunter.host.windows.files import WindowsFiles

        return WindowsFiles(root)
    from hunter.host.posix import PosixFiles

    return PosixFiles(root)
