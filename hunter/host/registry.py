r"""The registry of a mounted Windows root: its hives, found as Windows finds them, read with their logs, and replaced whole.

A key is named as on the running system (`HKLM\SOFTWARE\…`, `HKU\<SID or profile>\…`). Which file that is, the root itself says, never a
finding. A hive that was not written completely (its sequence numbers differ) is used with its logs replayed, as Windows would load it, or
refused. A change writes a whole new file beside the hive and renames it: owner, mode, attributes and streams are kept, the base block is
that of a clean hive, and its sequence number is above those of its logs, which no reader applies any more.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from struct import unpack_from
from time import time_ns
from typing import Any, BinaryIO

from hunter.hives.editor import HiveEditor
from hunter.hives.proof import prove
from hunter.hives.records import KeyRecord, ValueRecord
from hunter.host.area import changed, survey
from hunter.host.files import HostFiles
from hunter.host.keys import RegistryEdit, ticks
from hunter.host.view import KeyView
from hunter.unsafe import SurpriseError, UnsafeError
from scout.formats.regf.log import SECTOR, checksum, replay

LARGEST_HIVE = 1 << 30
"""bytes of a hive that HUNTER changes in memory"""
_MACHINE = ("SOFTWARE", "SYSTEM", "SAM")
_ROOTS = ("Windows", "WINNT")
_PARENTS = ("Users", "Documents and Settings")
_CLASSES = "_Classes"
_SERVICES = {
    "S-1-5-18": "System32/config/systemprofile",
    "S-1-5-19": "ServiceProfiles/LocalService",
    "S-1-5-20": "ServiceProfiles/NetworkService",
}
_HIBERNATED = (b"hibr", b"HIBR", b"RSTR")


@dataclass(slots=True)
class OpenedHive:
    """One hive: `path` of its file below the root, `data` of the file, and its keys with the logs replayed."""

    path: str
    data: bytes
    keys: HiveEditor
    sequence: int
    """a sequence number above its own and those of its logs"""
    identity: tuple[int, ...]


class HiveFiles:
    """The registry of a root. UnsafeError for a root without Windows, and for a hive that cannot be read safely."""

    def __init__(self, files: HostFiles) -> None:
        self._files = files
        self.lookup: KeyView = self
        """where the profiles of users are looked up: the running registry where there is one"""
        self._open: dict[str, OpenedHive] = {}
        self._places: dict[str, str] = {}

    # --- where

    @property
    def windows(self) -> str:
        """The Windows folder of the root as it is written there, '' where there is none."""
        for name in _ROOTS:
            folder = self.locate(name)
            if folder and self.locate("System32/config/SYSTEM", folder):
                return folder
        return ""

    def locate(self, path: str, below: str = "") -> str:
        """Return the path of an object as the tree has it, without case, '' where there is none. UnsafeError for two of a name."""
        found = below
        for part in path.replace("\\", "/").split("/"):
            names = [name for name, _ in self._files.names(found or "/")]
            same = [name for name in names if name == part] or [name for name in names if name.casefold() == part.casefold()]
            if len(same) > 1:
                raise UnsafeError(f"{found}/{part} is there {len(same)} times, in different letters")
            if not same:
                return ""
            found = f"{found}/{same[0]}"
        return found

    def mount(self, key: str) -> tuple[str, str]:
        r"""Return (path of the hive's file, path of the key below its root) for `HKLM\SOFTWARE\…`. UnsafeError where there is none."""
        top, _, rest = key.partition("\\")
        name, _, below = rest.partition("\\")
        view = f"{top}\\{name}".upper()
        if view not in self._places:
            self._places[view] = self._file(top.upper(), name)
        if not self._places[view]:
            raise UnsafeError(f"the root has no hive for {top}\\{name}")
        return self._places[view], below

    def _file(self, top: str, name: str) -> str:
        windows = self.windows
        if not windows:
            raise UnsafeError("the root has no Windows folder with its registry")
        if top == "HKLM" and name.upper() in _MACHINE:
            return self.locate(f"System32/config/{name}", windows)
        if top != "HKU" or not name:
            return ""
        if name.upper() == ".DEFAULT":
            return self.locate("System32/config/DEFAULT", windows)
        profile = self._profile(name.removesuffix(_CLASSES), windows)
        if not profile:
            return ""
        file = "AppData/Local/Microsoft/Windows/UsrClass.dat" if name.endswith(_CLASSES) else "NTUSER.DAT"
        return self.locate(file, profile)

    def _profile(self, who: str, windows: str) -> str:
        """Return the profile folder of a SID, or of the name of the folder itself."""
        if who in _SERVICES:
            return self.locate(_SERVICES[who], windows)
        if who.startswith("S-1-"):
            key = rf"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList\{who}"
            image = self.lookup.value(key, "ProfileImagePath")
            text = image.data.decode("utf-16-le", "replace").partition("\0")[0] if image else ""
            below = re.sub(r"(?i)\A(?:%systemdrive%|[a-z]:)\\", "", text)
            return self.locate(below) if below and below != text else ""
        if "/" in who:
            return ""
        return next((found for parent in _PARENTS if (found := self.locate(f"{parent}/{who}"))), "")

    # --- reading

    def open(self, key: str) -> tuple[OpenedHive, str]:
        """Return the hive that has a key, and the key's path below its root."""
        path, below = self.mount(key)
        try:
            with self._files.content(path) as stream:
                status = os.fstat(stream.fileno())
                identity = (status.st_ino, status.st_dev, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
                known = self._open.get(path)
                if known is None or known.identity != identity:
                    if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST_HIVE:
                        raise UnsafeError(f"{path} is no file of at most {LARGEST_HIVE >> 20} MiB")
                    known = self._loaded(path, stream.read(LARGEST_HIVE + 1), identity)
                    self._open[path] = known
        except OSError as e:
            raise UnsafeError(f"{path} cannot be read: {e.strerror or e}") from e
        return known, below

    def _loaded(self, path: str, data: bytes, identity: tuple[int, ...]) -> OpenedHive:
        if len(data) < 2 * SECTOR or data[:4] != b"regf" or data[28]:
            raise UnsafeError(f"{path} is no hive")
        logs = self._logs(path)
        result = replay(data, logs)
        first, second = unpack_from("<II", result.data, 4)
        sound = checksum(result.data) == unpack_from("<I", result.data, 508)[0]
        if not sound or first != second or (result.dirty and not result.applied):
            why = f" ({'; '.join(result.refused)})" if result.refused else ""
            raise UnsafeError(f"{path} was not written completely, and its logs do not complete it{why}")
        after = max([second, *(unpack_from("<I", log, 8)[0] for log in logs if len(log) >= SECTOR), *_entries(logs)])
        return OpenedHive(path, data, HiveEditor(bytes(result.data)), after + 1, identity)

    def _logs(self, path: str) -> list[bytes]:
        found = []
        folder, _, name = path.rpartition("/")
        for suffix in (".LOG1", ".LOG2", ".LOG"):
            at = self.locate(name + suffix, folder)
            state = self._files.state(at) if at else None
            if state is not None and state.type == "file":
                found.append(self._files.read(at))
        return found

    def value(self, key: str, name: str) -> ValueRecord | None:
        """Return a value, None where it or its key is not there."""
        hive, below = self.open(key)
        at = hive.keys.find(below)
        found = None if at is None else hive.keys.value(at, name)
        if found is not None:
            hive.keys.sole(found.held_by, *found.at)
        return found

    def key(self, key: str) -> KeyRecord | None:
        """Return a key with everything below it, None where it is not there."""
        hive, below = self.open(key)
        at = hive.keys.find(below)
        found = None if at is None else hive.keys.key(at)
        if found is not None:
            hive.keys.sole_key(found)
        return found

    def written(self, key: str) -> int:
        """Return the last write of a key, 100 ns ticks since 1601 UTC; 0 where it is not there."""
        hive, below = self.open(key)
        at = hive.keys.find(below)
        return 0 if at is None else hive.keys.written(at)

    def digests(self, key: str) -> dict[str, str]:
        """Return what lies in a key, by `value <name>` and `key <name>`, each with a hash of all that it holds; {} without the key."""
        hive, below = self.open(key)
        at = hive.keys.find(below)
        if at is None:
            return {}
        found = {f"value {value.name}": _digest(value.facts()) for value in hive.keys.values(at)}
        return found | {f"key {hive.keys.name(each)}": _digest(hive.keys.key(each).facts()) for each in hive.keys.subkeys(at)}

    def exact_at(self, key: str) -> bool:  # noqa: ARG002
        return True

    def barrier(self, key: str) -> str:
        """Return why the hive of a key cannot be changed here, '' where it can."""
        at = "" if self._files.live else self.locate("hiberfil.sys")
        if at:
            with self._files.content(at) as stream:
                if stream.read(4) in _HIBERNATED:
                    return "Windows is hibernated or in fast start-up, and would write its own registry over this one: shut it down first"
        path, _ = self.mount(key)
        state = self._files.state(path)
        if state is not None and state.nlink > 1:
            return f"{path} has {state.nlink} names (hard links)"
        if state is not None and state.flags:
            return f"{path} is {state.flags} (chattr): clear the flag first"
        return self._files.barrier(path)

    # --- writing

    def bundle(self, key: str) -> str:
        return self.mount(key)[0]

    def change(self, edits: Sequence[tuple[str, RegistryEdit]], mark: str) -> None:
        """Write the one hive of these keys anew, as the edits leave it. SurpriseError where its file changed meanwhile."""
        opened = [(*self.open(key), edit) for key, edit in edits]
        hive = opened[0][0]
        if any(other is not hive for other, _, _ in opened):
            raise SurpriseError("its hive was replaced or changed a moment ago")
        keys = hive.keys.copy()
        for _, below, edit in opened:
            edit(keys, below)
        new = keys.done(hive.sequence & 0xFFFFFFFF, ticks(time_ns()))
        prove(bytes(hive.keys.cells.data), new, keys.cells.written)
        present = self._files.state(hive.path)
        if present is None or present.sha256 != hashlib.sha256(hive.data).hexdigest():
            raise SurpriseError("its hive was replaced or changed a moment ago")
        then = present.with_content(hashlib.sha256(new).hexdigest(), len(new), time_ns() // 100 * 100)  # NTFS keeps no finer times
        self._files.put(hive.path, present.to_json(), then.to_json(), lambda stream: _write(stream, new), mark)

    def tidy(self, key: str, mark: str) -> None:
        """Remove what a killed `change` of this mark left beside the hive of a key."""
        path, _ = self.mount(key)
        self._files.tidy(path, mark)

    # --- what lies beside a hive

    def controller(self, key: str) -> int:
        return self._files.controller(self.mount(key)[0])

    def home(self, key: str) -> str:
        return self.mount(key)[0]

    def beside(self, home: str) -> dict[str, Any]:
        state = self._files.state(home)
        folders = {folder: area.to_json() for folder, area in survey(self._files, [home]).items()}
        return {"times": [state.atime_ns, state.mtime_ns] if state else [], "files": folders}

    def changed_beside(self, home: str, before: dict[str, Any], explained: set[str]) -> tuple[list[str], int]:
        return changed(before["files"], self._files, {home, *explained})

    def restore_beside(self, home: str, before: dict[str, Any]) -> list[str]:
        failed = []
        try:
            self._files.set_times(home, tuple(before["times"]))
        except (OSError, UnsafeError, TypeError) as e:
            failed.append(f"{home}: its times could not be restored: {e}")
        for folder, was in before["files"].items():
            try:
                self._files.set_folder_times(folder, (was["atime_ns"], was["mtime_ns"]))
            except (OSError, SurpriseError, UnsafeError) as e:
                failed.append(f"{folder}: its times could not be restored: {e}")
        return failed


def _entries(logs: Sequence[bytes]) -> list[int]:
    """Return the sequence numbers of all entries that the logs still have, also old ones."""
    places = ((log, at) for log in logs for at in range(SECTOR, len(log) - 16, SECTOR))
    return [unpack_from("<I", log, at + 12)[0] for log, at in places if log[at : at + 4] == b"HvLE"]


def _digest(facts: object) -> str:
    return hashlib.sha256(repr(facts).encode("utf-8", "backslashreplace")).hexdigest()[:24]


def _write(stream: BinaryIO, data: bytes) -> None:
    stream.write(data)
