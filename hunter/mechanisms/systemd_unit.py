"""systemd unit: the unit file, its drop-ins and the links that enable it or give it another name. A drop-in alone is a target as well.

On the live host a system unit is stopped first and the manager reloaded afterwards. Links are removed one by one and journaled, which is
what `systemctl disable` does, with a way back for each. Where another unit file of the same name exists (the guilty one shadows it), only
the guilty file goes and the links that point at it: drop-ins and the other links belong to the other file too.
Source: systemd.unit(5), UNIT FILE LOAD PATH, and the [Install] section.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

from hunter.common import kept, obstacles
from hunter.mechanisms import Edit, Found
from hunter.objects.loaded import OBJECT as LOADED
from hunter.objects.units import OBJECT as UNITS
from hunter.objects.units import managed, one_path, unit_of
from hunter.plan import Target
from hunter.state import UnsafeError
from hunter.tree import Tree, View

_BASES = ("/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd")
_SYSTEM = tuple(f"{base}/{kind}" for base in _BASES for kind in ("system", "system.control", "system.attached"))
_USER = tuple(f"{base}/user" for base in _BASES)
_DEPENDENCIES = (".wants", ".requires", ".upholds")


class _SystemdUnit:
    kind = "systemd-unit"

    def inspect(self, view: View, target: Target) -> Found:
        found = Found()
        state = view.state(target.path)
        found.states[target.path] = state
        if state is None:
            found.gone = "the unit file is not there"
        if not target.path.endswith(".conf"):
            for path in _belongings(view, target.path):
                found.states[path] = view.state(path)
        for path, each in found.states.items():
            found.problems += obstacles(path, each)
        if state and isinstance(view, Tree) and managed(view) and _home(target.path)[0] == "system":
            _running(view, target.path, found)
        return found

    def backup(self, found: Found) -> Sequence[str]:
        return kept(found)

    def apply(self, found: Found, target: Target) -> Sequence[Edit]:  # noqa: ARG002
        now = list(found.runtime.items())
        stop = [Edit("freeze", kind, name, after=after) for (kind, name), (_, after) in now if kind == "unit"]
        reload = [Edit("cut", kind, name, after=after) for (kind, name), (_, after) in now if kind == "loaded"]
        return [*stop, *(Edit("cut", "file", path) for path in reversed(found.states)), *reload]

    def restore(self, edits: Sequence[Edit]) -> Sequence[Edit]:
        order = {"file": 0, "loaded": 1, "unit": 2}
        return sorted(edits, key=lambda e: order[e.object])


MECHANISM = _SystemdUnit()


def _home(path: str) -> tuple[str, tuple[str, ...]]:
    """(manager, unit folders of its load path) for the folder that a unit file or drop-in lies in."""
    folder = posixpath.dirname(path)
    if folder.endswith(".d"):
        folder = posixpath.dirname(folder)
    if folder in _SYSTEM:
        return "system", _SYSTEM
    return "user", _USER if folder in _USER else (folder,)


def _belongings(view: View, path: str) -> list[str]:
    """Links and drop-ins that belong to the unit file, sorted."""
    unit = posixpath.basename(path)
    folders = _real(view, _home(path)[1])
    twin = any(one_path(f"{folder}/{unit}") != one_path(path) and _is(view, folder, unit, "file") for folder in folders)
    found = []
    for folder in folders:
        for link, text in _links(view, folder, unit):
            points = posixpath.normpath(posixpath.join(posixpath.dirname(link), text))
            if one_path(points) == one_path(path) or (not twin and posixpath.basename(points) == unit):
                found.append(link)
        if not twin:
            found += [f"{folder}/{unit}.d/{name}" for name, kind in view.names(f"{folder}/{unit}.d") if kind in ("file", "link")]
    return sorted(p for p in found if p != path)


def _real(view: View, folders: Sequence[str]) -> list[str]:
    """Those that are folders and are not reached through a link (`/lib` on a merged system)."""
    return [f for f in folders if _is(view, posixpath.dirname(f), posixpath.basename(f), "directory")]


def _is(view: View, folder: str, name: str, kind: str) -> bool:
    return (name, kind) in _listing(view, folder)


def _listing(view: View, folder: str) -> list[tuple[str, str]]:
    try:
        return view.names(folder)
    except UnsafeError:
        return []


def _links(view: View, folder: str, unit: str) -> Iterator[tuple[str, str]]:
    """(path, text) of links below `folder` that may stand for the unit: aliases, and entries of .wants, .requires, .upholds folders."""
    stem, _, suffix = unit.rpartition(".")
    for name, kind in view.names(folder):
        if kind == "link":
            yield from _text(view, f"{folder}/{name}")
        elif kind == "directory" and name.endswith(_DEPENDENCIES):
            for inner, what in view.names(f"{folder}/{name}"):
                instance = stem.endswith("@") and inner.startswith(stem) and inner.endswith(f".{suffix}")
                if what == "link" and (inner == unit or instance):
                    yield from _text(view, f"{folder}/{name}/{inner}")


def _text(view: View, path: str) -> Iterator[tuple[str, str]]:
    state = view.state(path)
    if state is not None and state.type == "link":
        yield path, state.link


def _running(tree: Tree, path: str, found: Found) -> None:
    """What the live manager knows of it: only where it runs this very file is it stopped."""
    loaded = LOADED.observe(tree, path)
    if loaded != {"loaded": "yes"}:
        return
    found.runtime["loaded", path] = ({"loaded": "yes"}, {"loaded": "no"})
    if not path.endswith(".conf"):
        unit = unit_of(path)
        active = UNITS.observe(tree, unit)
        if active == {"active": "active"}:
            found.runtime["unit", unit] = (active, {"active": "inactive"})
