r"""Defender: exclusions, switched-off protection and policies."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from commodore.registry import At, each_value, registry_artefact
from scout.formats.regf import Value

_ROOTS = (
    r"Software\Microsoft\Windows Defender",
    r"Software\Policies\Microsoft\Windows Defender",
    r"Software\Microsoft\Microsoft Antimalware",
)
_SWITCHES = (
    *("Disable*", "TamperProtection*", "PUAProtection", "SpyNetReporting", "SubmitSamplesConsent", "MpCloudBlockLevel", "MpEnablePus"),
    *(
        "AllowFastServiceStartup",
        "ServiceKeepAlive",
        "EnableControlledFolderAccess",
        "EnableNetworkProtection",
        "ExploitGuard*",
        "ForceDefender*",
    ),
)


def _setting(at: At, value: Value) -> dict[str, Any] | None:
    parts = [part.lower() for part in at.parts]
    if "exclusions" in parts:
        return {"escadre.defender.exclusion": at.parts[-1]}
    name = value.name.lower()
    return {} if "rules" in parts or any(fnmatchcase(name, pattern.lower()) for pattern in _SWITCHES) else None


ARTEFACT, parse, expected = registry_artefact(
    name="defender",
    title="Settings and exclusions of Defender",
    about="Paths, extensions, processes and addresses that Defender does not look at (Exclusions), and values that switch protection "
    "off or weaken it, set on the host or by policy. An exclusion of a folder where users may write is a common step of an intrusion.",
    proves_not="That a setting was in effect: tamper protection ignores some, and a policy goes before the host's own setting.",
    keys=tuple(
        f"{root}{below}"
        for root in _ROOTS
        for below in (
            *("", "\\Exclusions\\*", "\\Real-Time Protection", "\\Features", "\\Spynet", "\\MpEngine", "\\Reporting", "\\UX Configuration"),
            *(
                "\\Signature Updates",
                "\\Policy Manager",
                "\\Windows Defender Exploit Guard\\*",
                "\\Windows Defender Exploit Guard\\ASR\\Rules",
            ),
        )
    ),
    read=each_value(_setting, data=True),
    fields=("escadre.defender.exclusion",),
    category=("configuration",),
    action="registry-setting-observed",
    attack=("T1562.001",),
    message="Defender [excludes {registry.value!q} ({escadre.defender.exclusion})|has {registry.value!q} = {registry.data.strings!q}|has "
    "{registry.value!q}].",
    sources=("Configure Microsoft Defender Antivirus exclusions, Microsoft Learn", "Defender CSP and Defender policies, Microsoft Learn"),
)
