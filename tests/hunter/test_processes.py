"""Running processes of this Linux: the right one is stopped and ended with what it started, and nothing else is."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pyrage
import pytest

from hunter.catalogue import catalogue
from hunter.host import memory, processes
from hunter.host.host import RemovalHost
from hunter.objects import of
from hunter.objects.process import near
from hunter.record.document import document
from hunter.ref import Ref
from hunter.unsafe import SurpriseError
from tests.conftest import PATIENCE, need
from tests.hunter.driver import hunt
from tests.hunter.test_accounts import _Root

SLEEP = "/bin/sleep"


@pytest.fixture(autouse=True)
def _linux() -> None:
    need(sys.platform == "linux" and os.geteuid() == 0 and hasattr(os, "pidfd_open"), "a Linux root account and pidfds")


def state_of(pid: int) -> str:
    """The letter of proc(5), '' where nothing with this number runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def started(pid: int) -> str:
    """The start as `ps` computes it: boot time and clock ticks of proc(5), RFC 3339."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    boot = next(int(line.split()[1]) for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    whole = boot + ticks // os.sysconf("SC_CLK_TCK")
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{ticks % 100:02d}Z"


class Inert:
    """A tree of inert processes: a program of its own, which waits, and two below it."""

    def __init__(self, folder: Path, first: str = "") -> None:
        self.program = folder / "waiter"
        shutil.copy(shutil.which("dash") or "/bin/sh", self.program)
        script = f"{first}{SLEEP} 3001 & {SLEEP} 3002 & wait"
        self.top = subprocess.Popen([self.program, "-c", script], start_new_session=True, stdin=subprocess.DEVNULL)
        self.below = self._children()

    def _children(self) -> list[int]:
        path = Path(f"/proc/{self.top.pid}/task/{self.top.pid}/children")
        for _ in range(500):
            if len(found := [int(pid) for pid in path.read_text().split()]) == 2:
                return found
            time.sleep(0.01)
        raise AssertionError("the inert processes do not start")

    @property
    def ref(self) -> Ref:
        return Ref("process", str(self.program), f"{self.top.pid} {started(self.top.pid)}")

    def states(self) -> list[str]:
        return [state_of(pid) for pid in (self.top.pid, *self.below)]

    def asleep(self) -> bool:
        """Whether all wait again; the kernel wakes one that goes on before it sleeps, so it may be seen running for a moment."""
        until = time.monotonic() + PATIENCE
        while set(self.states()) != {"S"} and time.monotonic() < until:
            time.sleep(0.01)
        return set(self.states()) == {"S"}

    def ended(self) -> bool:
        """Whether all have ended; one that nobody has waited for is still listed."""
        return set(self.states()) <= {"Z", ""}

    def stop(self) -> None:
        for pid in (*self.below, self.top.pid):
            if state_of(pid) not in ("", "Z"):
                os.kill(pid, signal.SIGKILL)
        self.top.wait()


@pytest.fixture
def inert(tmp_path):
    made = Inert(tmp_path)
    try:
        yield made
    finally:
        made.stop()


def plan_of(folder: Path, *refs: Ref, kind: str = "process") -> _Root:
    """A plan by hand on the running host, with one action for each process."""
    (folder / "plan").mkdir()
    bench = _Root(folder / "plan", {})
    does = {"do": catalogue()[kind].verb, "class": catalogue()[kind].cls}
    words = {"mechanism": "L090", "kind": kind, **does, "why": [], "backup": "encrypted", "reboot": "no"}
    actions = [{"id": f"a{n}", **words, "target": of(ref).words(ref), "expect": []} for n, ref in enumerate(refs, 1)]
    host = {"name": os.uname().nodename}
    bench.plan.write_text(json.dumps({"escadre_plan": "2", "host": host, "recipients": [bench.key], "actions": actions}))
    return bench


def run(bench: _Root, command: str, *words: str) -> tuple[int, str]:
    code, out, err = hunt(command, f"{bench.plan}.journal.jsonl" if command == "undo" else bench.plan, *words)
    return code, " ".join((out + err).split())


def test_a_tree_is_frozen_ended_and_said_to_be_final(inert, tmp_path) -> None:
    bench = plan_of(tmp_path, inert.ref)
    assert run(bench, "check", "--seal")[0] == 0
    code, told = run(bench, "apply")
    assert code == 0, told
    assert f"{inert.below[0]} ({SLEEP} 3001), {inert.below[1]} ({SLEEP} 3002)" in told
    assert inert.asleep()
    assert run(bench, "verify")[0] == 1
    code, told = run(bench, "apply", "--yes")
    assert (code, "Done: 1 of 1, verified." in told) == (0, True), told
    assert inert.ended()
    lines = [json.loads(line) for line in Path(f"{bench.plan}.journal.jsonl").read_text().splitlines()]
    begun = [line["object"] for line in lines if line["event"] == "begin"]
    assert begun == ["frozen", "process"]
    assert run(bench, "verify")[0] == 0
    code, told = run(bench, "undo")
    assert (code, f"cannot be taken back: stop and end the process {inert.program}" in told) == (0, True), told
    assert inert.ended()


def test_what_a_kill_left_frozen_goes_on_after_undo_and_ends_after_apply(inert, tmp_path) -> None:
    bench = plan_of(tmp_path, inert.ref)
    assert run(bench, "check", "--seal")[0] == 0
    end, processes.end = processes.end, lambda top: os.kill(os.getpid(), signal.SIGKILL)
    try:
        for last in ("undo", "apply"):
            child = os.fork()
            if child == 0:
                run(bench, "apply", "--yes")
                os._exit(0)
            assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
            assert inert.states() == ["T", "T", "T"]
            processes.end = end if last == "apply" else processes.end
            code, told = run(bench, *((last, "--yes") if last == "apply" else (last,)))
            assert code == 0, told
            assert inert.asleep() if last == "undo" else inert.ended()
    finally:
        processes.end = end


def test_a_number_that_another_process_has_now_is_never_touched(inert) -> None:
    time.sleep(0.05)  # two clock ticks at least: the start of a process with another number may be the same
    other = subprocess.Popen([SLEEP, "3003"], start_new_session=True)
    try:
        with RemovalHost() as host:
            was = of(inert.ref).observe(host, inert.ref)
            stranger = Ref("process", str(inert.program), f"{other.pid} 2001-01-01T00:00:00Z")
            assert of(stranger).observe(host, stranger) is None
            reused = Ref("process", os.path.realpath(SLEEP), f"{other.pid} {started(other.pid)}")
            for kind in ("process", "frozen"):
                ref = reused._replace(object=kind)
                then = None if kind == "process" else {**was, "frozen": "yes"}
                with pytest.raises(SurpriseError, match="another process now"):
                    of(ref).put(host, ref, {**was, "frozen": "no"}, then, None, "x")
            until = time.monotonic() + PATIENCE
            while state_of(other.pid) not in "ST" and time.monotonic() < until:  # it may still be on its way to sleep
                time.sleep(0.01)
            assert state_of(other.pid) == "S"
    finally:
        other.kill()
        other.wait()


def test_a_process_that_ended_by_itself_does_not_hold_up_the_plan(inert, tmp_path) -> None:
    second = subprocess.Popen([SLEEP, "3004"], start_new_session=True)
    ref = Ref("process", os.path.realpath(SLEEP), f"{second.pid} {started(second.pid)}")
    bench = plan_of(tmp_path, ref, inert.ref)
    assert run(bench, "check", "--seal")[0] == 0
    second.kill()
    second.wait()
    code, told = run(bench, "apply", "--yes")
    assert (code, "Done: 1 of 1" in told) == (0, True), told
    assert inert.ended()


def test_a_program_that_runs_again_is_named(inert, tmp_path) -> None:
    bench = plan_of(tmp_path, inert.ref)
    assert run(bench, "check", "--seal")[0] == 0
    again = subprocess.Popen([inert.program, "-c", f"{SLEEP} 3005 & wait"], start_new_session=True)
    try:
        code, told = run(bench, "apply", "--yes")
        assert (code, f"came back: a1 it runs again: {again.pid}" in told) == (1, True), told
        code, told = run(bench, "verify")
        assert (code, f"it runs again: {again.pid}" in told) == (1, True), told
    finally:
        for pid in map(int, Path(f"/proc/{again.pid}/task/{again.pid}/children").read_text().split()):
            os.kill(pid, signal.SIGKILL)
        again.kill()
        again.wait()


def test_a_program_without_a_file_is_kept(inert, tmp_path) -> None:
    inert.program.unlink()
    bench = plan_of(tmp_path, inert.ref)
    assert run(bench, "check", "--seal")[0] == 0
    code, told = run(bench, "apply", "--yes")
    assert code == 0, told
    kept = [json.loads(line) for line in Path(f"{bench.plan}.journal.jsonl").read_text().splitlines() if '"keep"' in line]
    assert [line["size"] for line in kept] == [Path(shutil.which("dash") or "/bin/sh").stat().st_size]


def test_a_start_that_was_read_a_little_differently_can_be_sealed(inert, tmp_path) -> None:
    pid, _, start = inert.ref.part.partition(" ")
    bench = plan_of(tmp_path, inert.ref._replace(part=f"{pid} {start[:-4]}.99Z"))
    code, told = run(bench, "check", "--seal")
    assert code == 0, told
    assert run(bench, "check")[0] == 0


@pytest.mark.parametrize("who", ["first", "self", "above"])
def test_what_carries_the_host_or_the_responder_is_refused(who, tmp_path) -> None:
    pid = {"first": 1, "self": os.getpid(), "above": os.getppid()}[who]
    try:
        program = os.readlink(f"/proc/{pid}/exe")
    except PermissionError:  # of a container
        program = "/sbin/init"
    bench = plan_of(tmp_path, Ref("process", program, f"{pid} {started(pid)}"))
    told = run(bench, "check", "--seal")[1]
    assert run(bench, "apply", "--yes", "--i-know", f"{program} (pid {pid})")[0] in (2, 3)
    why = {"first": "the host ends with it", "self": "HUNTER itself", "above": "HUNTER runs below it"}[who]
    assert "1 blocked" in told
    assert why in told


def test_a_mounted_root_has_no_processes(tmp_path) -> None:
    ref = Ref("process", SLEEP, "4000000 2026-11-29T10:00:00Z")
    bench = plan_of(tmp_path, ref)
    plan = json.loads(bench.plan.read_text()) | {"host": {"name": "web01"}}
    bench.plan.write_text(json.dumps(plan))
    code, told = bench.run("check", "--seal")
    assert (code, "1 later" in told) == (0, True), told


def test_starts_within_the_grain_of_the_kernel_are_the_same() -> None:
    assert near("2026-11-29T10:00:00.12Z", "2026-11-29T10:00:02.11Z")
    assert not near("2026-11-29T10:00:00.12Z", "2026-11-29T10:00:02.13Z")
    assert not near("yesterday", "yesterday")


MARKER = b"a_marker" + b"_of_this_shell"
"""a text that only the memory of the shell of `talking` has: it computes it"""


@pytest.fixture
def talking(tmp_path):
    made = Inert(tmp_path, 'X=$(printf "a_marker%s" "_of_this_shell"); ')
    try:
        yield made
    finally:
        made.stop()


def opened(bench: _Root, line: dict, key: Path) -> bytes:
    identity = pyrage.x25519.Identity.from_str(next(text for text in key.read_text().splitlines() if text.startswith("AGE-SECRET-KEY")))
    return pyrage.decrypt(Path(f"{bench.plan}.backup/{line['file']}").read_bytes(), [identity])


def segments(core: bytes) -> dict[int, bytes]:
    """Address → bytes of every PT_LOAD of an ELF core file, by elf(5)."""
    assert core[:6] == b"\x7fELF\x02\x01"
    assert struct.unpack_from("<H", core, 16) == (4,)
    start, size, count = struct.unpack_from("<Q", core, 32)[0], *struct.unpack_from("<HH", core, 54)
    found = {}
    for n in range(count):
        kind, _, at, address, _, length, _, _ = struct.unpack_from("<IIQQQQQQ", core, start + n * size)
        if kind == 1:
            found[address] = core[at : at + length]
            assert len(found[address]) == length
    return found


@pytest.mark.parametrize("ends", [True, False])
def test_the_memory_of_a_tree_is_kept_for_the_analyst_alone_before_anything_ends(talking, tmp_path, ends) -> None:
    bench = plan_of(tmp_path, talking.ref, kind="process-dump" if ends else "process-suspend")
    code, told = run(bench, "check", "--seal")
    assert code == 0, told
    maps = [line.split() for line in Path(f"/proc/{talking.top.pid}/maps").read_text().splitlines()]
    heap = next(int(line[0].split("-")[0], 16) for line in maps if line[-1] == "[heap]")
    began = time.time()
    code, told = run(bench, "apply", "--yes")
    assert (code, "memory kept: " in told) == (0, True), told
    lines = [json.loads(line) for line in Path(f"{bench.plan}.journal.jsonl").read_text().splitlines()]
    kept = [line for line in lines if line["event"] == "memory"]
    assert [line["pid"] for line in kept] == [talking.top.pid, *talking.below]
    assert [line["event"] for line in lines if line["event"] in ("begin", "memory")][:2] == ["begin", "memory"]
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and MARKER in path.read_bytes()]
    with pytest.raises(pyrage.DecryptError, match="No matching keys"):
        opened(bench, kept[0], Path(f"{bench.plan}.runkey"))
    (action,) = document(bench.plan)["actions"]
    assert [(each["action"], each["file"]) for each in document(bench.plan)["memory"]] == [(action["id"], line["file"]) for line in kept]
    core = opened(bench, kept[0], tmp_path / "plan" / "key.txt")
    assert hashlib.sha256(core).hexdigest() == kept[0]["sha256"]
    found = segments(core)
    assert MARKER in found[heap]
    assert kept[0]["unread"] == 0
    assert talking.states() == ["T", "T", "T"] if not ends else talking.ended()
    assert run(bench, "verify")[0] == 0
    code, told = run(bench, "undo")
    assert code == 0, told
    assert ends or talking.asleep()
    assert Path(f"{bench.plan}.backup/{kept[0]['file']}").stat().st_mtime >= began - 1


def test_memory_that_does_not_fit_or_cannot_be_read_ends_nothing(talking, tmp_path, monkeypatch) -> None:
    bench = plan_of(tmp_path, talking.ref, kind="process-dump")
    assert run(bench, "check", "--seal")[0] == 0
    from hunter.run.vault import Vault

    whole = Vault.store

    def full(self, source, name, recipients):
        if "memory" in name:
            raise OSError(errno.ENOSPC, "No space left on device", name)
        return whole(self, source, name, recipients)

    monkeypatch.setattr(Vault, "store", full)
    code, told = run(bench, "apply", "--yes")
    assert (code, "No space left on device. Nothing was ended." in told) == (3, True), told
    assert talking.states() == ["T", "T", "T"]
    code, told = run(bench, "undo")
    assert code == 0, told
    assert talking.asleep()
    monkeypatch.undo()
    code, told = run(bench, "apply", "--yes")
    assert (code, talking.ended()) == (0, True), told


def test_memory_beyond_the_bounds_is_counted_and_pages_that_do_not_read_are_zeros(monkeypatch) -> None:
    monkeypatch.setattr(memory, "LARGEST_MEMORY", 5 * 4096)
    runs = memory.MemoryRuns()
    for address, size in ((0x1000, 2), (0x3000, 2), (0x9000, 2), (0x20000, 1)):
        runs.add(address, size * 4096, 6)
    assert [(run.address, run.size // 4096) for run in runs.runs] == [(0x1000, 4), (0x20000, 1)]
    assert runs.left_out == 2 * 4096
    stream = memory.MemoryStream(b"head", runs, lambda at, size: b"" if at == 0x2000 else b"x" * min(size, 0x2000 - at % 0x2000))
    data = b"".join(iter(lambda: stream.read(100), b""))
    assert len(data) == stream.size == 4 + 5 * 4096
    assert (stream.unread, data.count(0)) == (4096, 4096)
