r"""The registry of the running Windows. The hive of a user who is not logged in is not loaded: it is written as on a mounted disk.

`HKLM\SOFTWARE\…` and `HKU\<SID or profile>\…` name the same keys as on a mounted root. A key is removed by renaming it to a name of HUNTER
and deleting it there, and put back by building it under such a name and renaming it: a kill leaves it there or not there. What the service
manager knows is deleted and made by the service manager.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from hunter.hives.records import KeyRecord, ValueRecord
from hunter.host.keys import RegistryEdit
from hunter.host.registry import HiveFiles
from hunter.host.tree import EVERYBODY
from hunter.host.windows import live_keys as keys
from hunter.host.windows import services
from hunter.host.windows.native import StatusError, raise_privileges
from hunter.unsafe import SurpriseError, UnsafeError

_MACHINE = ("SOFTWARE", "SYSTEM")
_CLASSES = "_Classes"
_PROFILES = r"\Registry\Machine\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList"
_NOBODYS = {"S-1-5-18", "S-1-5-19", "S-1-5-20", ".DEFAULT"}
"""accounts of the system: only an administrator writes their hives"""


class LiveRegistry:
    """`hunter.host.keys.HostRegistry` of the running system. `hives`: the hives that Windows has not loaded."""

    def __init__(self, hives: HiveFiles) -> None:
        raise_privileges()
        self._hives = hives
        hives.lookup = self
        self._users: dict[str, str] = {}

    def _native(self, key: str) -> str:
        """Return the kernel's path of a key, '' where it is in a hive that is not loaded. UnsafeError for another part of the registry."""
        top, _, rest = key.partition("\\")
        name, _, below = rest.partition("\\")
        if top.upper() == "HKLM" and name.upper() in _MACHINE:
            return f"\\Registry\\Machine\\{rest}"
        if top.upper() != "HKU" or not name:
            raise UnsafeError(f"{top}\\{name} is no part of the registry that HUNTER changes")
        if name not in self._users:
            self._users[name] = self._loaded(name)
        at = self._users[name]
        return f"{at}\\{below}" if at and below else at

    def _loaded(self, who: str) -> str:
        """Return the kernel's path of a loaded hive of a SID or of the name of a profile folder, '' where it is not loaded."""
        classes = _CLASSES if who.endswith(_CLASSES) else ""
        user = who.removesuffix(_CLASSES)
        sids = [user] if user.startswith("S-1-") or user.upper() == ".DEFAULT" else self._sids(user)
        found = [at for sid in sids if keys.exists(at := f"\\Registry\\User\\{sid}{classes}")]
        if len(found) > 1:
            raise UnsafeError(f"{who} is the profile of {len(found)} users")
        return found[0] if found else ""

    def _sids(self, folder: str) -> list[str]:
        """Return the SIDs of the users whose profile folder has this name."""
        found = []
        for sid in keys.names(_PROFILES) if keys.exists(_PROFILES) else []:
            image = keys.value(f"{_PROFILES}\\{sid}", "ProfileImagePath")
            text = image.data.decode("utf-16-le", "replace").partition("\0")[0] if image else ""
            if text.rstrip("\\").rpartition("\\")[2].casefold() == folder.casefold():
                found.append(sid)
        return found

    # --- reading

    def value(self, key: str, name: str) -> ValueRecord | None:
        at = self._native(key)
        if not at:
            return self._hives.value(key, name)
        found: ValueRecord | None = _read(lambda: keys.value(at, name), None)
        return found

    def key(self, key: str) -> KeyRecord | None:
        at = self._native(key)
        if not at:
            return self._hives.key(key)
        found: KeyRecord | None = _read(lambda: keys.record(at), None)
        return found

    def written(self, key: str) -> int:
        at = self._native(key)
        return int(_read(lambda: keys.written(at), 0)) if at else self._hives.written(key)

    def exact_at(self, key: str) -> bool:
        return not self._native(key)

    def digests(self, key: str) -> dict[str, str]:
        """Return what lies in a key; of a subkey its own values and descriptor count, not what is below it: there the system works on."""
        at = self._native(key)
        return _read(lambda: _digests(at), {}) if at else self._hives.digests(key)

    def barrier(self, key: str) -> str:
        at = self._native(key)
        if not at:
            return self._hives.barrier(key)
        with suppress(StatusError):  # a key that is not there is made below one that is
            while "\\" in at and not keys.exists(at):
                at = at.rpartition("\\")[0]
        try:
            with keys.opened(at, keys.WRITE):
                return ""
        except StatusError as e:
            return f"no right to change {key}: run as administrator" if e.denied else f"{key} cannot be changed: {e.strerror}"

    def controller(self, key: str) -> int:
        if not self._native(key):
            return self._hives.controller(key)
        top, _, rest = key.partition("\\")
        return EVERYBODY if top.upper() == "HKU" and rest.partition("\\")[0].removesuffix(_CLASSES) not in _NOBODYS else 0

    # --- writing

    def bundle(self, key: str) -> str:
        return "" if self._native(key) else self._hives.bundle(key)

    def change(self, edits: Sequence[tuple[str, RegistryEdit]], mark: str) -> None:
        places = [self._native(key) for key, _ in edits]
        if not any(places):
            self._hives.change(edits, mark)
            return
        if len(edits) != 1:
            raise UnsafeError("a running Windows changes one key at a time")
        try:
            edits[0][1](_LiveEditor(mark), places[0])
        except StatusError as e:
            if e.gone:
                raise SurpriseError("it went away a moment ago") from e
            raise

    def tidy(self, key: str, mark: str) -> None:
        at = self._native(key)
        if not at:
            self._hives.tidy(key, mark)
            return
        for name in _temporary(mark):
            if keys.exists(left := f"{at}\\{name}"):
                keys.remove(left)

    # --- what lies beside a hive

    def home(self, key: str) -> str:
        return "\\".join(key.split("\\")[:2]) if self._native(key) else self._hives.home(key)

    def beside(self, home: str) -> dict[str, Any]:
        return self._hives.beside(home) if home.startswith("/") else {}

    def changed_beside(self, home: str, before: dict[str, Any], explained: set[str]) -> tuple[list[str], int]:
        return self._hives.changed_beside(home, before, explained) if home.startswith("/") else ([], 0)

    def restore_beside(self, home: str, before: dict[str, Any]) -> list[str]:
        return self._hives.restore_beside(home, before) if home.startswith("/") else []


