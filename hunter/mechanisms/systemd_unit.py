"""systemd unit: remove the unit file, its drop-ins, and links that enable or rename it. A drop-in alone may be a target.

On the live host a system unit is stopped first, and the manager is reloaded afterwards. Links are removed one by one, each with a
journal line, which is `systemctl disable` with an undo. Where another unit file of the same name exists (the target shadows it), only the
target and the links that point at it are removed: drop-ins and the other links also belong to the other file.
Source: systemd.unit(5), UNIT FILE LOAD PATH, and the [Install] section.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

from hunter.host.state import UnsafeError
from hunter.host.tree import HostTree, HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._parts import kept, obstacles
from hunter.objects.loaded import OBJECT as LOADED
from hunter.objects.units import OBJECT as UNITS
from hunter.objects.units import instances, managed, unit_of
from hunter.plan.model import RemovalTarget
from scout.formats.linux_paths import MADE_UNITS, SYSTEM_UNITS, USER_UNITS, one_path

_SYSTEM = tuple(folder for folder in SYSTEM_UNITS if folder not in MADE_UNITS)
_DEPENDENCIES = (".wants", ".requires", ".upholds")


class _SystemdUnit:
    kind = "systemd-unit"

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        found = Inspection()
        state = view.state(target.path)
        found.states[target.path] = state
        if state is None:
            found.gone = "the unit file is not there"
        if not target.path.endswith(".conf"):
            for path in belongings(view, target.path):
                found.states[path] = view.state(path)
            found.starters = _starters(view, target.path)
        for path, each in found.states.items():
            found.problems += obstacles(path, each)
        if state and isinstance(view, HostTree) and managed(view) and _home(target.path)[0] == "system":
            _running(view, target.path, found)
        return found

    def backup(self, found: Inspection) -> Sequence[str]:
        return kept(found)

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:  # noqa: ARG002
        now = list(found.runtime.items())
        stop = [Edit("freeze", kind, name, after=after) for (kind, name), (_, after) in now if kind == "unit"]
        reload = [Edit("cut", kind, name, after=after) for (kind, name), (_, after) in now if kind == "loaded"]
        return [*stop, *(Edit("cut", "file", path) for path in reversed(found.states)), *reload]

    def restore(self, edits: Sequence[Edit]) -> Sequence[Edit]:
        order = {"file": 0, "loaded": 1, "unit": 2}
        return sorted(edits, key=lambda e: order[e.object])


MECHANISM = _SystemdUnit()


def _home(path: str) -> tuple[str, tuple[str, ...]]:
    """Return (manager, unit folders of its load path) for the folder of a unit file or drop-in."""
    folder = posixpath.dirname(path)
    if folder.endswith(".d"):
        folder = posixpath.dirname(folder)
    if folder in _SYSTEM:
        return "system", _SYSTEM
    return "user", USER_UNITS if folder in USER_UNITS else (folder,)


def belongings(view: HostView, path: str) -> list[str]:
    """Return the links and drop-ins (`*.conf`) that belong to the unit file, also under its other names, sorted."""
    unit = posixpath.basename(path)
    folders = _real(view, _home(path)[1])
    twin = any(one_path(f"{folder}/{unit}") != one_path(path) and _is(view, folder, unit, "file") for folder in folders)
    links = {link: posixpath.normpath(posixpath.join(posixpath.dirname(link), text)) for f in folders for link, text in _links(view, f)}
    ours = {one_path(path)}
    names = set() if twin else {unit}
    found: list[str] = []
    while new := [p for p, to in links.items() if p not in found and (one_path(to) in ours or posixpath.basename(to) in names)]:
        found += new
        aliases = [p for p in new if posixpath.dirname(p) in folders]  # a link to another name of the unit is a link to the unit
        ours |= {one_path(p) for p in aliases}
        names |= {n for n in map(posixpath.basename, aliases) if not any(_is(view, folder, n, "file") for folder in folders)}
    for folder in folders:
        for name in sorted(names):
            inside = view.names(f"{folder}/{name}.d")
            found += [f"{folder}/{name}.d/{n}" for n, kind in inside if kind in ("file", "link") and n.endswith(".conf")]
    return sorted({p for p in found if p != path})


def _starters(view: HostView, path: str) -> list[str]:
    """Return the timer, socket and path units of the same name: they would go on starting the unit, or fail to."""
    stem, _, suffix = posixpath.basename(path).rpartition(".")
    if suffix != "service":
        return []
    names = [f"{folder}/{stem}.{kind}" for folder in _home(path)[1] for kind in ("timer", "socket", "path")]
    return [p for p in names if _is(view, posixpath.dirname(p), posixpath.basename(p), "file")]


def _real(view: HostView, folders: Sequence[str]) -> list[str]:
    """Return those that are folders and not reached through a link (`/lib` on a merged system)."""
    return [f for f in folders if _is(view, posixpath.dirname(f), posixpath.basename(f), "directory")]


def _is(view: HostView, folder: str, name: str, kind: str) -> bool:
    return (name, kind) in _listing(view, folder)


def _listing(view: HostView, folder: str) -> list[tuple[str, str]]:
    try:
        return view.names(folder)
    except UnsafeError:
        return []


def _links(view: HostView, folder: str) -> Iterator[tuple[str, str]]:
    """Yield (path, text) of the links of a unit folder: other names of units, and entries of .wants, .requires and .upholds."""
    for name, kind in view.names(folder):
        if kind == "link":
            yield from _text(view, f"{folder}/{name}")
        elif kind == "directory" and name.endswith(_DEPENDENCIES):
            for inner, what in view.names(f"{folder}/{name}"):
                if what == "link":
                    yield from _text(view, f"{folder}/{name}/{inner}")


def _text(view: HostView, path: str) -> Iterator[tuple[str, str]]:
    state = view.state(path)
    if state is not None and state.type == "link":
        yield path, state.link


def _running(tree: HostTree, path: str, found: Inspection) -> None:
    """Add what the live manager knows: the unit is stopped only where the manager has loaded this very file."""
    loaded = LOADED.observe(tree, path)
    if loaded != {"loaded": "yes"}:
        return
    found.runtime["loaded", path] = ({"loaded": "yes"}, {"loaded": "no"})
    if not path.endswith(".conf"):
        for unit in instances(unit_of(path)):
            active = UNITS.observe(tree, unit)
            if active == {"active": "active"}:
                found.runtime["unit", unit] = (active, {"active": "inactive"})
