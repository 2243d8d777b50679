r"""The isolation of the running Windows: two block rules of its firewall, and a scheduled task of the system that ends it.

Block rules go before allow rules, so everything but the allowed addresses and loopback is blocked. Profiles of the firewall that are off
are switched on meanwhile; the task, which is registered first, and `release` switch them off again.
Sources: Microsoft, "netsh advfirewall firewall" (add rule: remoteip takes ranges and lists; delete rule), [MS-GPFAS] 2.2.2 (rules in the
registry, EnableFirewall and AllowLocalPolicyMerge of policies), [MS-TSCH] 2.5 (task definitions), GetExtendedTcpTable.
"""

from __future__ import annotations

import ctypes
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any
from xml.sax.saxutils import escape

from hunter.contain.isolation import Address, Network
from hunter.contain.windows import GROUP, TASK, gaps
from hunter.host.windows import tasks
from hunter.unsafe import UnsafeError
from scout.live.windows import _native, connections

_POLICY = r"SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy"
_BY_POLICY = r"SOFTWARE\Policies\Microsoft\WindowsFirewall"
_PROFILES = {"domainprofile": "DomainProfile", "privateprofile": "StandardProfile", "publicprofile": "PublicProfile"}
"""name for netsh → key of the registry"""
_REMOTE_PORTS = {22, 3389, 5985, 5986}
"""ssh, remote desktop, WinRM"""
_STARTS = re.compile(r"<StartBoundary>([0-9TZ:-]{19,20})</StartBoundary>")
_OFF = re.compile(r"<Description>[^<]*: ((?:\w+profile ?)+)</Description>")
_SECONDS = 60


def isolate(allowed: Iterable[Network], seconds: int) -> None:
    """Put task and rules in place; an older isolation is replaced. UnsafeError where one is refused; then nothing stays."""
    if against := _forbidden():
        raise UnsafeError(against)
    every = list(allowed)
    blocked = ",".join(f"{first}-{last}" for version in (4, 6) for first, last in gaps(every, version) if int(last))
    release()
    off = _profiles_off()
    try:
        tasks.register(f"\\{TASK}", definition(_program(), datetime.now(UTC) + timedelta(seconds=seconds), off), "")
        for direction in ("in", "out"):
            rule = f"dir={direction}", "action=block", f"remoteip={blocked}", "profile=any", "enable=yes"
            _netsh("advfirewall", "firewall", "add", "rule", f"name={GROUP}", *rule)
        for profile in off:
            _netsh("advfirewall", "set", profile, "state", "on")
    except UnsafeError:
        release()
        raise


def release() -> None:
    """Remove rules and task, and switch off again what was switched on; nothing is done where there are none. UnsafeError."""
    task = tasks.read(f"\\{TASK}")
    if any(_rules()):
        _netsh("advfirewall", "firewall", "delete", "rule", f"name={GROUP}")
    if task is not None:
        match = _OFF.search(task[0])
        for profile in match[1].split() if match else ():
            if profile in _PROFILES:
                _netsh("advfirewall", "set", profile, "state", "off")
        tasks.delete(f"\\{TASK}")


