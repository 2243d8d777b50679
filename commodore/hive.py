"""One hive on the command line: keys, search, timeline, comparison, and the hive that its transaction logs give.

Secrets stay out, as in records: a withheld value has its reason in place of its data, and a search does not look at it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from commodore.readers.hives import second
from commodore.readers.hives.integrity import hive_problems
from commodore.readers.hives.secrets import is_password, withheld_orphan, withheld_values, without_password
from scout.bounded import pattern_error, searcher
from scout.console import WRONG_USE, Complaint
from scout.formats.regf import BadHive, Hive
from scout.formats.regf.data import type_name, typed
from scout.formats.regf.log import Replay, replay
from scout.formats.regf.recovery import UNKNOWN, recover
from scout.formats.regf.rows import plain_values
from scout.formats.regf.survey import Survey

READERS = ("escadre", second.NAME)
LARGEST = 2 << 30
"""bytes of a file that is read as a hive: no larger one exists"""
_STEP = "Name a hive. Its logs are found beside it, or given with --log."
_SHOWN = 32
"""bytes of binary data that are shown"""


class ShownValue(NamedTuple):
    """A value: name, type, its data as texts, or as `hex:…`, or the reason why it is not shown."""

    name: str
    type: str
    texts: tuple[str, ...]
    data: bytes | None
    """None where it is withheld or gone"""

    @property
    def shown(self) -> str:
        """The data in one line."""
        return ", ".join(self.texts)


class ShownKey(NamedTuple):
    """A key with its values. `state`: allocated, replayed, deleted, carved."""

    path: str
    last_written: str
    state: str
    values: tuple[ShownValue, ...]


class HiveFile:
    """A hive of a directory, with the logs beside it or those given.

    notes   what the reader could not read, and why a log was refused
    """

    def __init__(self, path: Path, logs: Sequence[Path] | None = None, reader: str = READERS[0]) -> None:
        """Read the files. `logs`: None for those beside the hive. Raises Complaint."""
        if reader not in READERS:
            raise Complaint(f"{reader}: no such reader.", f"Readers are {' and '.join(READERS)}.", WRONG_USE)
        self.path, self.reader, self.notes = path, reader, list[str]()
        data = _content(path)
        self.replay: Replay = replay(data, [_content(log) for log in (_beside(path) if logs is None else logs)])
        made = self.replay
        try:
            self._hive: Hive | str = Hive(made.data, dirty=made.dirty, applied=made.applied, replayed=made.ranges, refused=made.refused)
            self.notes += [problem.reason for problem in hive_problems(self._hive, data[:512])]
        except BadHive as reason:
            self._hive = str(reason)
            self.notes += made.refused

    def keys(self, *, lost: bool = True) -> Iterator[ShownKey]:
        """Yield all keys, parents first; then, with `lost`, what the tree does not have. Raises Complaint where the file is no hive."""
        yield from self._ours(lost=lost) if self.reader == READERS[0] else self._theirs()

    def _ours(self, *, lost: bool) -> Iterator[ShownKey]:
        if isinstance(self._hive, str):
            a_hive = self.replay.data[:4] == b"regf" and self.replay.data[28:29] == b"\0"
            raise Complaint(f"{self.path}: {self._hive}.", f"--reader {second.NAME} may read it." if a_hive else _STEP)
        hive = self._hive.view()
        live = bytearray(len(hive.data) // 8 + 1)
        for key in hive.walk():
            live[key.offset >> 3] = 1
            values = plain_values(key)
            for offset, *_ in values:
                live[offset >> 3] = 1
            state = "replayed" if key.replayed or any(v[4] for v in values) else "allocated"
            yield _key(key.path, key.last_written, state, ((name, kind, raw) for _, name, kind, raw, _ in values))
        for found in recover(hive, Survey(hive), live) if lost else ():
            state = "deleted" if found.deleted else "carved"
            written = found.key.last_written if found.key else ""
            yield _key(found.path if found.path is not None else UNKNOWN, written, state, ((v.name, v.kind, v.raw) for v in found.values))
        self.notes += [f"{offset:#x}: {reason}" for offset, reason in sorted(hive.damage.items())]

    def _theirs(self) -> Iterator[ShownKey]:
        failed: list[str] = []
        found = False
        for key in second.keys(bytes(self.replay.data)):
            if isinstance(key, str):
                failed.append(key)
            else:
                found = True
                yield _key(key.path, key.last_written, "allocated", (value[1:] for value in key.values))
        if not found:
            raise Complaint(f"{self.path}: {failed[0]}.", _STEP)
        self.notes += failed


def below(keys: Iterable[ShownKey], path: str) -> Iterator[ShownKey]:
    """Yield the key at `path` and those one level below it, without case."""
    low = path.strip("\\").casefold()
    for key in keys:
        own = key.path.casefold()
        if not own.startswith(UNKNOWN) and (own == low or own.rpartition("\\")[0] == low):
            yield key


class SearchHit(NamedTuple):
    """A key (`value` None) or value in which a pattern was found."""

    key: ShownKey
    value: ShownValue | None


def search(keys: Iterable[ShownKey], pattern: str) -> Iterator[SearchHit]:
    """Yield where a regular expression (RE2 syntax, without case) is found: in names of keys, in names of values, in data as text.

    Raises Complaint for a pattern that is refused.
    """
    if reason := pattern_error(f"(?i){pattern}"):
        raise Complaint(f"{pattern}: {reason}.", "Patterns have the syntax of RE2.", WRONG_USE)
    find = searcher(f"(?i){pattern}").search
    for key in keys:
        if find(_text(key.path.rpartition("\\")[2])):
            yield SearchHit(key, None)
        for value in key.values:
            if find(_text(value.name)) or (value.data is not None and any(find(_text(text)) for text in value.texts)):
                yield SearchHit(key, value)


def timeline(keys: Iterable[ShownKey]) -> list[ShownKey]:
    """Return the keys that have a time, by their last write."""
    return sorted((key for key in keys if key.last_written), key=lambda key: (key.last_written, key.path))


class Change(NamedTuple):
    """A difference of two hives. `what`: added, removed, changed; `value`: None for the key itself."""

    what: str
    path: str
    value: str | None
    before: str = ""
    after: str = ""


def diff(before: Iterable[ShownKey], after: Iterable[ShownKey]) -> Iterator[Change]:
    """Yield what the second of two hives has more, less or otherwise, by path; last writes count, withheld data does not."""
    old, new = ({key.path.casefold(): key for key in keys if key.state in ("allocated", "replayed")} for keys in (before, after))
    for low in sorted(old.keys() | new.keys()):
        if low not in new:
            yield Change("removed", old[low].path, None, old[low].last_written)
        elif low not in old:
            yield Change("added", new[low].path, None, "", new[low].last_written)
        elif old[low].last_written != new[low].last_written:
            yield Change("changed", new[low].path, None, old[low].last_written, new[low].last_written)
        first, then = ({v.name.casefold(): v for v in side[low].values} if low in side else {} for side in (old, new))
        path = (new.get(low) or old[low]).path
        for name in sorted(first.keys() | then.keys()):
            a, b = first.get(name), then.get(name)
            if a is None or b is None:
                yield Change("added" if a is None else "removed", path, (b or a).name, a.shown if a else "", b.shown if b else "")  # type: ignore[union-attr]
            elif (a.type, a.data, a.texts) != (b.type, b.data, b.texts):
                yield Change("changed", path, b.name, f"{a.type} {a.shown}", f"{b.type} {b.shown}")


def write_replayed(hive: HiveFile, target: Path) -> int:
    """Write the hive with its logs replayed, mode 0600; return its bytes. An existing file is not replaced. Raises Complaint."""
    if not hive.replay.applied:
        raise Complaint(f"{hive.path}: nothing to replay.", "; ".join(hive.notes) or "The hive is not dirty: it is complete as it is.")
    written = target.with_name(f"{target.name}.part")  # a run that is killed leaves this, and the next one writes it anew
    try:
        if target.exists():
            raise FileExistsError
        written.unlink(missing_ok=True)
        with open(written, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
            out.write(hive.replay.data)
            out.flush()
            os.fsync(out.fileno())
        _put(written, target)
    except FileExistsError:
        raise Complaint(f"{target} exists.", "Name a file that does not exist: nothing is overwritten.", WRONG_USE) from None
    except OSError as e:
        written.unlink(missing_ok=True)
        raise Complaint(f"{target}: {e.strerror}.", "Name a folder in which you may write, with room.") from None
    return len(hive.replay.data)


def _put(written: Path, target: Path) -> None:
    """Give a complete file its name. Raises FileExistsError, OSError."""
    try:
        os.link(written, target)
    except FileExistsError:
        written.unlink()
        raise
    except OSError:  # a file system without links
        written.rename(target)
    else:
        written.unlink()


def _key(path: str, written: str, state: str, values: Iterable[tuple[str, int, bytes | None]]) -> ShownKey:
    special = withheld_values(path) or is_password
    orphan = path.startswith(UNKNOWN)
    return ShownKey(
        path, written, state, tuple(_value(n, k, r, special(n, k) or (withheld_orphan(n, k) if orphan else "")) for n, k, r in values)
    )


def _value(name: str, kind: int, raw: bytes | None, withheld: str) -> ShownValue:
    if withheld or raw is None:
        return ShownValue(name, type_name(kind), (f"not shown: {withheld or 'its data is gone'}",), None)
    texts = typed(kind, raw)[0] or ([f"hex:{raw[:_SHOWN].hex()}{'…' if len(raw) > _SHOWN else ''}"] if raw else [])
    shown = tuple(without_password(text) for text in texts)
    return ShownValue(name, type_name(kind), shown, raw if shown == tuple(texts) else None)


def _beside(path: Path) -> list[Path]:
    """Return the logs beside a hive, whatever the case of their names."""
    wanted = {f"{path.name}{ending}".casefold() for ending in (".LOG1", ".LOG2", ".LOG")}
    try:
        return sorted(entry for entry in path.absolute().parent.iterdir() if entry.name.casefold() in wanted and entry.is_file())
    except OSError:
        return []  # the folder may not be listed; the hive itself may be read


def _content(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise Complaint(f"{path}: it is no file.", "Name a hive.")
        if path.stat().st_size > LARGEST:
            raise Complaint(f"{path}: {path.stat().st_size:,} bytes are no hive.", "The largest hive has 2 GiB.")
        return path.read_bytes()
    except OSError as e:
        raise Complaint(f"{path}: {e.strerror}.", "Name a file that you may read.") from None


def _text(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
