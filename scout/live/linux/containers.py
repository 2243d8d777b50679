"""Containers as their engines have them on disk, beside those that processes show (`containers/1`).

engine      docker, podman, containerd, kubelet; `cgroup` where only the control groups of processes show it
id, name    of the container; pod and namespace for the kubelet's
image, command, created, started, state, exit_code, restart, network, ports: as far as the engine stores them
pids        processes of this container now, by their control groups; running: there are any
privileged  it runs with all rights; mounts: `host path:path in it:mode`; upper: folder with what it changed (overlay)
log         path of its log; config: the file that this is from
listed      false: an engine's files do not name it, though processes run in it
error       what could not be read, and why

The sockets of the engines are not asked: an answer would be the engine's word, and asking starts its units. Files are read instead.
Source: moby container/container.go and hostconfig, containers/storage containers.json, containerd runtime v2, config.json of the OCI
runtime specification, kubelet's /var/lib/kubelet/pods.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scout.live.linux import procfs

SCHEMA = 1
MAX_FILE = 8 << 20
ROOT = "/"
DOCKER = "var/lib/docker"
PODMAN = tuple(f"{home}/containers/storage" for home in ("var/lib", "root/.local/share", "home/*/.local/share"))
CONTAINERD = tuple(f"run/{engine}/io.containerd.runtime.v2.task/*/*" for engine in ("containerd", "k3s/containerd"))
PODS = "var/lib/kubelet/pods/*/containers/*"
_ID = re.compile(r"(?<![0-9a-f])([0-9a-f]{64})(?![0-9a-f])")


def collect() -> Iterator[dict[str, Any]]:
    """Yield each container that an engine stores, then those that only processes show."""
    running = _running()
    seen: set[str] = set()
    for one in (*_docker(), *_podman(), *_containerd(), *_pods()):
        number = str(one.get("id") or "")
        pids = running.get(number, [])
        seen.add(number)
        yield {key: value for key, value in {**one, "running": bool(pids), "pids": pids}.items() if value not in (None, "", {})}
    for number, pids in sorted(running.items()):
        if number not in seen:
            yield {"engine": "cgroup", "id": number, "running": True, "pids": pids, "listed": False}


def difference(row: dict[str, Any]) -> str:
    """Return the sentence for the summary, '' for a row that shows no difference."""
    return f"container {row['id'][:12]} runs, and no engine's files name it" if row.get("listed") is False else ""


def _running() -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for pid in procfs.pids():
        for number in dict.fromkeys(_ID.findall(procfs.whole(f"/proc/{pid}/cgroup", 1 << 20))):
            found[number].append(pid)
    return dict(found)


def _docker() -> Iterator[dict[str, Any]]:
    for path in _found(f"{DOCKER}/containers/*/config.v2.json"):
        known, wrong = _read(path)
        host, _ = _read(path.with_name("hostconfig.json"))
        state, config = _map(known, "State"), _map(known, "Config")
        yield {
            "engine": "docker",
            "id": known.get("ID") or path.parent.name,
            "name": str(known.get("Name") or "").lstrip("/"),
            "image": config.get("Image"),
            "command": [word for word in (known.get("Path"), *_list(known, "Args")) if isinstance(word, str)],
            "created": known.get("Created"),
            "started": state.get("StartedAt"),
            "state": "running" if state.get("Running") else "exited",
            "exit_code": state.get("ExitCode"),
            "restart": _map(host, "RestartPolicy").get("Name"),
            "privileged": host.get("Privileged"),
            "network": host.get("NetworkMode"),
            "mounts": [str(one) for one in _list(host, "Binds")],
            "upper": _upper(path.parents[2], path.parent.name),
            "log": known.get("LogPath"),
            "config": str(path),
            "error": wrong,
        }


def _upper(root: Path, number: str) -> str:
    layer = procfs.whole(f"{root}/image/overlay2/layerdb/mounts/{number}/mount-id", 1 << 12).strip()
    return f"{root}/overlay2/{layer}/diff" if layer else ""


def _podman() -> Iterator[dict[str, Any]]:
    for path in (one for pattern in PODMAN for one in _found(f"{pattern}/overlay-containers/containers.json")):
        root = path.parents[1]
        listed, wrong = _read(path, list)
        if wrong:
            yield {"engine": "podman", "config": str(path), "error": wrong}
        for one in (one for one in listed if isinstance(one, dict)):
            names = _list(one, "names")
            place = root / "overlay-containers" / str(one.get("id")) / "userdata"
            yield {
                "engine": "podman",
                "id": one.get("id"),
                "name": names[0] if names else None,
                "image": one.get("image"),
                "created": one.get("created"),
                "upper": f"{root}/overlay/{one.get('layer')}/diff" if one.get("layer") else None,
                "config": str(path),
                **_oci(place / "config.json"),
            }


def _containerd() -> Iterator[dict[str, Any]]:
    for place in (one for pattern in CONTAINERD for one in _found(pattern)):
        path = place / "config.json"
        names = {"name": place.name, "namespace": place.parent.name}
        yield {"engine": "containerd", "id": place.name, **names, "config": str(path), **_oci(path)}


def _oci(path: Path) -> dict[str, Any]:
    """Return what the configuration of the runtime says: command, mounts, rights."""
    if not path.exists():
        return {}
    known, wrong = _read(path)
    process = _map(known, "process")
    mounts = [one for one in _list(known, "mounts") if isinstance(one, dict) and str(one.get("source", "")).startswith("/")]
    rights = _list(_map(process, "capabilities"), "effective")
    notes = {str(key).rpartition(".")[2].rpartition("/")[2]: value for key, value in _map(known, "annotations").items()}
    return {
        "command": _list(process, "args"),
        "privileged": "CAP_SYS_ADMIN" in rights,
        "mounts": [f"{one.get('source')}:{one.get('destination')}:{'ro' if 'ro' in _list(one, 'options') else 'rw'}" for one in mounts],
        "pod": notes.get("sandbox-name"),
        "error": wrong,
    }


def _pods() -> Iterator[dict[str, Any]]:
    for place in _found(PODS):
        yield {"engine": "kubelet", "name": place.name, "pod": place.parts[-3], "config": str(place)}


def _found(pattern: str) -> list[Path]:
    """Return the paths that a pattern below the root names; [] also where a folder cannot be listed."""
    try:
        return sorted(Path(ROOT).glob(pattern))
    except OSError:
        return []


def _read(path: Path, kind: type[Any] = dict) -> tuple[Any, str | None]:
    raw = procfs.read(str(path), MAX_FILE)
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as e:
        return kind(), f"{path}: {'cannot be read' if not raw else e}"
    return (found, None) if isinstance(found, kind) else (kind(), f"{path}: not the JSON of a container")


def _map(known: Any, key: str) -> dict[str, Any]:
    value = known.get(key) if isinstance(known, dict) else None
    return value if isinstance(value, dict) else {}


def _list(known: Any, key: str) -> list[Any]:
    value = known.get(key) if isinstance(known, dict) else None
    return value if isinstance(value, list) else []
