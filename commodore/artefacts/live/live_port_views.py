"""Ports of the live Linux host that one way of asking hides."""

from __future__ import annotations

from typing import Any

from commodore.containers.listing import listing_artefact
from commodore.host import Host

_VIEWS = (("listed", "/proc/net"), ("dumped", "socket dump"), ("taken", "probe"))
"""Key of an object, and the name of the list that it stands for"""


def _adds(one: dict[str, Any], host: Host) -> dict[str, Any]:  # noqa: ARG001
    if not isinstance(one.get("port"), int):
        return {"escadre.listing.kind": "summary"}
    seen = [words for key, words in _VIEWS if one.get(key) is True]
    return {"escadre.listing.kind": "hidden port"} | ({"escadre.listing.only": seen} if seen else {})


ARTEFACT, parse, expected = listing_artefact(
    "port_views/1",
    renamed={"protocol": "network.transport", "port": "source.port", "uid": "user.id"},
    shown=("listed", "dumped", "taken", "complete", "namespace"),
    adds=_adds,
    added=("escadre.listing.kind", "escadre.listing.only"),
    name="live_port_views",
    title="Ports that a list hides",
    about="SCOUT asked for ports that wait for others in three ways: /proc/net, the socket dump of the kernel, and a probe that binds each "
    "TCP port. The first record has the counts; each further record is a port that a list does not have.",
    proves_not="That nothing is hidden where no port is named: only the network namespace of SCOUT is asked, and UDP ports are not probed.",
    targets=("LL03",),
    category=("network",),
    action="port-view-compared",
    attack=("T1014", "T1564"),
    message="[The port {source.port}/{network.transport}|The list of ports]"
    "[ is hidden: only {escadre.listing.only} shows it| was compared with other lists].",
    sources=("scout.live.linux.port_views: live/port_views.jsonl, schema port_views/1",),
)
