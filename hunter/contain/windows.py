"""The isolation of a Windows host as a script that a person reads and runs: firewall rules, and a task that ends it.

Block rules of the Windows firewall go before allow rules, so everything but the allowed addresses is blocked, as ranges between them.
Source: Microsoft, "New-NetFirewallRule" (RemoteAddress takes ranges), "Register-ScheduledTask", "Order of Windows Firewall rules".
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from hunter.contain.isolation import Address, Network, told

GROUP, TASK = "Escadre isolation", "Escadre end of isolation"


def gaps(allowed: Iterable[Network], version: int) -> Iterator[tuple[Address, Address]]:
    """Yield (first, last) of every range of addresses of a version that no network holds; loopback is not blocked."""
    loopback: Network = ipaddress.ip_network("127.0.0.0/8" if version == 4 else "::1/128")
    held = [loopback, *(n for n in allowed if n.version == version)]
    kind = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
    at, end = 0, (1 << (32 if version == 4 else 128)) - 1
    for first, last in sorted((int(n.network_address), int(n.broadcast_address)) for n in held):
        if first > at:
            yield kind(at), kind(first - 1)
        at = max(at, last + 1)
    if at <= end:
        yield kind(at), kind(end)


def script(allowed: Iterable[Network], minutes: int) -> str:
    """Return the script. It refuses to run where the session comes from an address that is not allowed."""
    every = list(allowed)
    ranges = ",\n".join(f"  '{first}-{last}'" for version in (4, 6) for first, last in gaps(every, version))
    listed = ", ".join(f"'{n}'" for n in told(every).split())
    return f"""# Isolate this Windows host, but for {told(every)}, for {minutes} minutes. Read it, then run it as administrator.
# End it at once:  Remove-NetFirewallRule -Group '{GROUP}'; Unregister-ScheduledTask '{TASK}' -Confirm:$false
$ErrorActionPreference = 'Stop'
$allowed = @({listed})
$remote = Get-NetTCPConnection -State Established -LocalPort 22, 3389, 5985, 5986 -ErrorAction SilentlyContinue |
  Select-Object -Expand RemoteAddress -Unique
$lost = $remote | Where-Object {{ $_ -notin $allowed -and $_ -notlike '127.*' -and $_ -ne '::1' }}
if ($lost -and -not ($args -contains '-Force')) {{
  throw "It may cut off $lost, from where somebody works on this host. Allow it, or run with -Force."
}}
$blocked = @(
{ranges}
)
$end = "Remove-NetFirewallRule -Group '{GROUP}'; Unregister-ScheduledTask '{TASK}' -Confirm:`$false"
$shell = "$env:SystemRoot\\System32\\WindowsPowerShell\\v1.0\\powershell.exe"
$action = New-ScheduledTaskAction -Execute $shell -Argument "-NoProfile -Command `"$end`""
$at = New-ScheduledTaskTrigger -Once -At (Get-Date).AddMinutes({minutes})
$settings = New-ScheduledTaskSettingsSet -StartWhenAvailable -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries
Register-ScheduledTask -TaskName '{TASK}' -Action $action -Trigger $at -Settings $settings -User SYSTEM -RunLevel Highest -Force | Out-Null
foreach ($direction in 'Inbound', 'Outbound') {{
  New-NetFirewallRule -DisplayName "{GROUP} $direction" -Group '{GROUP}' -Direction $direction `
    -Action Block -RemoteAddress $blocked | Out-Null
}}
Set-NetFirewallProfile -All -Enabled True
$weak = Get-NetFirewallProfile -PolicyStore ActiveStore |
  Where-Object {{ $_.Enabled -ne 'True' -or $_.AllowLocalFirewallRules -eq 'False' }}
if ($weak) {{ Write-Warning "Group policy makes these rules have no effect in: $($weak.Name). Cut the host off at its switch." }}
"""
