"""Network configuration as the kernel has it (`network/1`); `kind` says which.

interface   name, index, mac, mtu, state, promiscuous, type (number of ARPHRD), driver_type (`wireguard`, `bridge` …), master
address     interface, ip, prefix
route       destination (absent: default), prefix, gateway, interface, table, protocol (who set it), source
rule        priority, table, source, destination, mark: policy routing
neighbour   ip, mac, interface, state (number of NUD_*)
resolver    path, servers, search: what the configuration of the resolver says
filter      family, table: a table of nftables; `chain` with hook, priority, policy and `rules` (number) where it is one of its chains
legacy      path, tables: iptables' own tables (`/proc/net/ip_tables_names` …)
namespace   inode, pid, routes, neighbours (lines of /proc/<pid>/net/route and arp): another network namespace
error       what could not be asked, and why

Source: rtnetlink(7), linux/rtnetlink.h, linux/netfilter/nf_tables.h, resolv.conf(5).
"""

from __future__ import annotations

import os
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from scout.live.linux import _netlink, procfs

SCHEMA = 1
NET = "/sys/class/net"
_PROMISCUOUS = 0x100
_LEGACY = ("ip_tables_names", "ip6_tables_names", "arp_tables_names", "eb_tables_names")
_FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
_HOOKS = ("prerouting", "input", "forward", "output", "postrouting", "ingress")


def collect() -> Iterator[dict[str, Any]]:
    """Yield the configuration of the own network namespace, then what other namespaces show in /proc."""
    names = dict(_interfaces())
    for one in names.values():
        yield {"kind": "interface", **one}
    links = {one["index"]: name for name, one in names.items()}
    for kind, ask in (("address", _addresses), ("route", _routes), ("rule", _rules), ("neighbour", _neighbours)):
        yield from _asked(kind, partial(ask, links))
    yield from _resolvers()
    yield from _asked("filter", _filters)
    for table in _LEGACY:
        if found := procfs.whole(f"/proc/net/{table}").split():
            yield {"kind": "legacy", "path": f"/proc/net/{table}", "tables": found}
    yield from _namespaces()


