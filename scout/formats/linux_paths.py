"""Linux paths that all tools must agree on: folders that a merged `/usr` makes one, and the folders of systemd units.

Sources: file-hierarchy(7), COMPATIBILITY SYMLINKS; systemd.unit(5), UNIT FILE LOAD PATH.
"""

from __future__ import annotations

import re

_PACKAGED = ("/usr/", "/etc/", "/bin/", "/sbin/", "/lib", "/opt/", "/boot/", "/var/lib/polkit-1/")
_MERGED = re.compile(r"/(?:usr/)?(?=(?:bin|sbin|lib|lib32|lib64|libx32)(?:/|\Z))")


def one_path(path: str) -> str:
    """Return the form below `/usr` of an absolute path, where the folder may be the same with and without it (`/lib/x` → `/usr/lib/x`)."""
    return _MERGED.sub("/usr/", path, count=1) if _MERGED.match(path) else path


def spellings(path: str) -> tuple[str, ...]:
    """Return the path and, where its folder may be the same with and without `/usr`, both forms of it."""
    merged = one_path(path)
    return tuple(dict.fromkeys((path, merged, merged.removeprefix("/usr")))) if _MERGED.match(path) else (path,)


def may_be_packaged(path: str) -> bool:
    """Return whether a file is in a folder in which packages install programs, libraries and settings."""
    return path.startswith(_PACKAGED) and not path.startswith("/usr/local/")


SYSTEM_UNITS = (
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/etc/systemd/system.attached",
    "/run/systemd/system",
    "/run/systemd/system.attached",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
)
"""Folders of system units; a unit in an earlier folder hides one of the same name in a later folder."""
USER_UNITS = (
    "/etc/xdg/systemd/user",
    "/etc/systemd/user",
    "/run/systemd/user",
    "/usr/local/share/systemd/user",
    "/usr/share/systemd/user",
    "/usr/local/lib/systemd/user",
    "/usr/lib/systemd/user",
    "/lib/systemd/user",
)
"""Folders of user units that all users share, in the same order."""
OWN_UNITS = (".config/systemd/user.control", ".config/systemd/user", ".local/share/systemd/user")
"""Folders of user units below a user's home. The manager of a user also reads `/run/user/<uid>/systemd/*`."""
MADE_UNITS = frozenset(folder for folder in SYSTEM_UNITS if re.search(r"/(?:transient|generator[.a-z]*)\Z", folder))
"""Folders that the service manager fills itself: transient units, and units that generators write at each boot."""
