"""Network configuration of the live Windows: interfaces, neighbours, routes, resolver's cache, proxies, firewall."""

from __future__ import annotations

from typing import Any

from commodore.containers.listing import listing_artefact
from commodore.host import Host


def _adds(one: dict[str, Any], host: Host) -> dict[str, Any]:  # noqa: ARG001
    out: dict[str, Any] = {}
    kind, name = one.get("kind"), one.get("name")
    if kind == "dns" and isinstance(name, str):
        out["dns.question.name"] = name
    elif isinstance(name, str):
        out["escadre.component.name"] = name
    for key in ("address", "destination", "listen", "server"):
        if kind != "interface" and isinstance(one.get(key), str) and one[key]:
            out["destination.address"] = one[key]
            break
    return out


ARTEFACT, parse, expected = listing_artefact(
    "network/1",
    renamed={"kind": "escadre.listing.kind"},
    shown=(
        *("address", "addresses", "up", "hardware", "interface", "state", "prefix", "gateway", "metric", "type", "way", "connect"),
        *("sid", "config_url", "enabled", "inbound", "outbound"),
    ),
    adds=_adds,
    added=("dns.question.name", "escadre.component.name", "destination.address"),
    name="live_network",
    title="Network configuration",
    about="Interfaces, neighbours, routes, names in the resolver's cache, port proxies, proxies of users and the firewall while "
    "SCOUT ran. A name in the cache was asked for by this host not long before.",
    targets=("WL04",),
    category=("network",),
    action="network-observed",
    attack=("T1016", "T1090.001"),
    message="The host has the {escadre.listing.kind} [{dns.question.name!q}|{escadre.component.name!q}|{destination.address!q}|(unnamed)].",
    sources=("scout.live.windows.network: live/network.jsonl, schema network/1",),
)
