"""Network, containers, hooks in the kernel, names on the raw disk: compared with iproute2, engines' formats, and a real ext4 volume."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from scout.live.linux import _direct, containers, kernel_hooks, network, raw_names
from tests.conftest import need
from tests.scout.collecting import AS_ROOT

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="live sources are for Linux")


def ip(*arguments: str) -> list[dict]:
    need(shutil.which("ip"), "iproute2")
    return json.loads(subprocess.run(["ip", "-j", *arguments], capture_output=True, text=True, check=True).stdout or "[]")


def test_network_is_what_iproute_shows():
    rows = list(network.collect())
    of = {kind: [row for row in rows if row["kind"] == kind and "error" not in row] for kind in {row["kind"] for row in rows}}
    shown = ip("addr")
    assert {row["name"] for row in of["interface"]} == {one["ifname"] for one in shown}
    loopback = next(row for row in of["interface"] if row["name"] == "lo")
    assert (loopback["mtu"], loopback["promiscuous"]) == (next(one["mtu"] for one in shown if one["ifname"] == "lo"), False)
    wanted = {(one["ifname"], address["local"], address["prefixlen"]) for one in shown for address in one["addr_info"]}
    assert {(row["interface"], row["ip"], row["prefix"]) for row in of.get("address", [])} == wanted
    numbers = {"local": 255, "main": 254, "default": 253}
    rules = {(one["priority"], numbers.get(one["table"])) for one in ip("rule")}
    assert {(row["priority"], row["table"]) for row in of["rule"] if row["version"] == 4} == rules
    gateways = {one.get("gateway") for one in ip("route", "show", "default")}
    assert {
        row.get("gateway") for row in of.get("route", []) if "destination" not in row and ":" not in row.get("gateway", ":")
    } == gateways


def test_another_network_namespace_is_named():
    need(AS_ROOT and shutil.which("unshare"), "root and unshare")
    with subprocess.Popen(["unshare", "-n", "sleep", "30"]) as other:
        try:
            for _ in range(200):
                if os.readlink(f"/proc/{other.pid}/ns/net") != os.readlink("/proc/self/ns/net"):
                    break
                subprocess.run(["sleep", "0.05"], check=True)
            inode = os.readlink(f"/proc/{other.pid}/ns/net")[5:-1]
            assert inode in {row.get("inode") for row in network.collect() if row["kind"] == "namespace"}
        finally:
            other.kill()


def test_a_program_of_bpf_is_listed_with_its_holder():
    import ctypes
    import struct

    need(AS_ROOT, "root")
    code = struct.pack("=BBhi", 0xB7, 0, 0, 0) + struct.pack("=BBhi", 0x95, 0, 0, 0)  # r0 = 0; exit
    room, licence = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(b"GPL")
    head = struct.pack("=IIQQIIQII16s", 1, 2, ctypes.addressof(room), ctypes.addressof(licence), 0, 0, 0, 0, 0, b"inert_test")
    asked = ctypes.create_string_buffer(head, 128)
    number = kernel_hooks._NUMBERS.get(os.uname().machine)
    if number is None:
        pytest.skip("the number of the call bpf is not known for this machine")
    fd = kernel_hooks._bpf(number, 5, asked)  # BPF_PROG_LOAD, a socket filter
    if fd < 0:
        pytest.skip(f"this kernel loads no BPF program: {os.strerror(ctypes.get_errno())}")
    try:
        found = [row for row in kernel_hooks.collect() if row.get("name") == "inert_test"]
    finally:
        os.close(fd)
    assert len(found) == 1 and found[0]["type"] == 1 and found[0]["uid"] == 0
    assert [one.split()[0] for one in found[0]["held_by"]] == [str(os.getpid())]


def test_containers_are_read_from_the_files_of_their_engines(tmp_path, monkeypatch):
    monkeypatch.setattr(containers, "ROOT", str(tmp_path))
    first, second = "a1" * 32, "b2" * 32
    docker = tmp_path / f"var/lib/docker/containers/{first}"
    docker.mkdir(parents=True)
    state = {"Running": False, "ExitCode": 137, "StartedAt": "2026-01-02T03:04:05Z"}
    config = {"ID": first, "Name": "/web", "Path": "nginx", "Args": ["-g", "x"], "State": state, "Config": {"Image": "nginx:1"}}
    (docker / "config.v2.json").write_text(json.dumps(config))
    (docker / "hostconfig.json").write_text(json.dumps({"Privileged": True, "Binds": ["/:/host:rw"], "NetworkMode": "host"}))
    broken = tmp_path / f"var/lib/docker/containers/{second}"
    broken.mkdir()
    (broken / "config.v2.json").write_text("{" * 100_000)
    podman = tmp_path / "var/lib/containers/storage/overlay-containers"
    podman.mkdir(parents=True)
    (podman / "containers.json").write_text(json.dumps([{"id": "c3" * 32, "names": ["db"], "image": "i", "layer": "l"}, 5]))
    task = tmp_path / "run/containerd/io.containerd.runtime.v2.task/k8s.io/pod1"
    task.mkdir(parents=True)
    rights = {"capabilities": {"effective": ["CAP_SYS_ADMIN"]}, "args": ["/bin/sh"]}
    mounts = [{"source": "/etc", "destination": "/x", "options": ["ro"]}, {"source": "proc", "destination": "/proc"}]
    (task / "config.json").write_text(
        json.dumps({"process": rights, "mounts": mounts, "annotations": {"io.kubernetes.cri.sandbox-name": "p"}})
    )
    rows = {row["id"]: row for row in containers.collect() if row["engine"] != "cgroup"}
    web = rows[first]
    assert (web["name"], web["command"], web["privileged"], web["mounts"]) == ("web", ["nginx", "-g", "x"], True, ["/:/host:rw"])
    assert (web["state"], web["exit_code"], web["network"], web["running"]) == ("exited", 137, "host", False)
    assert str(broken) in rows[second]["error"]
    assert rows["c3" * 32]["name"] == "db" and rows["c3" * 32]["upper"].endswith("/overlay/l/diff")
    assert (rows["pod1"]["privileged"], rows["pod1"]["mounts"], rows["pod1"]["pod"]) == (True, ["/etc:/x:ro"], "p")


def test_a_name_that_the_kernel_hides_is_found_on_the_disk(tmp_path, monkeypatch):
    need(AS_ROOT and shutil.which("mkfs.ext4") and shutil.which("losetup"), "root, mkfs.ext4 and losetup")
    image, place = tmp_path / "disk", tmp_path / "mounted"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    need(subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=False).returncode == 0, "a loop device")
    try:
        (place / "in").mkdir()
        for name in ("seen", "rootkit-file"):
            (place / "in" / name).write_text("x")
        monkeypatch.setattr(raw_names, "folders", lambda: iter([str(place), str(place / "in")]))
        summary, *found = raw_names.collect()
        assert found == [] and summary["folders"] == 2 and f"{place} /dev/loop" in " ".join(summary["volumes"])
        real = _direct.names
        monkeypatch.setattr(raw_names._direct, "names", lambda path: {name for name in real(path) if name != b"rootkit-file"})
        _, *found = raw_names.collect()
    finally:
        monkeypatch.undo()
        subprocess.run(["umount", str(place)], check=True)
    assert [(one["path"], one["named"]) for one in found] == [(str(place / "in/rootkit-file"), True)]
