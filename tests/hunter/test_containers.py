"""A container of Docker is stopped and starts no more: by the engine where one runs, else in its file. Nothing of it is removed."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hunter.host import docker
from hunter.host.host import RemovalHost
from hunter.mechanisms import mechanism_of
from hunter.objects import of
from hunter.plan.model import RemovalTarget
from hunter.ref import Ref
from hunter.unsafe import SurpriseError
from tests.conftest import need
from tests.hunter.conftest import manifest
from tests.hunter.driver import hunt
from tests.hunter.test_accounts import _Root

ID = "0123456789abcdef" * 4
CONFIG = '{{"Binds":["/:/host"],"RestartPolicy":{{{}}},"AutoRemove":false,"Privileged":true,"Runtime":"runc"}}'
POLICIES = {
    '"Name":"always","MaximumRetryCount":0': '"Name":"no","MaximumRetryCount":0',
    '"MaximumRetryCount": 5, "Name": "on-failure"': '"MaximumRetryCount": 0, "Name": "no"',
    '"Name":"unless-stopped"': '"Name":"no"',
}


def place(container: str) -> str:
    return f"/var/lib/docker/containers/{container}/hostconfig.json"


def write(bench: _Root, container: str) -> None:
    bench.write(("container", "remove-member", {"name": container}))
    bench.plan.write_text(bench.plan.read_text().replace('"reversible"', '"compensable"'))


@pytest.mark.parametrize("policy", POLICIES)
def test_without_an_engine_the_policy_in_the_file_is_off_and_comes_back(tmp_path, policy) -> None:
    need(os.name == "posix" and os.geteuid() == 0, "a Linux root account")
    host = _Root(tmp_path, {place(ID)[1:]: CONFIG.format(policy), place("f" * 64)[1:]: CONFIG.format(policy)})
    before = manifest(host.root)
    write(host, ID)
    host.seal()
    code, told = host.run("apply", "--yes")
    assert (code, "Done: 1 of 1, verified." in told) == (0, True), told
    assert host.text(place(ID)[1:]) == CONFIG.format(POLICIES[policy])
    assert host.text(place("f" * 64)[1:]) == CONFIG.format(policy)
    assert host.run("verify")[0] == 0
    assert host.run("undo")[0] == 0
    assert manifest(host.root) == before


@pytest.mark.parametrize("text", ["{", "[]", '{"RestartPolicy": 5}', '{"RestartPolicy": {"Name": 5}}', "{}"])
def test_a_file_of_another_form_is_not_changed(tmp_path, text) -> None:
    need(Path("/proc/self/fd").is_dir(), "Linux")
    at = tmp_path / place(ID)[1:]
    at.parent.mkdir(parents=True)
    at.write_text(text)
    with RemovalHost(tmp_path) as host:
        found = mechanism_of("container").inspect(host, RemovalTarget(Ref("container", ID)))
    assert found.problems


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The id of an inert container that starts again, of an engine that runs for this test."""
    have = os.name == "posix" and os.geteuid() == 0 and all(map(shutil.which, ("dockerd", "containerd", "runc", "docker", "busybox")))
    if not have:
        pytest.skip("dockerd, containerd, runc, docker and busybox, and a Linux root account")
    folder = tmp_path_factory.mktemp("docker")
    place, was = folder / "docker.sock", docker.SOCKET
    dirs = ["--data-root", str(folder / "data"), "--exec-root", str(folder / "exec"), "--pidfile", str(folder / "pid")]
    quiet = ["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs"]
    with open(folder / "log", "wb") as log:
        daemon = subprocess.Popen(["dockerd", *dirs, *quiet, "-H", f"unix://{place}"], stdout=log, stderr=log)

    def client(*words: str, given: bytes | None = None) -> str:
        command = ["docker", "-H", f"unix://{place}", *words]
        return subprocess.run(command, input=given, capture_output=True, timeout=120, check=True).stdout.decode().strip()

    try:
        until = time.monotonic() + 60
        while subprocess.run(["docker", "-H", f"unix://{place}", "version"], capture_output=True, check=False).returncode:
            if time.monotonic() > until or daemon.poll() is not None:
                pytest.skip("a dockerd that starts here")
            time.sleep(0.2)
        box = shutil.which("busybox") or ""
        (folder / "image/bin").mkdir(parents=True)
        shutil.copy(box, folder / "image/bin/busybox")
        client("import", "-", "inert", given=subprocess.run(["tar", "-C", folder / "image", "-c", "bin"], capture_output=True).stdout)
        made = client("create", "--network", "none", "--restart=on-failure:3", "inert", "/bin/busybox", "sleep", "3000")
        client("start", made)
        docker.SOCKET = str(place)
        yield made
        client("rm", "-f", made)
    finally:
        docker.SOCKET = was
        daemon.terminate()
        daemon.wait(60)
        subprocess.run(["umount", "-R", folder / "data"], capture_output=True, check=False)


def test_a_running_engine_stops_it_and_forgets_the_policy_and_takes_both_back(engine) -> None:
    target = RemovalTarget(Ref("container", engine))
    with RemovalHost() as host:
        mechanism = mechanism_of("container")
        found = mechanism.inspect(host, target)
        states = {ref.object: state for ref, state in found.states.items()}
        assert states == {"container-running": {"running": "yes"}, "container": {"restart": "on-failure", "retries": "3"}}
        edits = mechanism.apply(found, target)
        assert [(edit.stage, edit.ref.object) for edit in edits] == [("stop", "container-running"), ("cut", "container")]
        for edit in edits:
            of(edit.ref).put(host, edit.ref, found.states[edit.ref], edit.after, None, "x")
        told = docker.inspect(engine) or {}
        assert (told["State"]["Running"], told["HostConfig"]["RestartPolicy"]) == (False, {"Name": "no", "MaximumRetryCount": 0})
        assert mechanism.inspect(host, target).gone
        with pytest.raises(SurpriseError):
            of(edits[1].ref).put(host, edits[1].ref, found.states[edits[1].ref], edits[1].after, None, "x")
        for edit in mechanism.restore(edits):
            of(edit.ref).put(host, edit.ref, edit.after, found.states[edit.ref], None, "x")
        assert mechanism.inspect(host, target).states == found.states
        assert mechanism.inspect(host, RemovalTarget(Ref("container", ID))).gone


def test_a_plan_on_the_running_host_does_it_and_undo_starts_it_again(engine, tmp_path) -> None:
    bench = _Root(tmp_path, {})
    write(bench, engine)
    bench.plan.write_text(bench.plan.read_text().replace("web01", os.uname().nodename))

    def run(command: str, *words: str) -> tuple[int, str]:
        code, out, err = hunt(command, f"{bench.plan}.journal.jsonl" if command == "undo" else bench.plan, *words)
        return code, " ".join((out + err).split())

    code, told = run("check", "--seal")
    assert code == 0, told
    assert run("verify")[0] == 1
    code, told = run("apply", "--yes")
    assert (code, "Done: 1 of 1, verified." in told) == (0, True), told
    assert not (docker.inspect(engine) or {})["State"]["Running"]
    assert run("verify")[0] == 0
    code, told = run("undo")
    assert code == 0, told
    assert (docker.inspect(engine) or {})["State"]["Running"]
