r"""One spelling for the many that a path of Windows has, so that two of them can be compared.

    plain("\\\\?\\C:\\x\\a.exe")         →  C:\x\a.exe
    plain("C:/x/./y/../a.exe. ")         →  C:\x\a.exe
    plain("\\\\localhost\\c$\\a.exe::$DATA")   →  c:\a.exe

Blanks and dots at the end count behind `\\?\` and `\??\`, where Windows takes a path as it is, and a blank at the end of a folder's name
counts everywhere. Volumes without a letter (`\Device\…`, `\\?\Volume{…}`, GLOBALROOT) stay as they are.
Source: "File path formats on Windows systems", section "Path normalization", Microsoft Learn; [MS-FSCC] 2.1.5 for streams.
"""

from __future__ import annotations

import re

_PREFIX = re.compile(r"(?:[\\/]{2}[?.]|\\\?\?)[\\/](?=[A-Za-z]:|[Uu][Nn][Cc][\\/])")
_UNC = re.compile(r"(?i)UNC[\\/]")
_OWN = re.compile(r"(?i)\\\\(?:localhost|127(?:\.\d{1,3}){3}|0?--1\.ipv6-literal\.net)\\([a-z])\$(?=\\|$)")
_ROOT = re.compile(r"[A-Za-z]:\\|\\\\[^\\?.][^\\]*\\[^\\]+\\?")


def is_windows(path: str) -> bool:
    r"""Return whether a native path is of Windows. In one that begins with `/`, a backslash is part of a name, or stands for a byte."""
    return "\\" in path and not path.startswith("/")


def last_name(path: str) -> str:
    """Return the name at the end of a native path of either system."""
    return re.split(r"[\\/]", path)[-1] if not path.startswith("/") else path.rpartition("/")[2]


def is_literal(path: str) -> bool:
    r"""Return whether Windows takes the path as it is, with dots and blanks at its end."""
    return path.startswith(("\\\\?\\", "\\??\\"))


def plain(path: str, *, literal: bool = False) -> str:
    """Return the path by drive letter or server, without prefixes, `.` and `..`; a relative path with backslashes.

    `literal`: it had a prefix that is gone already.
    """
    literal = literal or is_literal(path)
    if found := _PREFIX.match(path):
        path = path[found.end() :]
        path = f"\\\\{path[4:]}" if _UNC.match(path) else path
    path = _OWN.sub(r"\1:", path.replace("/", "\\"), count=1)
    root = _ROOT.match(path)
    if root is None:
        return path
    if not literal:
        parts: list[str] = []
        for part in path[root.end() :].rstrip(" .").split("\\"):
            if part == "..":
                parts = parts[:-1]
            elif part not in ("", "."):
                parts.append(part[:-1] if part.endswith(".") and not part.endswith("..") else part)
        path = root[0] + "\\".join(parts)
    return path[:-7] if path[-7:].upper() == "::$DATA" else path
