r"""Rules of Windows Firewall, of the host and by policy, and the exceptions of Windows XP."""

from __future__ import annotations

from typing import Any

from commodore.registry import At, Made, Problem, each_value, registry_artefact
from scout.formats.regf import Value

_POLICY = r"System\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy"
_PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "ipv6-icmp"}
_DIRECTIONS = {"in": "ingress", "out": "egress"}
_TAKEN = ("action", "active", "dir", "protocol", "app", "name")


def _rule(at: At, value: Value) -> Made:
    text = value.text
    if at.parts[-1].lower() == "list":  # Windows XP: `C:\x.exe:*:Enabled:name` or `139:TCP:*:Enabled:name`
        head, _, tail = text.partition(":*:") if ":*:" in text else text.partition(":LocalSubNet:")
        state, _, name = tail.partition(":")
        old: dict[str, Any] = {"rule.id": value.name, "rule.name": name or None, "escadre.settings": [text]}
        return old | {"escadre.rule.active": state.lower() == "enabled"} | at.program(head)
    version, bar, body = text.partition("|")
    if not bar or not version.lower().startswith("v"):
        return [Problem(f"firewall rule of an unknown form: {text[:80]}", value.name, lost=1)]
    parts = [part.partition("=") for part in body.split("|") if part]
    first = {name.lower(): data for name, _, data in reversed(parts)}
    made: dict[str, Any] = {
        "rule.id": value.name,
        "rule.name": first.get("name") or None,
        "escadre.rule.action": first.get("action", "").lower() or None,
        "escadre.rule.active": first.get("active", "").lower() == "true",
        "network.direction": _DIRECTIONS.get(first.get("dir", "").lower()),
        "network.transport": _PROTOCOLS.get(first.get("protocol", ""), first.get("protocol")),
    }
    rest = [f"{name}={data}" for name, _, data in parts if name.lower() not in _TAKEN]
    return made | {"escadre.settings": rest or None} | (at.program(first["app"]) if first.get("app", "System") != "System" else {})


ARTEFACT, parse, expected = registry_artefact(
    name="firewall_rules",
    title="Rules of Windows Firewall",
    about="Every rule: what it allows or blocks, direction, protocol, ports, addresses, program, whether it is active. Remote access "
    "tools and intruders add rules that let their program in.",
    proves_not="That a connection was made, or who added the rule and when: all rules of a key share its time.",
    keys=(
        f"{_POLICY}\\FirewallRules",
        f"{_POLICY}\\Mdm\\FirewallRules",
        f"{_POLICY}\\RestrictedServices\\Configurable\\System",
        f"{_POLICY}\\*\\AuthorizedApplications\\List",
        f"{_POLICY}\\*\\GloballyOpenPorts\\List",
        r"Software\Policies\Microsoft\WindowsFirewall\FirewallRules",
    ),
    read=each_value(_rule, counted=True),
    fields=(
        "rule.id",
        "rule.name",
        "escadre.rule.action",
        "escadre.rule.active",
        "network.direction",
        "network.transport",
        "escadre.settings",
        "process.executable",
        "process.name",
    ),
    needs=("system_root",),
    times={"@timestamp": "last write of the key: when any of its rules was last changed"},
    category=("network", "configuration"),
    action="firewall-rule-observed",
    attack=("T1562.004",),
    message="The firewall rule [{rule.name!q}|{rule.id!q}] is [{?escadre.rule.active}active|not active][: {escadre.rule.action}]"
    "[ {network.direction}][ {network.transport}][ for {process.executable!q}].",
    sources=("[MS-GPFAS] 2.2.2 Firewall Rule and the Firewall Rule Grammar Rule", "Windows Firewall of Windows XP, Microsoft KB 875357"),
)
