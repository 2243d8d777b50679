"""The Docker engine of the running host, asked through its socket. Source: Docker Engine API, 1.24 and later (`/containers/{id}/…`).

Only containers that a plan names by their full id are asked for or changed, and no image, volume or network.
"""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

from hunter.unsafe import UnsafeError

SOCKET = "/run/docker.sock"
SECONDS = 60
"""how long the engine may take for one answer; a container has 10 s to stop by itself"""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self) -> None:
        super().__init__("docker", timeout=SECONDS)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(SECONDS)
        self.sock.connect(SOCKET)


def _asked(method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    connection = _UnixConnection()
    try:
        data = json.dumps(body).encode() if body is not None else None
        connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
        answer = connection.getresponse()
        raw = answer.read(16 << 20)
        return answer.status, json.loads(raw) if raw.strip() else None
    except (OSError, ValueError, http.client.HTTPException) as e:
        raise UnsafeError(f"the Docker engine does not answer: {e}") from e
    finally:
        connection.close()


def runs() -> bool:
    """Return whether an engine listens at its socket."""
    if not hasattr(socket, "AF_UNIX"):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(SECONDS)
        try:
            probe.connect(SOCKET)
        except OSError:
            return False
        return True


def inspect(container: str) -> dict[str, Any] | None:
    """Return what the engine says of a container, None where it does not know it. UnsafeError."""
    status, told = _asked("GET", f"/containers/{container}/json")
    if status == 404:
        return None
    if status != 200 or not isinstance(told, dict) or told.get("Id") != container:
        raise UnsafeError(f"the Docker engine does not describe {container[:12]} (status {status})")
    return told


def change(container: str, path: str, body: dict[str, Any] | None = None) -> None:
    """Ask the engine to change a container: `update` with a body, `stop?t=10`, `start`. UnsafeError where it refuses."""
    status, told = _asked("POST", f"/containers/{container}/{path}", body)
    if status not in (200, 204, 304):
        why = told.get("message", "") if isinstance(told, dict) else ""
        raise UnsafeError(f"the Docker engine refuses it (status {status}): {why}")
