"""The files and the registry of a Windows archive, as mechanisms read those of a mounted root: its hives are unpacked, with their logs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Self

from hunter.hives.records import KeyRecord, ValueRecord
from hunter.host.archived import NotCollectedError
from hunter.host.host import RemovalHost
from hunter.unsafe import UnsafeError
from scout.archive.stream import MemberStream

_VOLUME = re.compile(r"(?i)c:\\")
_HIVES = re.compile(
    r"(?i)/(?:(?:Windows|WINNT)/System32/config/(?:SYSTEM|SOFTWARE|DEFAULT)|(?:Users|Documents and Settings)/[^/]+/(?:NTUSER\.DAT"
    r"|AppData/Local/Microsoft/Windows/UsrClass\.dat)|(?:Windows|WINNT)/ServiceProfiles/[^/]+/NTUSER\.DAT)(?:\.LOG[12]?)?"
)
_BLOCK = 1 << 20


def path_of(source: str) -> str:
    r"""Return how a plan names a file of an archive: `C:\x\y` is `/x/y`; a path of Linux stays."""
    return "/" + source[3:].replace("\\", "/") if _VOLUME.match(source) else source


class ArchivedHives:
    """`hunter.host.view.KeyView` of the hives that `add` got. Use as a context manager.

    NotCollectedError for a key whose hive the archive does not hold whole.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        self._folder = folder
        self._host: RemovalHost | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._host is not None:
            self._host.files.close()

    def add(self, path: str, stream: MemberStream) -> bool:
        """Unpack a file (as a plan names it) where it is a hive that HUNTER knows, or the log of one. Returns whether it is."""
        if not _HIVES.fullmatch(path) or ".." in path.split("/"):
            return False
        at = self._folder / path[1:]
        at.parent.mkdir(parents=True, exist_ok=True)
        with at.open("xb") as file:
            while block := stream.read(_BLOCK):
                file.write(block)
        return True

    def _registry(self) -> RemovalHost:
        if self._host is None:
            self._host = RemovalHost(self._folder)
        return self._host

    def value(self, key: str, name: str) -> ValueRecord | None:
        self._reach(key)
        return self._registry().registry.value(key, name)

    def key(self, key: str) -> KeyRecord | None:
        self._reach(key)
        return self._registry().registry.key(key)

    def written(self, key: str) -> int:
        self._reach(key)
        return self._registry().registry.written(key)

    def exact_at(self, key: str) -> bool:  # noqa: ARG002
        return True

    def _reach(self, key: str) -> None:
        try:
            self._registry().registry.written(key)
        except UnsafeError as e:
            raise NotCollectedError(f"the archive does not show {key}: {e}. Look at it on the host, hunter verify PLAN") from e
