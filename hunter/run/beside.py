"""What lies beside the objects of a run, before and after it: every kind of object surveys the areas of its own.

The journal holds the areas by kind of object.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from hunter.host.host import RemovalHost
from hunter.objects import Areas, objects
from hunter.ref import Ref


def survey(host: RemovalHost, refs: Collection[Ref]) -> dict[str, Areas]:
    """Return kind of object → its areas, for the kinds that have any."""
    found = {
        kind: objects()[kind].survey(host, [ref for ref in refs if ref.object == kind]) for kind in sorted({ref.object for ref in refs})
    }
    return {kind: areas for kind, areas in found.items() if areas}


def changed(before: Mapping[str, Areas], host: RemovalHost, explained: Collection[Ref]) -> tuple[list[str], int]:
    """Return (what changed in the areas apart from `explained`, number of entries compared)."""
    different, compared = [], 0
    for kind, areas in before.items():
        found, looked = objects()[kind].changed(host, areas, set(explained))
        different += found
        compared += looked
    return different, compared


def restore(before: Mapping[str, Areas], host: RemovalHost) -> list[str]:
    """Restore the times of the areas; return what could not be restored."""
    return [reason for kind, areas in before.items() for reason in objects()[kind].restore_areas(host, areas)]


def parted(different: Collection[str], churn: Collection[str]) -> tuple[list[str], list[str]]:
    """Return (what the host changed before the run too, what nothing explains) of what changed beside the objects."""
    return [each for each in different if each in churn], [each for each in different if each not in churn]
