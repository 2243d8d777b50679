"""Connections and listening sockets that were open while SCOUT collected, with their processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.containers.json_lines import JsonLinesView, Schema, locator
from commodore.fence import fenced
from commodore.host import Host
from commodore.sentence import sentence

ARTEFACT = Artefact(
    name="live_connections",
    title="Open connections and listening sockets",
    about="Every socket of every network namespace while SCOUT ran, with its process. A connection to a port that this host listens on is "
    "inbound: its source is the other host. A listening socket has its address as destination.",
    holds=Schema("connections", 1),
    targets=("LL04", "WL04"),
    needs=("users",),
    fields=(
        "destination.address",
        "destination.ip",
        "destination.port",
        "source.address",
        "source.ip",
        "source.port",
        "network.transport",
        "network.type",
        "network.direction",
        "process.pid",
        "process.name",
        "user.id",
        "user.name",
        "related.ip",
        "escadre.socket.state",
        "escadre.socket.inode",
    ),
    kind="state",
    category=("network",),
    type=("connection",),
    action="socket-observed",
    attack=("T1049",),
    message="[{process.name!q}|An unknown process][ (pid {process.pid})] holds a[ {network.transport}] socket"
    "[ named {destination.address!q}].",
    version=2,
    sources=(
        "scout.live.linux.connections, scout.live.windows.connections: live/connections.jsonl, schema connections/1",
        "proc_net(5): tcp, udp, unix",
    ),
)

_SENTENCES = {
    "socket-listening-observed": "[{process.name!q}|An unknown process][ (pid {process.pid})] listens on {network.transport}"
    "[ {destination.address!q}][ port {destination.port}].",
    "connection-inbound-observed": "[{source.address!q}|An unknown address][ port {source.port}] is connected to "
    "[{process.name!q}|an unknown process][ (pid {process.pid})] on {destination.address!q}[ port {destination.port}] "
    "({network.transport}[, {escadre.socket.state}]).",
    "connection-outbound-observed": "[{process.name!q}|An unknown process][ (pid {process.pid})] is connected to "
    "[{destination.address!q}|an unknown address][ port {destination.port}] ({network.transport}[, {escadre.socket.state}]).",
}
"""Action → template, for actions other than that of the declaration."""
_LOCAL, _REMOTE = ("local_ip", "local_port"), ("remote_ip", "remote_port")


def expected(listing: JsonLinesView) -> int:
    """Count the lines after the first that are not blank."""
    return listing.expected()


def parse(listing: JsonLinesView, host: Host) -> Iterator[Record | Problem]:
    doors: set[tuple[str, Any]] = set()
    listed: list[tuple[int, dict[str, Any]]] = []

    def note(numbered: tuple[int, dict[str, Any]]) -> Iterator[Problem]:
        one = numbered[1]
        if one.get("listening") and isinstance(one.get("local_port"), int):
            doors.add((_transport(one), one["local_port"]))
        listed.append(numbered)
        yield from ()

    yield from listing.each(note)
    yield from fenced(listed, locator, lambda one: [Record(locator(one), _fields(one[1], doors, host), "live")])


def _transport(one: dict[str, Any]) -> str:
    return str(one.get("protocol", "")).removesuffix("6")


def _fields(one: dict[str, Any], doors: set[tuple[str, Any]], host: Host) -> dict[str, Any]:
    out: dict[str, Any] = {"network.transport": _transport(one)}
    if isinstance(one.get("pid"), int):
        out["process.pid"] = one["pid"]
    for name, field in (("name", "process.name"), ("user", "user.name"), ("state", "escadre.socket.state")):
        if isinstance(one.get(name), str) and one[name]:
            out[field] = one[name]
    if one.get("uid") is not None:
        out["user.id"] = str(one["uid"])
        if "user.name" not in out and str(one["uid"]) in host.users:
            out["user.name"] = host.users[str(one["uid"])]
    if one.get("inode"):
        out["escadre.socket.inode"] = str(one["inode"])
    if out["network.transport"] == "unix":
        out["network.type"] = "unix"
        if path := one.get("path"):
            out["destination.address"] = str(path)
        return _named(out, "socket-listening-observed") if one.get("listening") else out
    listening, coming = bool(one.get("listening")), (_transport(one), one.get("local_port")) in doors
    _side(out, "destination" if listening or coming else "source", one, _LOCAL)
    if not listening:
        _side(out, "source" if coming else "destination", one, _REMOTE)
        out["network.direction"] = "ingress" if coming else "egress"
    addresses = [out[name] for name in ("source.ip", "destination.ip") if name in out]
    if addresses:
        out["related.ip"] = sorted(set(addresses))
        out["network.type"] = "ipv6" if ":" in addresses[0] else "ipv4"
    way = "connection-inbound-observed" if coming else "connection-outbound-observed"
    return _named(out, "socket-listening-observed" if listening else way)


def _named(out: dict[str, Any], action: str) -> dict[str, Any]:
    """Add the action and its sentence."""
    return out | {"event.action": action, "message": sentence(_SENTENCES[action])(out)}


def _side(out: dict[str, Any], side: str, one: dict[str, Any], names: tuple[str, str]) -> None:
    """Add address and port of one side."""
    address, port = one.get(names[0]), one.get(names[1])
    if isinstance(address, str) and address:
        out[f"{side}.address"] = address
        with suppress(ValueError):  # what is no address stays in `address`
            out[f"{side}.ip"] = str(ip_address(address.split("%", 1)[0]))
    if isinstance(port, int):
        out[f"{side}.port"] = port
