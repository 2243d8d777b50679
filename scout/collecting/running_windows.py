"""The running Windows as an examined host: its facts, profiles and drives through its own calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from scout.console import WRONG_USE, Complaint
from scout.live.windows._volume import WindowsVolume, open_drives
from scout.sources.source import EvidenceSource


def drives(*, removable: bool = False) -> list[WindowsVolume]:
    """Take the privileges that this account has, and return the fixed drives: first the one with Windows. Raises OSError.

    removable  sticks and cards too, where one is in
    """
    from scout.live.windows import _devices, _privileges

    _privileges.take()
    return open_drives(_devices.system_root()[:2], removable=removable)


def account() -> str:
    r"""Return who this runs as, with which rights: `VM\root, not administrator, without SeBackupPrivilege SeDebugPrivilege`."""
    from scout.live.windows import _privileges

    lacking = [name for name in _privileges.WANTED if name not in _privileges.take()]
    words = [_privileges.user(), "administrator" if _privileges.elevated() else "not administrator"]
    return ", ".join([word for word in words if word] + ([f"without {' '.join(lacking)}"] if lacking else []))


def facts() -> dict[str, Any]:
    """Return the `host` of collection.json, from the running registry."""
    from scout.live.windows import _registry, host

    return host.facts(_registry.RunningRegistry())


def profiles() -> Iterator[str]:
    """Yield the profile folders that ProfileList names."""
    from scout.live.windows import _registry, users

    yield from users.profiles(_registry.RunningRegistry()).values()


def allow_temporary_files(sources: Iterable[EvidenceSource], folder: Path) -> None:
    """Let the drives copy loaded hives to temporary files in the folder of the archive. Complaint where this is no running Windows."""
    volumes = [source for source in sources if isinstance(source, WindowsVolume)]
    if not volumes:
        what = "--allow-temp-file is for hives of the running Windows, and this is none."
        raise Complaint(what, "Leave it out.", WRONG_USE)
    from scout.live.windows._saved_hives import SavedHives

    saved = SavedHives(folder)
    for volume in volumes:
        volume.saved = saved
