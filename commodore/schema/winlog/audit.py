"""Names of the subcategories of the audit policy by their GUID. Source: [MS-GPAC] section 2.2.1.2, Subcategory and SubcategoryGUID."""

from __future__ import annotations

_FORM = "{{0CCE92{:02X}-69AE-11D9-BED3-505054503030}}"
_NAMES = (
    *("Security State Change", "Security System Extension", "System Integrity", "IPsec Driver", "Other System Events"),
    *("Logon", "Logoff", "Account Lockout", "IPsec Main Mode", "IPsec Quick Mode", "IPsec Extended Mode", "Special Logon"),
    *("Other Logon/Logoff Events", "File System", "Registry", "Kernel Object", "SAM", "Certification Services", "Application Generated"),
    *("Handle Manipulation", "File Share", "Filtering Platform Packet Drop", "Filtering Platform Connection"),
    *("Other Object Access Events", "Sensitive Privilege Use", "Non Sensitive Privilege Use", "Other Privilege Use Events"),
    *("Process Creation", "Process Termination", "DPAPI Activity", "RPC Events"),
    *("Audit Policy Change", "Authentication Policy Change", "Authorization Policy Change", "MPSSVC Rule-Level Policy Change"),
    *("Filtering Platform Policy Change", "Other Policy Change Events"),
    *("User Account Management", "Computer Account Management", "Security Group Management", "Distribution Group Management"),
    *("Application Group Management", "Other Account Management Events"),
    *("Directory Service Access", "Directory Service Changes", "Directory Service Replication", "Detailed Directory Service Replication"),
    *("Credential Validation", "Kerberos Service Ticket Operations", "Other Account Logon Events", "Kerberos Authentication Service"),
    *("Network Policy Server", "Detailed File Share", "Removable Storage", "Central Policy Staging", "User / Device Claims"),
    *("Plug and Play Events", "Group Membership", "Token Right Adjusted Events"),
)
SUBCATEGORIES = {_FORM.format(number): name for number, name in enumerate(_NAMES, 0x10)}
"""GUID in braces and capitals → name"""
