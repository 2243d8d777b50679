"""The host on which HUNTER works: the running one, or the mounted root of one."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from hunter.host.registry import HiveFiles
from hunter.host.tree import HostTree
from hunter.host.view import HostView


class RemovalHost(HostView):
    """The live root (`root=None`, or `/` itself) or a mounted one, with all that can be changed on it. Use as a context manager."""

    files: HostTree
    registry: HiveFiles

    def __init__(self, root: Path | None = None) -> None:
        files = HostTree(root)
        super().__init__(files.live, files, HiveFiles(files))

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
