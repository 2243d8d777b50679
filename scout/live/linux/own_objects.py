"""Objects with code that are loaded into SCOUT itself (`own_objects/1`): a library that an intruder preloads is in every new process.

path, perms; preloaded: LD_PRELOAD or /etc/ld.so.preload names it; foreign: neither Python's nor SCOUT's, nor in a folder of libraries of
the system; deleted: its file has no name any more.
Everything that SCOUT shows may be filtered by such an object: compare with `directory_views`.

Source: proc_pid_maps(5), ld.so(8).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scout.live.linux import maps, procfs

SCHEMA = 1
_SYSTEM = ("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib")


def collect() -> Iterator[dict[str, Any]]:
    """Yield all objects with code; those that do not belong here are `preloaded` or `foreign`."""
    preloaded = {os.path.realpath(one) for one in _preloaded()}
    own = [os.path.realpath(one) for one in (sys.prefix, sys.base_prefix, sys.exec_prefix, getattr(sys, "_MEIPASS", ""), _package()) if one]
    for one in maps.of_process(os.getpid()):
        path = one.get("path", "")
        if "x" not in one["perms"] or not path.startswith("/"):
            continue
        real = os.path.realpath(path)
        known = real == os.path.realpath(sys.executable) or any(real.startswith(f"{folder}/") for folder in (*own, *_SYSTEM))
        yield {
            "path": path,
            "perms": one["perms"],
            "deleted": one["deleted"],
            "preloaded": real in preloaded or path in preloaded,
            "foreign": not known or one["deleted"],
        }


def strangers() -> list[str]:
    """Return the paths of the objects that do not belong here."""
    return [one["path"] for one in collect() if one["preloaded"] or one["foreign"]]


def _preloaded() -> list[str]:
    named = os.environ.get("LD_PRELOAD", "") + " " + procfs.text(procfs.read("/etc/ld.so.preload"))
    return [one for one in re.split(r"[\s:]+", re.sub(r"#[^\n]*", "", named)) if one.startswith("/")]


def _package() -> str:
    """Return the folder where the packages are that SCOUT loads: extension modules of wheels."""
    import zstandard

    return str(Path(zstandard.__file__).parent.parent)
