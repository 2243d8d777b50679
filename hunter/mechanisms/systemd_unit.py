"""systemd unit: remove the unit file, its drop-ins, and links that enable or rename it. A drop-in alone may be a target.

On the live host a system unit is stopped first, and the manager is reloaded afterwards. Links are removed one by one, each with a
journal line, which is `systemctl disable` with an undo. Where another unit file of the same name exists (the target shadows it), only the
target and the links that point at it are removed: drop-ins and the other links also belong to the other file.
Source: systemd.unit(5), UNIT FILE LOAD PATH, and the [Install] section.
"""

from __future__ import annotations

import posixpath
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hunter.host.host import RemovalHost
from hunter.host.view import FileView, HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._parts import Operation, base_name, file_at, obstacles
from hunter.objects.loaded import OBJECT as LOADED
from hunter.objects.units import OBJECT as UNITS
from hunter.objects.units import instances, managed, unit_of
from hunter.plan.model import RemovalTarget
from hunter.ref import Ref
from hunter.unsafe import UnsafeError
from scout.formats.linux_paths import MADE_UNITS, SYSTEM_UNITS, USER_UNITS, one_path

_SYSTEM = tuple(folder for folder in SYSTEM_UNITS if folder not in MADE_UNITS)
_DEPENDENCIES = (".wants", ".requires", ".upholds")
_STARTERS = {"timer": "L007", "socket": "L012", "path": "L012"}
"""kind of unit that starts a service of its name → row of the persistence table"""
_BACK = {"file": 0, "loaded": 1, "unit": 2}


class _SystemdUnit(Operation):
    operation = "systemd-unit"
    encloses = True

    def targets(self, fields: Mapping[str, Any]) -> list[RemovalTarget]:
        ref = file_at(fields)
        return [RemovalTarget(ref, name=base_name(ref))]

    def belongings(self, view: HostView, ref: Ref) -> list[Ref]:
        return [] if ref.name.endswith(".conf") else [Ref("file", path) for path in _belongings(view.files, ref.name)]

    def starters(self, view: HostView, ref: Ref) -> list[tuple[Ref, str]]:
        """A starter must lie in the folder of the service, and neither may have a twin that it shadows."""
        stem, _, suffix = ref.name.rpartition(".")
        if suffix != "service" or _twin(view.files, ref.name):
            return []
        found = [(f"{stem}.{kind}", row) for kind, row in _STARTERS.items()]
        files = view.files
        return [(Ref("file", path), row) for path, row in found if _at(files, path, "file") and not _twin(files, path)]

    def unit(self, ref: Ref) -> str:
        return "" if ref.name.endswith(".conf") else unit_of(ref.name)

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        path = target.ref.name
        states = {path: view.files.state(path)}
        states |= {ref.name: view.files.state(ref.name) for ref in self.belongings(view, target.ref)}
        found = Inspection(gone="" if states[path] else "the unit file is not there")
        for each, state in states.items():
            found.states[Ref("file", each)] = state.to_json() if state else None
            found.problems += obstacles(each, state)
        if not path.endswith(".conf"):
            found.starters = [Ref("file", each) for each in _starters(view.files, path)]
        if states[path] and isinstance(view, RemovalHost) and managed(view) and _home(path)[0] == "system":
            _running(view, path, found)
        return found

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:  # noqa: ARG002
        of = {kind: [ref for ref in found.states if ref.object == kind] for kind in _BACK}
        stop = [Edit("stop", ref, after={"active": "inactive"}) for ref in of["unit"]]
        reload = [Edit("cut", ref, after={"loaded": "no"}) for ref in of["loaded"]]
        return [*stop, *(Edit("cut", ref) for ref in reversed(of["file"])), *reload]

    def restore(self, edits: Sequence[Edit]) -> Sequence[Edit]:
        return sorted(edits, key=lambda e: _BACK[e.ref.object])


MECHANISM = _SystemdUnit()


def _home(path: str) -> tuple[str, tuple[str, ...]]:
    """Return (manager, unit folders of its load path) for the folder of a unit file or drop-in."""
    folder = posixpath.dirname(path)
    if folder.endswith(".d"):
        folder = posixpath.dirname(folder)
    if folder in _SYSTEM:
        return "system", _SYSTEM
    return "user", USER_UNITS if folder in USER_UNITS else (folder,)


