r"""Security products and what Defender leaves out (`security_products/1`); `kind` says which.

product             name, type (antivirus, firewall, antispyware), state (hexadecimal productState), path; from Security Center
defender            setting, value: of the registry, policies first (`policy`: true); DisableRealtimeMonitoring, TamperProtection …
exclusion           type (path, extension, process, address), value, policy
error               what could not be asked, and why. Servers have no Security Center

Source: Microsoft, "Windows Security Center" (WMI `root\SecurityCenter2`), "Configure Microsoft Defender Antivirus exclusions".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scout.live.windows import _native, _registry, _wmi

SCHEMA = 1
_PRODUCTS = (("AntiVirusProduct", "antivirus"), ("FirewallProduct", "firewall"), ("AntiSpywareProduct", "antispyware"))
_PLACES = ((r"SOFTWARE\Policies\Microsoft\Windows Defender", True), (r"SOFTWARE\Microsoft\Windows Defender", False))
_EXCLUSIONS = (("Paths", "path"), ("Extensions", "extension"), ("Processes", "process"), ("IpAddresses", "address"))
_SETTINGS = (
    ("", ("DisableAntiSpyware", "DisableAntiVirus", "PUAProtection")),
    ("Features", ("TamperProtection",)),
    ("Real-Time Protection", ("DisableRealtimeMonitoring", "DisableBehaviorMonitoring", "DisableScriptScanning", "DisableIOAVProtection")),
    ("Spynet", ("SpynetReporting", "SubmitSamplesConsent")),
)


def collect() -> Iterator[dict[str, Any]]:
    """Yield Defender's settings and exclusions, then the products."""
    registry = _registry.RunningRegistry()
    for key, policy in _PLACES:
        yield from _defender(registry, key, policy)
    for path in registry.denied:
        yield {"kind": "defender", "error": f"{path}: access denied"}
    try:
        center = _wmi.WmiNamespace("root\\SecurityCenter2")
        for name, word in _PRODUCTS:
            for one in center.ask(name, ["displayName", "productState", "pathToSignedReportingExe"]):
                state = one.get("productState")
                facts = {"name": one.get("displayName"), "type": word, "path": one.get("pathToSignedReportingExe")}
                yield {"kind": "product", **_native.known({**facts, "state": f"{state:06x}" if isinstance(state, int) else None})}
    except OSError as e:
        yield {"kind": "product", "error": str(e)}


def _defender(registry: _registry.RunningRegistry, key: str, policy: bool) -> Iterator[dict[str, Any]]:
    for below, names in _SETTINGS:
        place = f"{key}\\{below}".rstrip("\\")
        for name in names:
            if (value := registry.number(_registry.HKLM, place, name)) is not None:
                yield {"kind": "defender", "setting": name, "value": value, "policy": policy}
    for folder, word in _EXCLUSIONS:
        for name in registry.values(_registry.HKLM, f"{key}\\Exclusions\\{folder}"):
            yield {"kind": "exclusion", "type": word, "value": _native.text(name), "policy": policy}
