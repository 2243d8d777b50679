r"""Settings that decide who may act on the host, and how: UAC, remote desktop, remote administration, SMB, system restore."""

from __future__ import annotations

from commodore.registry import each_value, registry_artefact

_SERVER = r"System\CurrentControlSet\Control\Terminal Server"

_NAMES = frozenset(
    """enablelua consentpromptbehavioradmin consentpromptbehavioruser promptonsecuredesktop enableinstallerdetection enablevirtualization
    filteradministratortoken localaccounttokenfilterpolicy dontdisplaylastusername legalnoticecaption legalnoticetext disabletaskmgr
    disableregistrytools disablecmd inactivitytimeoutsecs enableuiadesktoptoggle fdenytsconnections fsinglesessionperuser portnumber shadow
    userauthentication securitylayer minencryptionlevel enableconcurrentsessions maxinstancecount allowremoterpc smb1 restrictnullsessaccess
    nullsessionpipes nullsessionshares disablesr rpsessioninterval ntfsdisablelastaccessupdate crashdumpenabled dumpfile pagingfiles
    clearpagefileatshutdown""".split()  # noqa: SIM905  (a list of words)
)

ARTEFACT, parse, expected = registry_artefact(
    name="access_policies",
    title="UAC, remote desktop and other settings of access",
    about="Values that intruders change to stay: UAC (EnableLUA, LocalAccountTokenFilterPolicy), remote desktop (fDenyTSConnections, port, "
    "shadowing, several sessions), SMB version 1, system restore, hidden accounts, last access times, crash dumps.",
    proves_not="That the setting was used, or who set it.",
    keys=(
        r"Software\Microsoft\Windows\CurrentVersion\Policies\System",
        r"Software\Microsoft\Windows NT\CurrentVersion\Winlogon\SpecialAccounts\UserList",
        r"Software\Microsoft\Windows NT\CurrentVersion\SystemRestore",
        r"Software\Policies\Microsoft\Windows NT\Terminal Services",
        _SERVER,
        f"{_SERVER}\\WinStations\\RDP-Tcp",
        f"{_SERVER}\\Licensing Core",
        r"System\CurrentControlSet\Services\LanmanServer\Parameters",
        r"System\CurrentControlSet\Control\FileSystem",
        r"System\CurrentControlSet\Control\CrashControl",
        r"System\CurrentControlSet\Control\Session Manager\Memory Management",
    ),
    read=each_value(lambda at, value: {} if at.parts[-1].lower() == "userlist" or value.name.lower() in _NAMES else None, data=True),
    category=("configuration",),
    action="registry-setting-observed",
    attack=("T1112", "T1548.002", "T1021.001", "T1564.002"),
    message="The setting {registry.path!q} is [{registry.data.strings!q}|binary].",
    sources=(
        "User Account Control registry settings, Microsoft Learn",
        "Remote Desktop Services policy settings, Microsoft Learn",
        "[MS-GPSB] and Security Options, Microsoft Learn",
    ),
)
