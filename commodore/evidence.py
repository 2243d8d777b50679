"""The bytes of one member, or of one unit of it, as a parser gets them: in memory, without a path to open."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Group:
    """Files that are read together with a member: role → file name pattern, where {name} is the member's own name.

    `main`: the member's name, where the names of the companions do not contain it.
    """

    companions: Mapping[str, str]
    main: str = ""


class Evidence:
    r"""One member or one unit of it.

    source      native path on the host (`C:\Windows\System32\config\SYSTEM`, `/etc/crontab`)
    collection  collection id; member: ordinal in the collection
    size        bytes of the whole member
    facts       what is known of the file: `mtime`, `ctime`, `atime`, `btime` (RFC 3339 UTC), `mode`, `uid`, `gid`, `sha256` …;
                `rotated` of a log in a plain folder: the newest `mtime` of the logs that were rotated from it
    offset      where this unit begins in the member (0 for a whole one), not counting the header in front of it
    index       number of the unit
    companions  role → evidence of the same group (`log1` of a hive)
    """

    __slots__ = ("_made", "_open", "_path", "collection", "companions", "facts", "index", "member", "offset", "size", "source")

    def __init__(
        self,
        source: str,
        content: bytes | memoryview | Callable[[], BinaryIO],
        *,
        size: int | None = None,
        collection: str = "",
        member: int = 0,
        facts: Mapping[str, Any] | None = None,
        offset: int = 0,
        index: int = 0,
        companions: Mapping[str, Evidence] | None = None,
        path: Path | None = None,
    ) -> None:
        self.source, self.collection, self.member = source, collection, member
        self._open, self._path = content, path
        self.size = size if size is not None else (0 if callable(content) else len(content))
        self.facts: Mapping[str, Any] = facts or {}
        self.offset, self.index = offset, index
        self.companions: Mapping[str, Evidence] = companions or {}
        self._made: dict[Any, Any] = {}

    @property
    def name(self) -> str:
        """Return the last component of the native path."""
        return self.source.replace("\\", "/").rsplit("/", 1)[-1]

    @property
    def length(self) -> int:
        """Return the bytes of this unit, without its companions."""
        return self.size if callable(self._open) else len(self._open)

    @property
    def path(self) -> Path | None:
        """Return where a plain file of the analyst's disk can be opened again; None for a member of an archive and for a unit."""
        return self._path

    @property
    def data(self) -> bytes:
        """Return all bytes of the unit; for formats that are small by nature or cut into units."""
        if callable(self._open):
            with self._open() as stream:
                return stream.read()
        return self._open if isinstance(self._open, bytes) else bytes(self._open)

    def open(self) -> BinaryIO:
        """Return a fresh seekable view."""
        return self._open() if callable(self._open) else io.BytesIO(self._open)

    def once(self, make: Callable[[Evidence], T]) -> T:
        """Return `make(self)`, cached for all artefacts that read this unit."""
        if make not in self._made:
            self._made[make] = make(self)
        result: T = self._made[make]
        return result