def left() -> int:
    """Return for how many seconds the host is still isolated, 0 where it is not. UnsafeError where the scheduler cannot be asked."""
    if not any(_rules()):
        return 0
    task = tasks.read(f"\\{TASK}")
    match = _STARTS.search(task[0]) if task is not None else None
    if match is None:
        return 1
    return max(1, round((datetime.fromisoformat(match[1]).replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()))


def responders() -> set[Address]:
    """Return the addresses from which somebody works on this host by ssh, remote desktop or WinRM."""
    found: set[Address] = set()
    for one in connections.collect():
        if one.get("state") == "ESTABLISHED" and one.get("local_port") in _REMOTE_PORTS:
            with suppress(ValueError):
                found.add(ip_address(str(one.get("remote_ip")).partition("%")[0]))
    return found


def usable() -> str:
    """Return why this host cannot be isolated, '' where it can."""
    try:
        if against := _forbidden():
            return f"{against}: change the policy, or cut the host off at its switch"
        _profiles_off()
        left()
    except (UnsafeError, OSError) as e:
        return f"the Windows firewall cannot be used ({e}): cut the host off at its switch"
    return ""


def definition(netsh: str, end: datetime, off: Sequence[str]) -> str:
    """Return the task that ends an isolation, as XML: it runs as the system, once, also when the host was off at that time.

    `off`: the profiles that it switches off; its description names them too.
    """
    commands = [f'advfirewall firewall delete rule name="{GROUP}"', *(f"advfirewall set {profile} state off" for profile in off)]
    actions = "".join(f"<Exec><Command>{escape(netsh)}</Command><Arguments>{escape(text)}</Arguments></Exec>" for text in commands)
    start, last = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (end, end + timedelta(days=30)))
    return (
        '<?xml version="1.0" encoding="UTF-16"?>'
        '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">'
        f"<RegistrationInfo><Description>{TASK}{': ' if off else ''}{' '.join(off)}</Description></RegistrationInfo>"
        f"<Triggers><TimeTrigger><StartBoundary>{start}</StartBoundary><EndBoundary>{last}</EndBoundary><Enabled>true</Enabled></TimeTrigger>"
        '</Triggers><Principals><Principal id="A"><UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel></Principal></Principals>'
        "<Settings><DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries><StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>"
        "<StartWhenAvailable>true</StartWhenAvailable><DeleteExpiredTaskAfter>PT0S</DeleteExpiredTaskAfter></Settings>"
        f'<Actions Context="A">{actions}</Actions></Task>'
    )


def _profiles_off() -> list[str]:
    """Return the profiles whose firewall is off. OSError where there is no firewall policy."""
    winreg = _native.module("winreg")
    found = []
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _POLICY) as policy:
        for name, key in _PROFILES.items():
            enabled = 1
            with suppress(FileNotFoundError), winreg.OpenKey(policy, key) as profile:
                enabled = winreg.QueryValueEx(profile, "EnableFirewall")[0]
            if not enabled:
                found.append(name)
    return found


def _forbidden() -> str:
    """Return how group policy makes rules of this host have no effect, '' where it does not. Its settings go before those of the host."""
    winreg = _native.module("winreg")
    found = []
    for name, key in _PROFILES.items():
        with suppress(FileNotFoundError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, rf"{_BY_POLICY}\{key}") as profile:
            for value, does in (("EnableFirewall", "switches it off"), ("AllowLocalPolicyMerge", "ignores the rules of the host")):
                with suppress(FileNotFoundError):
                    if winreg.QueryValueEx(profile, value)[0] == 0:
                        found.append(f"{does} in the {name} (HKLM\\{_BY_POLICY}\\{key}\\{value})")
    return f"group policy rules the Windows firewall: it {' and '.join(found)}" if found else ""


def _rules() -> Iterator[str]:
    """Yield the block rules of an isolation that are in force, as the registry has them."""
    winreg = _native.module("winreg")
    with suppress(FileNotFoundError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, rf"{_POLICY}\FirewallRules") as key:
        for n in range(winreg.QueryInfoKey(key)[1]):
            parts = str(winreg.EnumValue(key, n)[1]).split("|")
            if {f"Name={GROUP}", "Action=Block", "Active=TRUE"} <= set(parts):
                yield "|".join(parts)


def _program() -> str:
    """Return the path of netsh in the folder that the kernel calls the system's."""
    room = ctypes.create_unicode_buffer(300)
    kernel: Any = _native.library("kernel32")
    if not kernel.GetSystemDirectoryW(room, 300):
        raise UnsafeError("Windows does not tell its system folder")
    return f"{room.value}\\netsh.exe"


def _netsh(*arguments: str) -> None:
    try:
        done = subprocess.run(
            [_program(), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # Ctrl-C is for HUNTER alone
        )
    except (OSError, subprocess.TimeoutExpired) as e:
        raise UnsafeError(f"netsh {arguments[0]} cannot be run: {e}") from e
    if done.returncode:
        told = (done.stdout + done.stderr).strip()[:200]
        raise UnsafeError(f"netsh {' '.join(arguments)[:80]} failed: {told or done.returncode}")