def _belongings(view: FileView, path: str) -> list[str]:
    """Return the links and drop-ins (`*.conf`) that belong to the unit file, also under its other names, sorted."""
    unit = posixpath.basename(path)
    folders = _real(view, _home(path)[1])
    twin = _twin(view, path)
    links = {link: posixpath.normpath(posixpath.join(posixpath.dirname(link), text)) for f in folders for link, text in _links(view, f)}
    ours = {one_path(path)}
    names = set() if twin else {unit}
    found: list[str] = []
    while new := [p for p, to in links.items() if one_path(to) in ours or posixpath.basename(to) in names]:
        found += new
        taken = set(new)
        links = {p: to for p, to in links.items() if p not in taken}
        aliases = [p for p in new if posixpath.dirname(p) in folders]  # a link to another name of the unit is a link to the unit
        ours |= {one_path(p) for p in aliases}
        names |= {n for n in map(posixpath.basename, aliases) if not any(_is(view, folder, n, "file") for folder in folders)}
    for folder in folders:
        for name in sorted(names):
            inside = view.names(f"{folder}/{name}.d")
            found += [f"{folder}/{name}.d/{n}" for n, kind in inside if kind in ("file", "link") and n.endswith(".conf")]
    return sorted({p for p in found if p != path})


def _starters(view: FileView, path: str) -> list[str]:
    """Return the timer, socket and path units of the same name: they would go on starting the unit, or fail to."""
    stem, _, suffix = posixpath.basename(path).rpartition(".")
    if suffix != "service":
        return []
    names = [f"{folder}/{stem}.{kind}" for folder in _home(path)[1] for kind in ("timer", "socket", "path")]
    return [p for p in names if _is(view, posixpath.dirname(p), posixpath.basename(p), "file")]


def _real(view: FileView, folders: Sequence[str]) -> list[str]:
    """Return those that are folders and not reached through a link (`/lib` on a merged system)."""
    return [f for f in folders if _is(view, posixpath.dirname(f), posixpath.basename(f), "directory")]


def _is(view: FileView, folder: str, name: str, kind: str) -> bool:
    entries = _listing(view, folder)  # sorted
    at = bisect_left(entries, (name, kind))
    return at < len(entries) and entries[at] == (name, kind)


def _listing(view: FileView, folder: str) -> list[tuple[str, str]]:
    try:
        return view.names(folder)
    except UnsafeError:
        return []


def _links(view: FileView, folder: str) -> Iterator[tuple[str, str]]:
    """Yield (path, text) of the links of a unit folder: other names of units, and entries of .wants, .requires and .upholds."""
    for name, kind in view.names(folder):
        if kind == "link":
            yield from _text(view, f"{folder}/{name}")
        elif kind == "directory" and name.endswith(_DEPENDENCIES):
            for inner, what in view.names(f"{folder}/{name}"):
                if what == "link":
                    yield from _text(view, f"{folder}/{name}/{inner}")


def _text(view: FileView, path: str) -> Iterator[tuple[str, str]]:
    state = view.state(path)
    if state is not None and state.type == "link":
        yield path, state.link


def _twin(view: FileView, path: str) -> bool:
    """Return True where the load path has another unit file of this name."""
    unit = posixpath.basename(path)
    return any(one_path(f"{folder}/{unit}") != one_path(path) and _is(view, folder, unit, "file") for folder in _real(view, _home(path)[1]))


def _at(view: FileView, path: str, kind: str) -> bool:
    return _is(view, posixpath.dirname(path), posixpath.basename(path), kind)


def _running(host: RemovalHost, path: str, found: Inspection) -> None:
    """Add what the live manager knows: the unit is stopped only where the manager has loaded this very file."""
    file = Ref("loaded", path)
    loaded = LOADED.observe(host, file)
    if loaded != {"loaded": "yes"}:
        return
    found.states[file] = loaded
    if not path.endswith(".conf"):
        for unit in instances(unit_of(path)):
            active = UNITS.observe(host, Ref("unit", unit))
            if active == {"active": "active"}:
                found.states[Ref("unit", unit)] = active
