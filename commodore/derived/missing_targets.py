"""Tasks, units, cron entries, services and run keys whose target file is not in the collection, and whether it was on the disk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from commodore import commandline
from commodore.artefact import Artefact, Problem, Record
from commodore.derived.process_tree import View
from commodore.host import Host

SOURCES = ("scheduled_tasks", "services", "run_keys", "systemd_units", "cron", "ld_so_preload")

ARTEFACT = Artefact(
    name="missing_targets",
    title="Targets that are missing from the collection",
    about="One record per file that something starts and that was not collected. That alone does not mean that it was gone: "
    "`escadre.missing.on_disk` says `yes` where $MFT or the custody log knows the file, `no` where they know that it is not there, else "
    "`unknown`. "
    "A task whose file is gone is a trace of something that was removed.",
    datasets=(*SOURCES, "mft"),
    fields=(
        "escadre.missing.dataset", "escadre.missing.record", "escadre.missing.item", "escadre.missing.target", "escadre.missing.collected",
        "escadre.missing.on_disk", "process.command_line", "file.path", "file.name", "user.name",
    ),
    kind="state",
    category=("file", "configuration"),
    type=("info",),
    action="target not collected",
    attack=("T1053", "T1543"),
    message="{escadre.missing.item} starts {escadre.missing.target}, which is not in the collection.",
    sources=(
        "docs/design/contracts.md: members.jsonl and its verdicts",
        "file-hierarchy(7): /bin, /sbin and /lib are links into /usr on merged systems",
        "CreateProcessW (Microsoft, Win32): search order for names without a directory",
    ),
)

_ITEM = {
    "scheduled_tasks": ("Task", ("escadre.task.path", "escadre.task.name", "service.name", "file.path")),
    "services": ("Service", ("service.name",)),
    "run_keys": ("Run key", ("registry.path",)), "systemd_units": ("Unit", ("escadre.systemd.unit",)),
    "cron": ("Cron entry", ("file.path",)),
    "ld_so_preload": ("Preload entry", ("file.path",)),
}
_GONE = frozenset({"missing", "vanished"})
_MERGED = re.compile(r"^/(?:usr/)?(bin|sbin|lib|lib32|lib64)/")


class _Wanted:
    """One target: the paths under which it may stand, and who starts it."""

    __slots__ = ("dataset", "item", "paths", "record", "target", "user")

    def __init__(self, dataset: str, record: dict[str, Any], item: str, target: str, paths: tuple[str, ...]) -> None:
        self.dataset, self.item, self.target, self.paths = dataset, item, target, paths
        self.user = record.get("user.name")
        self.record = {k: record[k] for k in ("escadre.id", "escadre.locator", "escadre.member", "process.command_line") if k in record}


def derive(view: View, host: Host) -> Iterator[Record | Problem]:
    """One record per starter and file that was not collected."""
    windows = host.os == "windows"
    wanted = list(_wanted(view, host, windows))
    if not wanted:
        return
    there, seen, gone = _collected(view, windows, {path for one in wanted for path in one.paths})
    known, deleted, has_mft = _on_disk(view, {path for one in wanted for path in one.paths}) if windows else (set(), set(), False)
    for one in wanted:
        if any(path in there for path in one.paths):
            continue
        if any(path in known or path in seen for path in one.paths):
            state, words = "yes", "was on the disk, but its content was not collected"
        elif any(path in gone for path in one.paths):
            state, words = "no", "was not there when the host was collected"
        elif has_mft:
            state = "no"
            words = "is deleted, by $MFT" if any(p in deleted for p in one.paths) else "is unknown to $MFT: it was not on the disk"
        else:
            state, words = "unknown", "is not in the collection; nothing tells whether it was on the disk"
        yield _record(one, state, words, windows)


def _wanted(view: View, host: Host, windows: bool) -> Iterator[_Wanted]:
    for dataset in SOURCES:
        label, names = _ITEM[dataset]
        for record in view.records(dataset):
            if record.get("escadre.service.start") == "disabled" or record.get("escadre.service.current") is False:
                continue  # nothing starts it
            item = f"{label} {next((str(record[n]) for n in names if record.get(n)), '')}".strip()
            if dataset == "cron" and "escadre.line_number" in record:
                item += f" line {record['escadre.line_number']}"
            for target in dict.fromkeys(_targets(record, host, windows)):
                paths = _paths(target, host, windows)
                if paths:
                    yield _Wanted(dataset, record, item, paths[0][1], tuple(p for p, _ in paths))


def _targets(record: dict[str, Any], host: Host, windows: bool) -> Iterator[str]:
    """Files that a record starts, as written."""
    for line in _lines(record):
        if windows:
            target = commandline.windows(line, system_root=host.system_root or "C:\\Windows")
        elif "escadre.systemd.exec" in record:
            target = commandline.argv(commandline.split_posix(line))
        else:
            target = commandline.posix(line, home=host.profiles.get(str(record.get("user.name", "")), ""))
        yield from target.files
    for name in ("dll.path", "escadre.service.dll"):
        if isinstance(record.get(name), str):
            yield record[name]


def _lines(record: dict[str, Any]) -> Iterator[str]:
    units, tasks = record.get("escadre.systemd.exec"), record.get("escadre.task.commands")
    if isinstance(units, list):
        for one in units:
            yield str(one).partition("=")[2].lstrip("@-:+!|")
    elif isinstance(tasks, list):
        yield from map(str, tasks)
    elif isinstance(record.get("process.command_line"), str):
        yield record["process.command_line"]


def _paths(target: str, host: Host, windows: bool) -> list[tuple[str, str]]:
    """[(path to compare, path to show)]: all places where the file may stand; empty where the name does not tell."""
    if not windows:
        if not target.startswith("/") or target.startswith(("/dev/tcp/", "/dev/null", "/proc/")) or re.search(r"[%$*]", target):
            return []
        clean = re.sub(r"/+", "/", target)
        merged = _MERGED.match(clean)
        return [(clean, clean)] + ([(f"{top}/{clean[merged.start(1):]}", clean) for top in ("", "/usr")] if merged else [])
    root = host.system_root or "C:\\Windows"
    if "%" in target or "*" in target or target.startswith("\\\\") or not target.strip():
        return []
    if re.match(r"[A-Za-z]:\\", target):
        places = [target]
    elif "\\" in target or "/" in target or ":" in target:
        return []
    else:
        places = [f"{root}\\System32\\{target}", f"{root}\\{target}", f"{root}\\SysWOW64\\{target}"]
    named = [p if re.search(r"\.[A-Za-z0-9]{1,4}$", p) else f"{p}.exe" for p in places]
    also = [p for p in places if p not in named]
    return [(p.lower(), named[0]) for p in (*named, *also)]


def _collected(view: View, windows: bool, wanted: set[str]) -> tuple[set[str], set[str], set[str]]:
    """(in the collection, known to be there but not taken, known to be missing), of the wanted paths."""
    there: set[str] = set()
    seen: set[str] = set()
    gone: set[str] = set()
    for member in view.members():
        path = str(member.get("path", ""))
        path = path.lower() if windows else path
        folder = path.rpartition("\\" if windows else "/")[0]
        if folder in wanted:
            there.add(folder)
        if path in wanted:
            verdict = member.get("verdict")
            (gone if verdict in _GONE else there if verdict in ("taken", "changed while read") else seen).add(path)
    return there, seen - there, gone - there


def _on_disk(view: View, wanted: set[str]) -> tuple[set[str], set[str], bool]:
    """(in $MFT, deleted in $MFT, whether there is an $MFT at all), of the wanted paths."""
    known: set[str] = set()
    deleted: set[str] = set()
    has_mft = False
    for record in view.records("mft"):
        has_mft = True
        path = str(record.get("file.path", "")).replace("/", "\\").lower()
        if path in wanted:
            (deleted if record.get("escadre.state") == "deleted" else known).add(path)
    return known, deleted - known, has_mft


def _record(one: _Wanted, state: str, words: str, windows: bool) -> Record:
    out: dict[str, Any] = {
        "escadre.missing.dataset": one.dataset, "escadre.missing.item": one.item, "escadre.missing.target": one.target,
        "escadre.missing.collected": False,
        "escadre.missing.on_disk": state, "file.path": one.target, "file.name": one.target.rsplit("\\" if windows else "/", 1)[-1],
        "message": f"{one.item} starts {one.target}, which {words}.",
    }
    if "escadre.id" in one.record:
        out["escadre.missing.record"] = one.record["escadre.id"]
    if "process.command_line" in one.record:
        out["process.command_line"] = one.record["process.command_line"]
    if one.user:
        out["user.name"] = one.user
    return Record(f"{one.dataset} {one.record.get('escadre.member', 0)} {one.record.get('escadre.locator', '')} {one.target}", out)
