"""Files in whose place a program reads another one of the same name, as `overridden.yaml` lists the folders.

found = overridden(lines)      path → "systemd reads /etc/systemd/system/x.service in its place", or what masks it
found = without_commands(units)      path → "drop-in override.conf takes its commands away"
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from commodore.persistence.members import path_key
from scout.data import load_data

_MASKED_BY_NOTHING = ("etc/systemd/", "run/systemd/")
"""folders in which an empty file masks a unit"""


@cache
def _folders() -> dict[str, tuple[int, int, str]]:
    """Return folder below the root → (number of its list, its rank there, reader)."""
    found = {}
    for number, entry in enumerate(load_data(__package__, "overridden.yaml")):
        for rank, folder in enumerate(entry["folders"]):
            found[folder] = (number, rank, str(entry["reader"]))
    return found


def overridden(lines: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return `path_key` of a file → clause. `lines`: of the list of members of one Linux host."""
    names: dict[tuple[int, str], list[tuple[int, str, str, str]]] = {}
    for line in lines:
        path = str(line.get("path") or "")
        if not path.startswith("/") or line.get("verdict") == "missing" or line.get("type") == "pattern":
            continue
        key = path_key(path)
        if (place := _place(key[1:])) is not None:
            (number, rank, reader), below = place
            names.setdefault((number, below), []).append((rank, path, reader, _masks(line, key, below)))
    found = {}
    for same in names.values():
        first, path, reader, mask = min(same)
        for rank, other, _, _ in same:
            if rank > first:
                found[path_key(other)] = f"{path} ({mask}) masks it" if mask else f"{reader} reads {path} in its place"
    return found


def without_commands(units: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return `path_key` of a unit whose every command a drop-in takes away → clause. `units`: records of systemd_units of one host.

    systemd.service(5), ExecStart=: the empty string resets the list, and prior assignments have no effect.
    """
    main: dict[tuple[str, str], list[tuple[str, frozenset[str]]]] = {}
    taken: dict[tuple[str, str], tuple[str, set[str]]] = {}
    for unit in units:
        name, path = (str(unit.get("service.name")), str(unit.get("escadre.scope"))), str(unit.get("file.path"))
        if drop_in := unit.get("escadre.systemd.drop_in"):
            cleared = {
                line[len("Service.") : -1]
                for line in unit.get("escadre.settings") or ()
                if line.startswith("Service.Exec") and line[-1] == "="
            }
            if cleared:
                taken.setdefault(name, (str(drop_in), set()))[1].update(cleared)
        elif commands := frozenset(line.partition("=")[0] for line in unit.get("escadre.systemd.exec") or ()):
            main.setdefault(name, []).append((path, commands))
    return {
        path_key(path): f"drop-in {drop_in} takes its commands away"
        for name, (drop_in, cleared) in taken.items()
        for path, commands in main.get(name, ())
        if commands <= cleared
    }


def _place(path: str) -> tuple[tuple[int, int, str], str] | None:
    """Return the folder of a list that a path is in, and the rest of the path: a drop-in is overridden by one of the same unit."""
    folder = path
    while folder := folder.rpartition("/")[0]:
        if (known := _folders().get(folder)) is not None:
            below = path[len(folder) + 1 :]
            return None if ".wants/" in below or ".requires/" in below else (known, below)
    return None


def _masks(line: Mapping[str, Any], key: str, below: str) -> str:
    if line.get("link") == "/dev/null":
        return "a link to /dev/null"
    empty = line.get("verdict") == "taken" and line.get("size") == 0 and "/" not in below
    return "an empty file" if empty and key[1:].startswith(_MASKED_BY_NOTHING) and "generators" not in key else ""
