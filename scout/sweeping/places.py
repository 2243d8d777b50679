"""The places that a sweep of a host looks at: files, memory of processes, connections, command lines, the hosts file.

Each place yields hits (`place`, `path`, `rule` …) and, where something could not be searched, `{"not_searched": path, "why": …}`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

from scout import live
from scout.collecting.examined import ExaminedHost, target_of_paths
from scout.collecting.sweep_options import SweepOptions
from scout.collecting.walk import FoundPath, explain, walk
from scout.console import megabytes
from scout.sources.source import EvidenceSource, Parts, SourceFile
from scout.sweeping.wanted import SweepWanted, described, unique
from scout.targets.patterns import PatternTree, path_regex

Line = dict[str, Any]
_PIECE = 1 << 20
HASHED = 4_000_000_000
"""bytes of a file up to which it is hashed"""
_HOSTS = {True: ("Windows", "System32", "drivers", "etc", "hosts"), False: ("etc", "hosts")}


class FileSweep:
    """The files of the examined host below the paths of its target. `matched`: those that have something, with their source."""

    def __init__(self, host: ExaminedHost, wanted: SweepWanted, options: SweepOptions, step: Callable[[Parts], None]) -> None:
        self._host, self._wanted, self._options, self._step = host, wanted, options, step
        self.matched: list[tuple[EvidenceSource, FoundPath]] = []
        self.files = self.bytes = 0

    def __iter__(self) -> Iterator[Line]:
        for source in self._host.sources:
            tree = PatternTree(source.fold)
            for pattern in target_of_paths(self._host, source, self._host.paths).paths:
                tree.add(pattern, pattern)
            left_out = [path_regex(pattern.replace("\\", "/").lstrip("/"), source.fold) for pattern in self._options.exclude]
            for found in walk(source, tree, self._host.timed, self._step):
                native = source.native(found.parts)
                if any(pattern.fullmatch("/".join(found.parts)) for pattern in left_out):
                    continue
                yield from self._one(source, found, native)

    def _one(self, source: EvidenceSource, found: FoundPath, native: str) -> Iterator[Line]:
        hits = [{"place": "path", **hit} for hit in self._wanted.path(native)]
        self.files += 1
        if found.verdict and found.verdict != "link":
            yield {"not_searched": native, "why": found.error or found.verdict}
        elif not found.verdict and self._wanted.reads and found.size:
            try:
                file = self._host.timed.call(source.open, found.parts)
                try:
                    more, why = self._content(file, native)
                finally:
                    file.close()
            except OSError as e:
                more, why = [], explain(e)
            hits += more
            if why:
                yield {"not_searched": native, "why": why}
        for hit in unique(hits):
            yield {"path": native, "size": found.size, **hit}
        if hits and not found.verdict:
            self.matched.append((source, found))

    def _content(self, file: SourceFile, native: str) -> tuple[list[Line], str]:
        """Return the hits in the content of a file, and what was not compared."""
        size = file.status.st_size
        compared = self._wanted.rules is not None and size <= self._options.max_file
        why = "" if compared or self._wanted.rules is None else f"larger than {megabytes(self._options.max_file)}: no YARA"
        if not compared and not self._wanted.kinds:
            return [], why
        if not compared and size > HASHED:
            return [], f"larger than {megabytes(HASHED)}: not hashed"
        digests, kept, left = self._wanted.digests(), bytearray(), size
        while left > 0 and (piece := self._host.timed.call(file.read, min(left, _PIECE))):
            self._step(())
            left -= len(piece)
            self.bytes += len(piece)
            for digest in digests.values():
                digest.update(piece)
            if compared:
                kept += piece
        hits = [{"place": "content", **hit} for hit in self._wanted.digest(digests)]
        if compared:
            failed: list[str] = []
            hits += [{"place": "content", **hit} for hit in self._wanted.yara(bytes(kept), native, "", failed)]
            why = f"rules that could not be applied: {'; '.join(failed[:3])}" if failed else why
        return hits, why


def hosts_file(host: ExaminedHost, wanted: SweepWanted) -> Iterator[Line]:
    """Yield what the hosts file names."""
    parts = _HOSTS[host.system.windows]
    try:
        file = host.timed.call(host.system.open, parts)
        try:
            text = host.timed.call(file.read, _PIECE).decode("utf-8", "replace")
        finally:
            file.close()
    except OSError:
        return
    for number, line in enumerate(text.splitlines(), 1):
        for hit in wanted.text(line.partition("#")[0]):
            yield {"path": host.system.native(parts), "place": "hosts file", **hit, "around": f"line {number}: {line[:200]}"}


def running(wanted: SweepWanted, options: SweepOptions, system: str, step: Callable[[Parts], None]) -> Iterator[Line]:
    """Yield what processes of this host have in their command line and, with `memory`, in their memory."""
    for process in live.load("processes", system).collect():
        step(())
        pid, path = int(process["pid"]), str(process.get("exe") or process.get("name") or "")
        about = {"path": path or f"process {process['pid']}", "pid": pid, "process": str(process.get("name") or "")}
        command = str(process.get("command_line") or "")
        for hit in unique([*wanted.text(command), *wanted.path(path)]):
            yield {**about, "place": "process", **hit, "around": command[:500]}
        if sha256 := wanted.hashes.get(("sha256", str(process.get("exe_sha256") or ""))):
            yield {**about, "place": "process", **described(sha256, sha256.value)}
        if not options.memory or wanted.rules is None or pid == os.getpid() or process.get("kernel_thread"):
            continue
        try:
            for hit in wanted.memory(pid):
                yield {**about, "place": "memory", **hit}
        except OSError as e:
            yield {"not_searched": f"memory of process {pid} {about['process']}", "why": str(e)}


def connections(wanted: SweepWanted, system: str) -> Iterator[Line]:
    """Yield the peers of this host's connections, and on Windows the names that its resolver has in its cache."""
    for one in live.load("connections", system).collect():
        for key in ("remote_ip", "local_ip"):
            for hit in wanted.address(str(one.get(key) or "")):
                about = {"path": str(one.get("name") or "connection"), "pid": one.get("pid"), "process": str(one.get("name") or "")}
                said = (
                    f"{one.get('protocol')} {one.get('local_ip')}:{one.get('local_port')} {one.get('remote_ip')}:{one.get('remote_port')}"
                )
                yield {**about, "place": "connection", **hit, "around": said}
    if system == "windows":
        for one in live.load("network", system).collect():
            if one.get("kind") == "dns":
                for hit in wanted.text(str(one.get("name") or "")):
                    yield {"path": "DNS cache", "place": "resolver", **hit}


def named_objects(wanted: SweepWanted) -> Iterator[Line]:
    """Yield the mutexes and named pipes of a running Windows that are wanted."""
    from scout.live.windows import _objects, pipes

    kinds = {kind for kind, _ in wanted.objects}
    for name in _objects.mutexes() if "mutex" in kinds else ():
        for hit in wanted.object("mutex", name):
            yield {"path": name, "place": "mutex", **hit}
    for one in pipes.collect() if "pipe" in kinds else ():
        for hit in wanted.object("pipe", one["name"]):
            yield {"path": f"\\\\.\\pipe\\{one['name']}", "place": "pipe", **hit}


class OutOfTime(Exception):  # noqa: N818  (a limit, no error)
    """The time of the sweep is over."""


def clock(seconds: float) -> Callable[[], None]:
    """Return what raises OutOfTime after so many seconds; 0: never."""
    until = monotonic() + seconds

    def check() -> None:
        if seconds and monotonic() > until:
            raise OutOfTime

    return check