class _LiveEditor:
    """`hunter.host.keys.KeyEditor`: a key is its path."""

    def __init__(self, mark: str) -> None:
        self._going, self._coming = _temporary(mark)

    def find(self, path: str) -> str | None:
        return path if keys.exists(path) else None

    def subkey(self, key: str, name: str) -> str | None:
        return self.find(f"{key}\\{name}")

    def key(self, key: str) -> KeyRecord:
        return keys.record(key)

    def value(self, key: str, name: str) -> ValueRecord | None:
        return keys.value(key, name)

    def written(self, key: str) -> int:
        return keys.written(key)

    def touch(self, key: str, ticks: int) -> None:
        keys.touch(key, ticks)

    def put_value(self, key: str, record: ValueRecord) -> None:
        if not services.set_start(key, record):
            keys.put_value(key, record)

    def remove_value(self, key: str, name: str) -> None:
        keys.remove_value(key, name)

    def put_key(self, parent: str, record: KeyRecord) -> str:
        made, place = f"{parent}\\{self._coming}", f"{parent}\\{record.name}"
        if keys.exists(made):
            keys.remove(made)
        keys.make(made, record)
        keys.rename(made, record.name)
        services.register(place, record)
        return place

    def remove_key(self, key: str) -> None:
        if services.deleted(key):
            return
        keys.rename(key, self._going)
        keys.remove(f"{key.rpartition(chr(92))[0]}\\{self._going}")


def _temporary(mark: str) -> tuple[str, str]:
    """Return the names of HUNTER for a key that goes and one that comes.

    The first sorts before every ordinary name and the second behind, so that a key is always renamed downwards: Wine 8 loses the neighbour
    of a key that is renamed upwards and keeps its place.
    """
    return f"!escadre-{mark}", f"~escadre-{mark}"


def _read(call: Any, absent: Any) -> Any:
    """Return what a call reads, `absent` where the key is not there. UnsafeError where it cannot be read."""
    try:
        return call()
    except StatusError as e:
        if e.gone:
            return absent
        raise UnsafeError(f"it cannot be read: {e.strerror}") from e


def _digests(path: str) -> dict[str, str]:
    found = {f"value {each.name}": _digest(each.facts()) for each in keys.values(path)}
    for name in keys.names(path):
        try:
            found[f"key {name}"] = _digest([each.facts() for each in keys.values(f"{path}\\{name}")])
        except (StatusError, UnsafeError) as e:  # a key that nobody may read, or that went away while it was read
            found[f"key {name}"] = f"unread: {e}"
    return found


def _digest(facts: object) -> str:
    return hashlib.sha256(repr(facts).encode("utf-8", "backslashreplace")).hexdigest()[:24]