def _asked(kind: str, ask: Callable[[], Iterator[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    try:
        for one in ask():
            yield {"kind": kind, **{key: value for key, value in one.items() if value not in (None, "")}}
    except OSError as e:
        yield {"kind": kind, "error": e.strerror or str(e)}


def _interfaces() -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        names = sorted(os.listdir(NET))
    except OSError:
        return
    for name in names:
        place = f"{NET}/{name}"
        if not Path(place).is_dir():
            continue
        flags = _number(f"{place}/flags", 16)
        kind = dict(line.split("=", 1) for line in procfs.lines(f"{place}/uevent") if "=" in line).get("DEVTYPE")
        master = procfs.link(f"{place}/master").rpartition("/")[2]
        known = {
            "name": name,
            "index": _number(f"{place}/ifindex"),
            "mac": _word(f"{place}/address"),
            "mtu": _number(f"{place}/mtu"),
            "state": _word(f"{place}/operstate"),
            "promiscuous": bool(flags & _PROMISCUOUS),
            "type": _number(f"{place}/type"),
            "driver_type": kind,
            "master": master,
        }
        yield name, {key: value for key, value in known.items() if value not in (None, "")}


def _addresses(links: dict[int, str]) -> Iterator[dict[str, Any]]:
    for data in _netlink.dump(_netlink.ROUTE, 22, struct.pack("=BBBBI", 0, 0, 0, 0, 0)):  # RTM_GETADDR, struct ifaddrmsg
        prefix, index = data[1], struct.unpack_from("=I", data, 4)[0]
        found = _netlink.attributes(data, 8)
        yield {"interface": links.get(index, str(index)), "ip": _ip(found.get(2) or found.get(1)), "prefix": prefix}


def _routes(links: dict[int, str]) -> Iterator[dict[str, Any]]:
    for data in _netlink.dump(_netlink.ROUTE, 26, bytes(12)):  # RTM_GETROUTE, struct rtmsg
        prefix, table, protocol, kind = data[1], data[4], data[5], data[7]
        found = _netlink.attributes(data, 12)
        index = _u32(found.get(4))
        yield {
            "destination": _ip(found.get(1)),
            "prefix": prefix if 1 in found else None,
            "gateway": _ip(found.get(5)),
            "interface": links.get(index, str(index)) if index is not None else None,
            "table": _u32(found.get(15)) or table,
            "protocol": protocol,
            "type": kind,
            "source": _ip(found.get(7)),
        }


def _rules(_: dict[int, str]) -> Iterator[dict[str, Any]]:
    for family in (2, 10):  # AF_INET, AF_INET6
        for data in _netlink.dump(_netlink.ROUTE, 34, bytes([family]) + bytes(11)):  # RTM_GETRULE, struct fib_rule_hdr
            found = _netlink.attributes(data, 12)
            yield {
                "priority": _u32(found.get(6)) or 0,
                "table": _u32(found.get(15)) or data[4],
                "source": _ip(found.get(2)),
                "destination": _ip(found.get(1)),
                "mark": _u32(found.get(10)),
                "version": 4 if family == 2 else 6,
            }


def _neighbours(links: dict[int, str]) -> Iterator[dict[str, Any]]:
    for data in _netlink.dump(_netlink.ROUTE, 30, bytes(12)):  # RTM_GETNEIGH, struct ndmsg
        index, state = struct.unpack_from("=iH", data, 4)
        found = _netlink.attributes(data, 12)
        mac = found.get(2, b"").hex(":")
        yield {"ip": _ip(found.get(1)), "mac": mac, "interface": links.get(index, str(index)), "state": state}


def _filters() -> Iterator[dict[str, Any]]:
    head = bytes(4)  # struct nfgenmsg: any family
    for data in _netlink.dump(_netlink.NETFILTER, 0xA01, head):  # NFT_MSG_GETTABLE
        yield {"family": _FAMILIES.get(data[0], str(data[0])), "table": _name(_netlink.attributes(data, 4).get(1))}
    rules: Counter[tuple[int, str, str]] = Counter()
    for data in _netlink.dump(_netlink.NETFILTER, 0xA07, head):  # NFT_MSG_GETRULE
        found = _netlink.attributes(data, 4)
        rules[data[0], _name(found.get(1)), _name(found.get(2))] += 1
    for data in _netlink.dump(_netlink.NETFILTER, 0xA04, head):  # NFT_MSG_GETCHAIN
        found = _netlink.attributes(data, 4)
        hook = _netlink.attributes(found.get(4, b""), 0)
        number, priority = _big(hook.get(1)), _big(hook.get(2))
        table, chain = _name(found.get(1)), _name(found.get(3))
        policy = _big(found.get(5))
        yield {
            "family": _FAMILIES.get(data[0], str(data[0])),
            "table": table,
            "chain": chain,
            "hook": _HOOKS[number] if number is not None and number < len(_HOOKS) else None,
            "priority": priority,
            "policy": {0: "drop", 1: "accept"}.get(policy) if policy is not None else None,
            "rules": rules[data[0], table, chain],
        }


def _resolvers() -> Iterator[dict[str, Any]]:
    for path in ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf", "/run/resolvconf/resolv.conf"):
        words = [line.split() for line in procfs.lines(path, 1 << 20)]
        servers = [one[1] for one in words if len(one) > 1 and one[0] == "nameserver"]
        search = [name for one in words if one and one[0] in ("search", "domain") for name in one[1:]]
        if servers or search:
            yield {"kind": "resolver", "path": path, "servers": servers, "search": search}


def _namespaces() -> Iterator[dict[str, Any]]:
    seen = {procfs.link("/proc/self/ns/net")}
    for pid in procfs.pids():
        name = procfs.link(f"/proc/{pid}/ns/net")
        if not name or name in seen:
            continue
        seen.add(name)
        tables = {word: list(procfs.lines(f"/proc/{pid}/net/{file}"))[1:] for word, file in (("routes", "route"), ("neighbours", "arp"))}
        yield {"kind": "namespace", "inode": name.partition("[")[2].rstrip("]"), "pid": pid, **tables}


def _word(path: str) -> str:
    return procfs.text(procfs.read(path)).strip()


def _number(path: str, base: int = 10) -> int:
    try:
        return int(_word(path), base)
    except ValueError:
        return 0


def _ip(raw: bytes | None) -> str | None:
    return str(ip_address(raw)) if raw is not None and len(raw) in (4, 16) else None


def _u32(raw: bytes | None) -> int | None:
    return int(struct.unpack("=I", raw)[0]) if raw is not None and len(raw) == 4 else None


def _big(raw: bytes | None) -> int | None:
    return int(struct.unpack(">i", raw)[0]) if raw is not None and len(raw) == 4 else None


def _name(raw: bytes | None) -> str:
    return procfs.text((raw or b"").rstrip(b"\0"))
