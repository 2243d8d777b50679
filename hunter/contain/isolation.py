"""The rules that cut a host off: one table of nftables, in one transaction, which the kernel itself ends.

The dropping rule holds only while a set has an element with a timeout, so the host is back on the network at the expiry although nobody
comes back, and after a restart. No timer, daemon or program of the host is needed for it. Loopback, the allowed addresses, DHCP and
neighbour discovery stay, so that the host keeps its address. Forwarded packets (containers, virtual machines) are dropped.
Source: nft(8): SETS (timeout), CHAINS (hooks, priorities), META EXPRESSIONS (nfproto); RFC 4861, RFC 2131, RFC 8415 (ports).
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from hunter.host.programs import call
from hunter.unsafe import UnsafeError

TABLE = "escadre_isolation"
LEAST, MOST = 5, 7 * 24 * 60
"""bounds of the duration, in minutes"""
MAX_ALLOWED = 64
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_SSH = re.compile(rb"(?:^|\0)SSH_(?:CONNECTION|CLIENT)=([0-9A-Fa-f:.%a-z]+) ")


def networks(text: str) -> tuple[Network, ...]:
    """Return the networks in a text, without doubles. ValueError for none, too many, or one that allows too much."""
    found: dict[Network, None] = {}
    for word in text.split():
        try:
            network = ipaddress.ip_network(word, strict=True)
        except ValueError as e:
            raise ValueError(f"{word[:60]} is no address and no network ({e})") from e
        if network.prefixlen < (8 if network.version == 4 else 32):
            raise ValueError(f"{word} allows too much: give the addresses of the responder")
        found[network] = None
    if not found or len(found) > MAX_ALLOWED:
        raise ValueError(f"it must allow 1 to {MAX_ALLOWED} addresses: those of the responder")
    return tuple(sorted(found, key=lambda n: (n.version, n)))


def told(allowed: Iterable[Network]) -> str:
    """Return networks as a plan has them: a single address without its `/32`."""
    return " ".join(str(n.network_address) if n.prefixlen == n.max_prefixlen else str(n) for n in allowed)


def ruleset(allowed: Iterable[Network], seconds: int) -> str:
    """Return the input of `nft -f`: it replaces an older isolation, completely or not at all."""
    every = list(allowed)
    sets = {4: told(n for n in every if n.version == 4), 6: told(n for n in every if n.version == 6)}
    listed = {v: f" elements = {{ {', '.join(text.split())} }};" if text else "" for v, text in sets.items()}
    dhcp = "udp sport . udp dport { 67 . 68, 68 . 67, 547 . 546, 546 . 547 } accept"
    neighbours = "icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept"
    chains = "".join(
        f"""
  chain {hook} {{
    type filter hook {hook} priority -300; policy accept;
    {side}ifname "lo" accept
    ip {end} @allowed4 accept
    ip6 {end} @allowed6 accept
    {dhcp}
    {neighbours}
    meta nfproto @isolated drop
  }}"""
        for hook, side, end in (("input", "i", "saddr"), ("output", "o", "daddr"))
    )
    return f"""table inet {TABLE}
delete table inet {TABLE}
table inet {TABLE} {{
  set isolated {{ typeof meta nfproto; flags timeout; elements = {{ ipv4 timeout {seconds}s, ipv6 timeout {seconds}s }} }}
  set allowed4 {{ type ipv4_addr; flags interval; auto-merge;{listed[4]} }}
  set allowed6 {{ type ipv6_addr; flags interval; auto-merge;{listed[6]} }}{chains}
  chain forward {{
    type filter hook forward priority -300; policy accept;
    meta nfproto @isolated drop
  }}
}}
"""


def isolate(allowed: Iterable[Network], seconds: int) -> None:
    """Put the rules in place. UnsafeError where nft refuses them; then nothing changed."""
    call("nft", "-f", "-", given=ruleset(allowed, seconds))


def release() -> None:
    """Remove the rules; nothing is done where there are none. UnsafeError where nft fails."""
    call("nft", "-f", "-", given=f"table inet {TABLE}\ndelete table inet {TABLE}\n")


def left() -> int:
    """Return for how many seconds the host is still isolated, 0 where it is not. UnsafeError where nft cannot be asked."""
    tables = json.loads(call("nft", "-j", "list", "tables"))["nftables"]
    if not any(each.get("table", {}).get("name") == TABLE and each["table"].get("family") == "inet" for each in tables):
        return 0
    listed = json.loads(call("nft", "-j", "list", "set", "inet", TABLE, "isolated"))["nftables"]
    elements = [e["elem"] for each in listed for e in each.get("set", {}).get("elem", ()) if isinstance(e, dict) and "elem" in e]
    return max((max(1, int(e.get("expires", 0))) for e in elements), default=0)


def responders(environment: Iterable[bytes] | None = None) -> set[Address]:
    """Return the addresses from which somebody works on this host by ssh: of this process and of those that started it.

    `sudo` removes the variable, so the processes above are asked too. Source: ssh(1), ENVIRONMENT; proc(5), environ.
    """
    found: set[Address] = set()
    for raw in environment if environment is not None else _environments():
        for match in _SSH.finditer(raw):
            with suppress(ValueError):
                address = ipaddress.ip_address(match[1].decode().partition("%")[0])
                mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
                found.add(mapped or address)
    return found


def cut_off(allowed: Iterable[Network], working: Iterable[Address]) -> list[Address]:
    """Return who of those that work on the host would lose the connection. A loopback address never does."""
    every = list(allowed)
    return sorted((a for a in working if not a.is_loopback and not any(a in n for n in every if n.version == a.version)), key=str)


def _environments() -> Iterator[bytes]:
    """Yield the environments of this process and of its ancestors."""
    yield b"\0".join(f"{name}={value}".encode("utf-8", "surrogateescape") for name, value in os.environ.items())
    pid = os.getppid()
    for _ in range(64):
        if pid <= 1:
            return
        try:
            yield Path(f"/proc/{pid}/environ").read_bytes()
            pid = int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
        except PermissionError:
            return
        except (OSError, ValueError, IndexError):
            return


def usable() -> str:
    """Return why this host cannot be isolated, '' where it can."""
    try:
        left()
    except (UnsafeError, ValueError, KeyError) as e:
        return f"nftables cannot be used ({e}): install the package nftables, or cut the host off at its switch"
    return ""
