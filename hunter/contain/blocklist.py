"""Lists that block what a case found, as text that a person reads before it is used: firewall, DNS, hosts, hashes.

HUNTER applies none of them. An address that is not public is left out (it can be a host of the site), and so is a name that is one label or
under a top-level domain for local use; `left.txt` has them with the reason.
Sources: nft(8); RFC 8499 and the draft of DNS response policy zones (Vixie, Schryver), section 4: QNAME trigger, NXDOMAIN action; hosts(5);
Microsoft, "New-NetFirewallRule"; RFC 6761, RFC 8375 (names for local use).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from commodore.case.indicators import FoundIndicator, found
from commodore.case.reader import CaseReader
from hunter.contain.applocker import policy
from scout.console import WRONG_USE, Complaint, escape

_NAME = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])")
_LOCAL = ("local", "localhost", "lan", "internal", "intranet", "home", "corp", "home.arpa", "invalid", "test", "example", "onion")
_HASHES = ("md5", "sha1", "sha256")
_URL_HOST = re.compile(r"(?i)[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?(\[[0-9a-f:.]+\]|[^/?#:]+)")


@dataclass(slots=True)
class BlockLists:
    """What is blocked, each with why; and what is left out: (value, reason)."""

    networks: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    hashes: dict[str, dict[str, str]] = field(default_factory=lambda: {kind: {} for kind in _HASHES})
    left: list[tuple[str, str]] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Return the number of blocked values."""
        return len(self.networks) + len(self.names) + sum(map(len, self.hashes.values()))


def lists_of(indicators: Iterable[FoundIndicator]) -> BlockLists:
    """Sort indicators of a case into what can be blocked and what cannot."""
    made = BlockLists()
    for one in indicators:
        why = f"{', '.join(one.hosts[:5])}: {one.why}"
        if one.type in ("ip", "cidr"):
            _network(made, one.value, why)
        elif one.type == "domain":
            _domain(made, one.value, why)
        elif one.type == "url":
            match = _URL_HOST.match(one.value)
            host = match[1].strip("[]") if match else ""
            (_network if _is_address(host) else _domain)(made, host, f"{why} ({one.value})")
        elif one.type in _HASHES:
            made.hashes[one.type][one.value.lower()] = why
        else:
            made.left.append((one.value, f"a {one.type} is not blocked by a list"))
    return made


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _network(made: BlockLists, value: str, why: str) -> None:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        made.left.append((value, "it is no address"))
        return
    if not network.is_global or network.is_multicast:
        made.left.append((value, "it is not a public address: it can be a host of the site"))
    elif network.prefixlen < (16 if network.version == 4 else 32):
        made.left.append((value, "it would block too much"))
    else:
        made.networks[str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)] = why


def _domain(made: BlockLists, value: str, why: str) -> None:
    name = value.rstrip(".").lower()
    try:
        name = name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        name = ""
    if not _NAME.fullmatch(name):
        made.left.append((value, "it is no name of a host in the Internet"))
    elif any(name == local or name.endswith(f".{local}") for local in _LOCAL):
        made.left.append((value, "it is a name for local use"))
    else:
        made.names[name] = why


def write(case: Path, out: Path) -> tuple[BlockLists, list[Path]]:
    """Write the lists of a case into a folder; return them and the files. Complaint where a file is there already, or nothing is found."""
    made = lists_of(found(case))
    if not made.count and not made.left:
        raise Complaint(
            f"{case} has no finding on an indicator and no finding with a file.",
            "Process it with commodore process … --ioc FILE.",
            WRONG_USE,
        )
    written = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        rules, _ = policy(made.hashes["sha256"], CaseReader(case).records("programs"))
        for name, text in {**texts(made), **({"applocker.xml": rules} if rules else {})}.items():
            with (out / name).open("x", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
            written.append(out / name)
    except FileExistsError as e:
        raise Complaint(f"{e.filename} exists already.", "A list is never overwritten: give another folder with -o.", WRONG_USE) from e
    except OSError as e:
        raise Complaint(f"{e.filename or out} cannot be written: {e.strerror}.", "Give another folder with -o.") from e
    return made, written


def texts(made: BlockLists) -> Mapping[str, str]:
    """Return file name → text of the lists that are not empty."""
    found_texts: dict[str, str] = {}
    if made.networks:
        found_texts["firewall.nft"] = _nft(made)
        found_texts["firewall.ps1"] = _powershell(made)
        found_texts["addresses.txt"] = _plain(made.networks)
    if made.names:
        found_texts["dns.rpz"] = _rpz(made)
        found_texts["hosts.txt"] = _remarks(made.names) + "".join(f"0.0.0.0 {name}\n:: {name}\n" for name in sorted(made.names))
        found_texts["domains.txt"] = _plain(made.names)
    for kind, values in made.hashes.items():
        if values:
            found_texts[f"{kind}.txt"] = _plain(values)
    if made.left:
        found_texts["left.txt"] = "".join(f"{_one_line(value)}\t{_one_line(why)}\n" for value, why in made.left)
    return found_texts


def _one_line(text: str) -> str:
    return escape(text.replace("\n", " "))[:300]


def _plain(values: Mapping[str, str]) -> str:
    return _remarks(values) + "".join(f"{value}\n" for value in sorted(values))


def _remarks(values: Mapping[str, str], mark: str = "#") -> str:
    """Return a comment with the reason of every value. Reasons are text of an intruder: one line each, escaped."""
    return "".join(f"{mark} {value}: {_one_line(why)}\n" for value, why in sorted(values.items()))


def _nft(made: BlockLists) -> str:
    sets = {v: sorted(n for n in made.networks if (":" in n) == (v == 6)) for v in (4, 6)}
    form = "  set blocked{0} {{ type ipv{0}_addr; flags interval; auto-merge; elements = {{ {1} }} }}\n"
    body = "".join(form.format(v, ", ".join(each)) for v, each in sets.items() if each)
    rules = {
        hook: "".join(f"    ip{'6' if v == 6 else ''} {end} @blocked{v} drop\n" for v, each in sets.items() if each) for hook, end in _HOOKS
    }
    chains = "".join(
        f"  chain {hook} {{\n    type filter hook {hook} priority -10; policy accept;\n{rule}  }}\n" for hook, rule in rules.items()
    )
    head = "# Put in place: nft -f firewall.nft    Take away: nft delete table inet escadre_block\n"
    table = "table inet escadre_block"
    return f"{head}{_remarks(made.networks)}{table}\ndelete {table}\n{table} {{\n{body}{chains}}}\n"


_HOOKS = (("input", "saddr"), ("output", "daddr"), ("forward", "daddr"))


def _powershell(made: BlockLists) -> str:
    listed = ",\n".join(f"  '{network}'" for network in sorted(made.networks))
    return f"""# Windows firewall, on a host or in the GPO of -PolicyStore. Take away: Remove-NetFirewallRule -Group 'Escadre block'
{_remarks(made.networks)}$addresses = @(
{listed}
)
foreach ($direction in 'Inbound', 'Outbound') {{
  New-NetFirewallRule -DisplayName "Escadre block $direction" -Group 'Escadre block' -Direction $direction `
    -Action Block -RemoteAddress $addresses
}}
"""


def _rpz(made: BlockLists) -> str:
    names = "".join(f"{name} CNAME .\n*.{name} CNAME .\n" for name in sorted(made.names))
    head = "$TTL 300\n@ SOA localhost. hostmaster.localhost. ( 1 3600 600 86400 300 )\n@ NS localhost.\n"
    return f"; response policy zone: NXDOMAIN for each name and everything below it\n{_remarks(made.names, ';')}{head}{names}"
