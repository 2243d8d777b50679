"""Tasks, units, cron entries, services and run keys whose target file was not there, where the collection can tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from commodore.artefact import Artefact, Problem, Record
from commodore.case.jsonl import Search, matching
from commodore.case.view import CaseView
from commodore.host import Host
from commodore.sentence import sentence
from scout.coverage import TargetCoverage
from scout.formats import commandline
from scout.formats.linux_paths import spellings

SOURCES = ("scheduled_tasks", "services", "run_keys", "systemd_units", "cron", "ld_so_preload")

ARTEFACT = Artefact(
    name="missing_targets",
    title="Targets that were not there",
    about="One record per file that something starts and that was not on the host. A task whose file is gone is a trace of something that "
    "was removed, or of a clean-up that stopped half way. Only where the collection would have shown the file: a target of SCOUT looked "
    "for its path and custody has no such file, or the complete $MFT of its volume has no such name. A program that the profile does "
    "not take, `/bin/sh` say, is not in this dataset; neither is a file that $MFT knows.",
    datasets=(*SOURCES, "mft"),
    fields=(
        "escadre.missing.dataset",
        "escadre.records_used",
        "escadre.missing.item",
        "escadre.missing.shown_by",
        "escadre.missing.deleted",
        "process.command_line",
        "file.path",
        "file.name",
        "user.name",
    ),
    kind="state",
    category=("file", "configuration"),
    type=("info",),
    action="target-missing",
    attack=("T1053", "T1543"),
    message="{escadre.missing.item} starts {file.path!q}, which was not there.",
    version=3,
    sources=(
        "docs/design/contracts.md: members/<collection>.jsonl.zst and its verdicts; scout/collecting/plan.py: verdicts in custody",
        "file-hierarchy(7): /bin, /sbin and /lib are links into /usr on merged systems",
        "CreateProcessW (Microsoft, Win32): names without a directory are looked for along the PATH, `.exe` is added",
    ),
)

_MISSING = sentence("{item} starts {target!q}, which {words}.")
_ITEM = {
    "scheduled_tasks": ("Task", ("escadre.task.path", "file.path")),
    "services": ("Service", ("service.name",)),
    "run_keys": ("Run key", ("registry.path",)),
    "systemd_units": ("Unit", ("service.name",)),
    "cron": ("Cron entry", ("file.path",)),
    "ld_so_preload": ("Preload entry", ("file.path",)),
}
_GONE = frozenset({"missing", "vanished"})
_MOST_NAMES, _LONGEST_NAME = 5_000, 40
"""names by which records of $MFT are chosen, and characters of a name that choose: beyond, more records are looked at"""
_WIDE, _MORE = "wide", "more"
"""a character beyond ASCII, whose case bytes do not tell; the rest of a long name"""
_CHARACTERS = {_WIDE: rb'[^"\\]+', _MORE: rb'[^"\\]'}
_NEW_ROOT = frozenset({"Service.RootDirectory", "Service.RootImage"})
_UNCLEAR = re.compile(r"[%*~/:]|\\sysnative\\|\\\\|\\\.\.?(?:\\|\Z)|[ .]\Z", re.IGNORECASE)


class _Wanted:
    """One target: its possible paths, and the records that start it."""

    __slots__ = ("dataset", "item", "paths", "record", "target", "user")

    def __init__(self, dataset: str, record: dict[str, Any], item: str, target: str, paths: tuple[str, ...]) -> None:
        self.dataset, self.item, self.target, self.paths = dataset, item, target, paths
        self.user = record.get("user.name")
        self.record = {k: record[k] for k in ("escadre.id", "escadre.locator", "escadre.member", "process.command_line") if k in record}


class _Proof(NamedTuple):
    """The evidence, in words, that a file was not there; whether $MFT still has its entry."""

    by: str
    words: str
    deleted: bool = False


def derive(view: CaseView, host: Host) -> Iterator[Record | Problem]:
    """One record per starter and file that was not there."""
    windows = host.os == "windows"
    wanted = list(_wanted(view, host, windows))
    paths = {path for one in wanted for path in one.paths}
    if not paths:
        return
    told, gone, tables, coverage = _custody(view, host, windows, paths)
    rest = {path for one in wanted if not told.intersection(one.paths) for path in one.paths}
    table = _Table(view, rest, tables) if windows and tables else None
    for one in wanted:
        if told.isdisjoint(one.paths) and (proof := _proof(one.paths, gone, coverage, table)):
            yield _record(one, proof, windows)


def _proof(paths: tuple[str, ...], gone: set[str], coverage: TargetCoverage, table: _Table | None) -> _Proof | None:
    """Return the evidence that the file was at none of the paths; None where it may have been."""
    if not gone.isdisjoint(paths):
        return _Proof("custody", "was not there when the host was collected")
    if table is not None and paths[0][:2] in table.volumes:
        return table.proof(paths)
    looked = [coverage.absent(path) for path in paths]
    if any(looked) and all(by or coverage.linked(path) for by, path in zip(looked, paths, strict=True)):
        by = next(filter(None, looked))
        return _Proof(by, f"was not there when the host was collected: {by} looked for it")
    return None


def _wanted(view: CaseView, host: Host, windows: bool) -> Iterator[_Wanted]:
    for dataset in SOURCES:
        label, names = _ITEM[dataset]
        for record in view.records(dataset):
            if record.get("escadre.service.start") == "disabled" or record.get("escadre.registry.current") is False:
                continue  # nothing starts it
            item = f"{label} {next((str(record[n]) for n in names if record.get(n)), '')}".strip()
            if dataset == "cron" and "escadre.line_number" in record:
                item += f" line {record['escadre.line_number']}"
            for target, *readings in dict.fromkeys(_targets(record, host, windows)):
                paths = _windows_paths(target, readings) if windows else _posix_paths(target)
                if paths:
                    yield _Wanted(dataset, record, item, target, paths)


def _targets(record: dict[str, Any], host: Host, windows: bool) -> Iterator[tuple[str, ...]]:
    """Files that a record starts, as written, each with other readings of the same words."""
    if _NEW_ROOT.intersection(setting.partition("=")[0] for setting in record.get("escadre.settings") or ()):
        return  # its paths are those of another root
    for line in _lines(record):
        if windows:
            target = commandline.parse_windows(line, system_root=host.system_root or "C:\\Windows")
        elif "escadre.systemd.exec" in record:
            target = commandline.parse_argv(commandline.split_posix(line))
        else:
            target = commandline.parse_posix(line, home=host.profiles.get(str(record.get("user.name", "")), ""))
        for file in target.files:
            yield (file, *target.candidates) if file == target.executable else (file,)
    for name in ("dll.path", "escadre.service.dll"):
        if isinstance(record.get(name), str):
            yield (record[name],)


def _lines(record: dict[str, Any]) -> Iterator[str]:
    units, tasks = record.get("escadre.systemd.exec"), record.get("escadre.task.commands")
    if isinstance(units, list):
        for one in units:
            yield str(one).partition("=")[2].lstrip("@-:+!|")
    elif isinstance(tasks, list):
        yield from filter(None, map(str, tasks))
    elif isinstance(record.get("process.command_line"), str):
        yield record["process.command_line"]


def _posix_paths(target: str) -> tuple[str, ...]:
    """Return all possible paths of the file; none where its name does not give them."""
    if not target.startswith("/") or target.startswith(("/dev/tcp/", "/dev/null", "/proc/")) or re.search(r"[%$*]|/\.\.?(?:/|\Z)", target):
        return ()
    return spellings(re.sub(r"/+", "/", target).rstrip("/"))


def _windows_paths(target: str, readings: list[str]) -> tuple[str, ...]:
    """Return all possible paths of the file, in lower case; none where its name does not give them.

    A bare name is looked up along the PATH; a short name (`PROGRA~1`) and Sysnative mean other folders; a 32-bit program finds SysWOW64
    under the name of System32.
    """
    if not re.match(r"[A-Za-z]:\\", target) or _UNCLEAR.search(target, 2):
        return ()
    found: dict[str, None] = {}
    for reading in (target, *readings):
        for place in (reading,) if re.search(r"\.[A-Za-z0-9]{1,4}$", reading) else (f"{reading}.exe", reading):
            found |= dict.fromkeys((place.lower(), place.lower().replace("\\system32\\", "\\syswow64\\", 1)))
    return tuple(found)


def _custody(view: CaseView, host: Host, windows: bool, wanted: set[str]) -> tuple[set[str], set[str], dict[str, int], TargetCoverage]:
    """Return (wanted paths that were there, those that vanished, bytes of the $MFT by volume, coverage of SCOUT's targets)."""
    there: set[str] = set()
    gone: set[str] = set()
    tables: dict[str, int] = {}
    coverage = TargetCoverage.of(wanted, windows=windows, system_root=host.system_root, whole=view.whole)
    for member in view.members():
        coverage.note(member)
        path = str(member.get("path") or "")
        path = path.lower() if windows else path
        verdict = member.get("verdict")
        if verdict in _GONE:
            gone.update({path} & wanted)
            continue
        if path[1:] == ":\\$mft" and verdict == "taken" and "valid" not in member:
            tables[path[:2]] = int(member.get("size") or 0)
        folder = path.rpartition("\\" if windows else "/")[0]
        if folder in wanted:
            there.add(folder)
        if path in wanted:
            there.add(path)
    return there, gone - there, tables, coverage


class _Table:
    """The entries of each volume's $MFT for some paths. Only records with one of their names, or of a folder above, are decoded."""

    def __init__(self, view: CaseView, paths: set[str], tables: dict[str, int]) -> None:
        self._folders = {folder for path in paths for folder in _above(path)}
        self.volumes = {volume for volume, size in tables.items() if _complete(view, volume, size)}
        self._known: set[str] = set()
        self._deleted: set[str] = set()
        self._elsewhere: set[str] = set()
        """folders that may lead to another one: junctions and the like"""
        names = {path.rpartition("\\")[2] for path in (*paths, *self._folders) if path[:2] in self.volumes}
        for record in view.records("mft", _ending(names)) if names else ():
            self._note(record, paths)

    def _note(self, record: dict[str, Any], paths: set[str]) -> None:
        for native in record.get("escadre.mft.paths") or [record.get("file.path", "")]:
            path = str(native).lower()
            if path in paths:
                (self._deleted if record.get("escadre.state") == "deleted" else self._known).add(path)
            elif path in self._folders and "reparse" in (record.get("file.attributes") or ()):
                self._elsewhere.add(path)

    def proof(self, paths: tuple[str, ...]) -> _Proof | None:
        """Return the evidence that none of the paths was there; None below a folder that is a junction."""
        if any(p in self._known or self._elsewhere.intersection(_above(p)) for p in paths):
            return None
        if any(p in self._deleted for p in paths):
            return _Proof("mft", "was deleted: $MFT still has its entry", deleted=True)
        return _Proof("mft", "was not on the disk: $MFT has no such file")


def _complete(view: CaseView, volume: str, size: int) -> bool:
    """Return whether a table of `size` bytes is as long as its entry 0, which describes the table itself, says. One without it is not."""
    own = re.compile(rb'"file\.path":"(?i:%s\\\\\$mft)"' % volume.encode())
    said = [
        r.get("file.size") for r in view.records("mft", matching(own)) if r.get("file.inode") == "0" and r.get("escadre.state") != "deleted"
    ]
    return len(said) == 1 and isinstance(said[0], int) and 0 < said[0] <= size


def _above(path: str) -> Iterator[str]:
    r"""`c:\a\b` and `c:\a` of `c:\a\b\c`."""
    while (path := path.rpartition("\\")[0]) and "\\" in path:
        yield path


def _ending(names: set[str]) -> Search | None:
    """Return a search that finds each record whose path ends in one of the names (in lower case); None: any line."""
    if len(names) > _MOST_NAMES:
        return None
    tree: dict[str, Any] = {}
    for name in names:
        node = tree
        for char in name[:_LONGEST_NAME]:
            node = node.setdefault(char if char.isascii() else _WIDE, {})
        node['"' if len(name) <= _LONGEST_NAME else _MORE] = {}
    return matching(re.compile(rb"\\\\(?i:" + _alternatives(tree) + rb")"))


def _alternatives(tree: dict[str, Any]) -> bytes:
    """A tree of characters as a pattern."""
    parts = [_CHARACTERS.get(c, re.escape(c).encode()) + (_alternatives(rest) if rest else b"") for c, rest in sorted(tree.items())]
    return parts[0] if len(parts) == 1 else b"(?:" + b"|".join(parts) + b")"


def _record(one: _Wanted, proof: _Proof, windows: bool) -> Record:
    out: dict[str, Any] = {
        "escadre.missing.dataset": one.dataset,
        "escadre.missing.item": one.item,
        "escadre.missing.shown_by": proof.by,
        "file.path": one.target,
        "file.name": one.target.rsplit("\\" if windows else "/", 1)[-1],
        "message": _MISSING({"item": one.item, "target": one.target, "words": proof.words}),
    }
    if proof.deleted:
        out["escadre.missing.deleted"] = True
    if "escadre.id" in one.record:
        out["escadre.records_used"] = [one.record["escadre.id"]]
    if "process.command_line" in one.record:
        out["process.command_line"] = one.record["process.command_line"]
    if one.user:
        out["user.name"] = one.user
    return Record(f"{one.dataset} {one.record.get('escadre.member', 0)} {one.record.get('escadre.locator', '')} {one.target}", out)
