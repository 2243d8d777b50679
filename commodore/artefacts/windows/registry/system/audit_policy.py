r"""Audit policy of the host: which kinds of events the Security log records, by subcategory, from `PolAdtEv` of the SECURITY hive.

    0   u16   0x0100
    4   u32   number of categories, 9
    8   u32   offset of the counts
    12  u16[] setting of each subcategory, category after category: bit 0 success, bit 1 failure; up to two bytes of padding
    …   u16[] counts: number of subcategories of each category

A release adds subcategories at the end of a category, so a subcategory has the same place in all of them. The layout is known by its nine
counts; any other is refused. Windows 2000 to Server 2003 have another form, which is refused, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct, unpack_from

from commodore.registry import At, Part, Problem, each_value, registry_artefact
from scout.formats.regf import Value

_HEAD = Struct("<HHII")
_SETTINGS = ("no auditing", "success", "failure", "success and failure")
_NAMES = {
    "System": ("Security State Change", "Security System Extension", "System Integrity", "IPsec Driver", "Other System Events"),
    "Logon/Logoff": (
        *("Logon", "Logoff", "Account Lockout", "IPsec Main Mode", "Special Logon", "IPsec Quick Mode", "IPsec Extended Mode"),
        *("Other Logon/Logoff Events", "Network Policy Server", "User / Device Claims", "Group Membership", "Access Rights"),
    ),
    "Object Access": (
        *("File System", "Registry", "Kernel Object", "SAM", "Other Object Access Events", "Certification Services"),
        *("Application Generated", "Handle Manipulation", "File Share", "Filtering Platform Packet Drop"),
        *("Filtering Platform Connection", "Detailed File Share", "Removable Storage", "Central Policy Staging"),
    ),
    "Privilege Use": ("Sensitive Privilege Use", "Non Sensitive Privilege Use", "Other Privilege Use Events"),
    "Detailed Tracking": (
        *("Process Creation", "Process Termination", "DPAPI Activity", "RPC Events", "Plug and Play Events"),
        "Token Right Adjusted Events",
    ),
    "Policy Change": (
        *("Audit Policy Change", "Authentication Policy Change", "Authorization Policy Change", "MPSSVC Rule-Level Policy Change"),
        *("Filtering Platform Policy Change", "Other Policy Change Events"),
    ),
    "Account Management": (
        *("User Account Management", "Computer Account Management", "Security Group Management", "Distribution Group Management"),
        *("Application Group Management", "Other Account Management Events"),
    ),
    "DS Access": (
        *("Directory Service Access", "Directory Service Changes", "Directory Service Replication"),
        "Detailed Directory Service Replication",
    ),
    "Account Logon": (
        *("Credential Validation", "Kerberos Service Ticket Operations", "Other Account Logon Events"),
        "Kerberos Authentication Service",
    ),
}
"""category → its subcategories, in the order of the value"""
_LAYOUTS = frozenset(
    (
        (5, 9, 11, 3, 4, 6, 6, 4, 4),  # Vista, Server 2008
        (5, 9, 12, 3, 4, 6, 6, 4, 4),  # 7, Server 2008 R2
        (5, 10, 14, 3, 4, 6, 6, 4, 4),  # 8, 8.1, Server 2012 (R2)
        (5, 11, 14, 3, 5, 6, 6, 4, 4),  # 10 1507 and 1511
        (5, 11, 14, 3, 6, 6, 6, 4, 4),  # 10 1607, Server 2016 and later
        (5, 12, 14, 3, 6, 6, 6, 4, 4),  # 11
    )
)


def _policy(at: At, value: Value) -> Iterator[Part | Problem]:  # noqa: ARG001
    raw = value.raw
    _, _, categories, end = _HEAD.unpack_from(raw) if len(raw) >= _HEAD.size else (0, 0, 0, 0)
    if categories != len(_NAMES) or end + 2 * categories != len(raw):
        yield Problem(f"audit policy of {len(raw)} bytes: no known form", lost=1)
        return
    counts = unpack_from(f"<{categories}H", raw, end)
    total = sum(counts)
    if counts not in _LAYOUTS or end - _HEAD.size - 2 * total not in (0, 2):
        yield Problem(f"audit policy of {', '.join(map(str, counts))} subcategories: no known release has this layout", lost=1)
        return
    settings = iter(unpack_from(f"<{total}H", raw, _HEAD.size))
    for number, (count, (category, names)) in enumerate(zip(counts, _NAMES.items(), strict=True)):
        for place, name in enumerate(names[:count]):
            setting = next(settings)
            if setting >= len(_SETTINGS):
                yield Problem(f"audit policy: setting {setting:#x} of {name}", f"{number}.{place}", lost=1)
                continue
            made = {"escadre.audit.category": category, "escadre.audit.subcategory": name, "escadre.audit.setting": _SETTINGS[setting]}
            yield Part(f"{number}.{place}", made)


ARTEFACT, parse, expected = registry_artefact(
    name="audit_policy",
    title="Audit policy",
    about="What the Security log records: successes and failures of each subcategory of events. The layouts of Windows Vista to 11 are "
    "told apart by the numbers of subcategories that the value states; any other, as that of Windows XP, is refused. Those of Vista, 7 and "
    "10 are described by several programs, and that of 10 1607 agrees with a hive; those of 8 and of 11 with `Access Rights` follow from "
    "the subcategories that were added.",
    proves_not="That the policy was the same before: the time is that of the last change of any subcategory. Policies of single users, "
    "and what the domain sets later, are elsewhere.",
    keys=(r"Policy\PolAdtEv",),
    read=each_value(_policy, names=("",)),
    fields=("escadre.audit.category", "escadre.audit.subcategory", "escadre.audit.setting"),
    category=("registry", "configuration"),
    action="registry-setting-observed",
    attack=("T1562.002",),
    message="The audit policy has {escadre.audit.setting} for {escadre.audit.subcategory!q} ({escadre.audit.category}).",
    sources=(
        "PolAdtEv, kazamiya.net; the readers of Volatility, RegRipper and Dissect (for 7 and 10 1507 RegRipper has the order of auditpol's "
        "list, which the others and the defaults in a hive contradict)",
        "AuditQuerySystemPolicy and Advanced security auditing, Microsoft Learn",
    ),
)
