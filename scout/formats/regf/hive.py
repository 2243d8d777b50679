"""One hive and its tree of keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scout.formats.regf.cells import HiveCells
from scout.formats.regf.keys import Key, key_at
from scout.formats.regf.log import replay

DEEPEST = 1024
"""levels of keys that are read"""


class Hive(HiveCells):
    """One hive, ready to be read: the tree of keys over its cells."""

    __slots__ = ()

    @classmethod
    def open(cls, data: bytes, logs: Sequence[bytes] = ()) -> Hive:
        """Return a hive with its logs (in any order) replayed. A hive without a base block is read by its bins. Raises BadHive."""
        result = replay(data, logs)
        return cls(result.data, dirty=result.dirty, applied=result.applied, replayed=result.ranges, refused=result.refused)

    @property
    def root(self) -> Key | None:
        """The root key; None, with a note in `damage`, where it cannot be read."""
        return key_at(self, self.root_offset, "")

    def find(self, path: str) -> Key | None:
        r"""Return the key at `path` below the root (`Select`, `Microsoft\Windows NT`), without case; None where it does not exist."""
        key = self.root
        for part in path.split("\\"):
            if key is None:
                return None
            if part:
                key = key.subkey(part)
        return key

    def walk(self) -> Iterator[Key]:
        """Yield every key once, parents first, in the order of the lists."""
        root = self.root
        stack: list[Iterator[Key]] = [iter((root,) if root else ())]
        seen: set[int] = set()
        while stack:
            for key in stack[-1]:
                if key.offset in seen:
                    self.note(key.offset, "key appears twice in the tree")
                    continue
                seen.add(key.offset)
                yield key
                if key.subkey_count:
                    break
            else:
                stack.pop()
                continue
            if len(stack) < DEEPEST:
                stack.append(key.subkeys())
            else:
                self.note(key.offset, "keys below this depth were not read")
