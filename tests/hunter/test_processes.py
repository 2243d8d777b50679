"""Running processes of this Linux: the right one is stopped and ended with what it started, and nothing else is."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hunter.host import processes
from hunter.host.host import RemovalHost
from hunter.objects import of
from hunter.objects.process import near
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

    def __init__(self, folder: Path) -> None:
        self.program = folder / "waiter"
        shutil.copy(shutil.which("dash") or "/bin/sh", self.program)
        script = f"{SLEEP} 3001 & {SLEEP} 3002 & wait"
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


def plan_of(folder: Path, *refs: Ref) -> _Root:
    """A plan by hand on the running host, with one action for each process."""
    (folder / "plan").mkdir()
    bench = _Root(folder / "plan", {})
    words = {"mechanism": "L090", "kind": "process", "do": "end-process", "why": [], "backup": "encrypted", "reboot": "no"}
    actions = [
        {"id": f"a{n}", **words, "class": "irreversible", "target": of(ref).words(ref), "expect": []} for n, ref in enumerate(refs, 1)
    ]
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
    assert "S" in inert.states()
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
            assert set(inert.states()) == {"S"} if last == "undo" else inert.ended()
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
