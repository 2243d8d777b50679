"""Known folders of Windows by id."""

from __future__ import annotations

import re
from functools import cache
from uuid import UUID

from scout.data import load_data
from scout.formats.commandline import expand_windows

_LEADING = re.compile(r"\{([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\}")


@cache
def folders() -> dict[str, str]:
    """Return id in upper case → path with variables, or the name of a folder that has no path."""
    return {str(key).upper(): str(name) for key, name in load_data(__package__, "folders.yaml").items()}


def guid(raw: bytes) -> str:
    """Return 16 bytes of a GUID as text in upper case, without braces."""
    return str(UUID(bytes_le=raw)).upper()


def folder(name: str) -> str:
    """Return the path or name of a folder by its id; the id in braces where it is unknown."""
    return folders().get(name.upper(), f"{{{name}}}")


def resolved(path: str, system_root: str = "C:\\Windows", profile: str = "") -> str:
    r"""Return a path with the usual path for the id of a known folder at its beginning, and variables filled in as far as they are known.

    `profile`: directory of the user's profile, for `%USERPROFILE%` and the folders in it.
    """
    if found := _LEADING.match(path):
        path = folder(found[1]) + path[found.end() :]
    data = f"{profile}\\AppData"
    known = {"USERPROFILE": profile, "APPDATA": f"{data}\\Roaming", "LOCALAPPDATA": f"{data}\\Local"} if profile else {}
    return expand_windows(path, system_root, known)
