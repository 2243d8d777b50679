"""Object kind `unit`: a live systemd unit, stopped and started by `systemctl` with an argument list, never through a shell.

`unit`   {"active": "active" | "inactive"}: stopped and started
`loaded` {"loaded": "yes" | "no"}: whether the system manager has this unit file or drop-in loaded; changed by `daemon-reload`
Source: systemctl(1), org.freedesktop.systemd1(5).
"""

from __future__ import annotations

from pathlib import Path

from hunter.host.host import RemovalHost
from hunter.host.programs import call
from hunter.objects import Content, Described
from hunter.objects._plain import ManagedState
from hunter.ref import Ref
from hunter.unsafe import SurpriseError, UnsafeError

_RUNNING = {"active", "activating", "reloading", "deactivating", "refreshing"}


def managed(host: RemovalHost) -> bool:
    """Return True where this tree is the live root and systemd runs it."""
    return host.live and Path("/run/systemd/system").is_dir()


def systemctl(*arguments: str, seconds: int = 120) -> str:
    """Return the output of one call. UnsafeError where others than root may write systemctl, where it fails or does not end."""
    return call("systemctl", *arguments, seconds=seconds)


def properties(unit: str) -> dict[str, str]:
    """Return active state, fragment and drop-ins of a unit as the manager knows them."""
    text = systemctl("show", "--no-pager", "-p", "ActiveState,LoadState,FragmentPath,DropInPaths", "--", unit)
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def instances(unit: str) -> list[str]:
    """Return the loaded instances of a template (`job@.service` → `job@one.service`, …); for any other unit, the unit."""
    stem, at, suffix = unit.partition("@.")
    if not at:
        return [unit]
    text = systemctl("list-units", "--all", "--plain", "--no-legend", "--no-pager", "--full", f"--type={suffix}")
    names = [line.split()[0] for line in text.splitlines() if line.split()]
    return [n for n in names if n.startswith(f"{stem}@") and n.endswith(f".{suffix}")]


def unit_of(path: str) -> str:
    """Return the unit name of a unit file or of one of its drop-ins."""
    folder, _, name = path.rpartition("/")
    holder = folder.rpartition("/")[2]
    return holder.removesuffix(".d") if name.endswith(".conf") and holder.endswith(".d") else name


class _Unit(ManagedState):
    kind = "unit"

    def observe(self, host: RemovalHost, ref: Ref) -> Described:
        if not managed(host):
            raise UnsafeError("systemd does not run here")
        return {"active": "active" if properties(ref.name).get("ActiveState") in _RUNNING else "inactive"}

    def changes(self, was: Described, now: Described) -> str:
        return f"it was {(was or {}).get('active', 'not known')}, is {(now or {}).get('active', 'not known')}"

    def put(self, host: RemovalHost, ref: Ref, now: Described, then: Described, content: Content | None, mark: str) -> None:  # noqa: ARG002
        if self.observe(host, ref) == then:
            return
        systemctl("start" if then == {"active": "active"} else "stop", "--", ref.name)
        if self.observe(host, ref) != then:
            raise SurpriseError("systemctl reported success, but the unit is not in the new state")


OBJECT = _Unit()
