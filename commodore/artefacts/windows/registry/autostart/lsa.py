r"""Local security authority: packages that lsass loads, and the settings that protect credentials."""

from __future__ import annotations

from commodore.registry import each_value, registry_artefact

_LSA = r"System\CurrentControlSet\Control\Lsa"

ARTEFACT, parse, expected = registry_artefact(
    name="lsa",
    title="Packages and settings of the local security authority",
    about="Authentication, security and notification packages that lsass loads, from which an added one gets every password; and "
    "settings an intruder weakens: RunAsPPL, UseLogonCredential (WDigest keeps clear passwords), DisableRestrictedAdmin, "
    "LimitBlankPasswordUse, NoLMHash, RestrictAnonymous, crashonauditfail.",
    proves_not="That a package was loaded: lsass reads the lists at boot.",
    keys=(
        _LSA,
        f"{_LSA}\\OSConfig",
        f"{_LSA}\\MSV1_0",
        r"System\CurrentControlSet\Control\SecurityProviders",
        r"System\CurrentControlSet\Control\SecurityProviders\WDigest",
    ),
    read=each_value(
        lambda at, value: {},  # noqa: ARG005
        names=(
            *("* Packages", "SecurityProviders", "UseLogonCredential", "RunAsPPL*", "DisableRestricted*", "LimitBlankPasswordUse"),
            *("NoLMHash", "LmCompatibilityLevel", "RestrictAnonymous*", "EveryoneIncludesAnonymous", "LsaCfgFlags", "Auxiliary*"),
            *("auditbase*", "crashonauditfail", "fullprivilegeauditing", "SCENoApplyLegacyAuditPolicy", "ForceGuest", "restrictremotesam"),
            *("LsaPid", "SecureBoot", "DisableDomainCreds", "NtlmMinClientSec", "NtlmMinServerSec", "RestrictSendingNTLMTraffic"),
        ),
        data=True,
    ),
    category=("registry", "configuration"),
    action="registry-autostart-observed",
    attack=("T1547.005", "T1547.002", "T1556.002", "T1112"),
    message="The security authority's value {registry.path!q} is [{registry.data.strings!q}|binary].",
    sources=(
        "LSA Authentication, Microsoft Win32",
        "Configuring Additional LSA Protection, Microsoft Learn",
        "Microsoft Security Advisory 2871997",
    ),
)
