"""Object kind `loaded`: whether the live system manager has loaded a unit file or drop-in. `daemon-reload` changes it."""

from __future__ import annotations

from hunter.host.host import RemovalHost
from hunter.objects import Content, Described
from hunter.objects._plain import ManagedState
from hunter.objects.units import instances, managed, properties, systemctl, unit_of
from hunter.ref import Ref
from hunter.unsafe import UnsafeError
from scout.formats.linux_paths import one_path


class _Loaded(ManagedState):
    kind = "loaded"
    drifts = False

    def observe(self, host: RemovalHost, ref: Ref) -> Described:
        if not managed(host):
            raise UnsafeError("systemd does not run here")
        known = [properties(unit) for unit in instances(unit_of(ref.name))]
        files = [p for k in known for p in (k.get("FragmentPath", ""), *k.get("DropInPaths", "").split())]
        return {"loaded": "yes" if one_path(ref.name) in map(one_path, files) else "no"}

    def changes(self, was: Described, now: Described) -> str:
        return f"loaded was {(was or {}).get('loaded', 'not known')}, is {(now or {}).get('loaded', 'not known')}"

    def put(self, host: RemovalHost, ref: Ref, now: Described, then: Described, content: Content | None, mark: str) -> None:  # noqa: ARG002
        systemctl("daemon-reload")
        if self.observe(host, ref) != then:  # the manager keeps a failed unit until its failure is reset
            for unit in instances(unit_of(ref.name)):
                systemctl("reset-failed", "--", unit)


OBJECT = _Loaded()
