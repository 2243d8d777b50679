"""Object kind `loaded`: whether the live system manager has loaded a unit file or drop-in. `daemon-reload` changes it."""

from __future__ import annotations

from hunter.host.state import UnsafeError
from hunter.host.tree import HostTree
from hunter.objects import Content, Described
from hunter.objects.units import instances, managed, properties, systemctl, unit_of
from scout.formats.linux_paths import one_path


class _Loaded:
    kind = "loaded"

    def observe(self, tree: HostTree, name: str) -> Described:
        if not managed(tree):
            raise UnsafeError("systemd does not run here")
        known = [properties(unit) for unit in instances(unit_of(name))]
        files = [p for k in known for p in (k.get("FragmentPath", ""), *k.get("DropInPaths", "").split())]
        return {"loaded": "yes" if one_path(name) in map(one_path, files) else "no"}

    def same(self, one: Described, other: Described) -> bool:
        return one == other

    def changes(self, was: Described, now: Described) -> str:
        return f"loaded was {(was or {}).get('loaded', 'not known')}, is {(now or {}).get('loaded', 'not known')}"

    def put(self, tree: HostTree, name: str, now: Described, then: Described, content: Content | None, mark: str) -> None:  # noqa: ARG002
        systemctl("daemon-reload")
        if self.observe(tree, name) != then:  # the manager keeps a failed unit until its failure is reset
            for unit in instances(unit_of(name)):
                systemctl("reset-failed", "--", unit)

    def tidy(self, tree: HostTree, name: str, mark: str) -> None:
        """Nothing to do: the manager leaves nothing behind."""


OBJECT = _Loaded()
