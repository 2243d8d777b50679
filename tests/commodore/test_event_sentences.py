"""Sentences of events: codes in words, addresses as `source.ip` has them, numbers and words that agree. After Microsoft's descriptions."""

from __future__ import annotations

import pytest

from commodore.schema.winlog import meaning

SCM, SECURITY, DNS = "Service Control Manager", "Microsoft-Windows-Security-Auditing", "Microsoft-Windows-DNS-Server-Service"
WHO = {"SubjectDomainName": "MAIRIE", "SubjectUserName": "admin.si"}


@pytest.mark.parametrize(
    ("provider", "code", "values", "said", "reason"),
    [
        (
            SCM,
            "7000",
            {"param1": "Evil", "param2": "%%1053"},
            "The service Evil did not start: it did not answer the request to start in time.",
            "it did not answer the request to start in time",
        ),
        (SCM, "7000", {"param1": "Evil", "param2": "%%9999"}, "The service Evil did not start: %%9999.", "%%9999"),
        (SCM, "7034", {"param1": "Evil", "param2": "1"}, "The service Evil ended unexpectedly, 1 time so far.", None),
        (SCM, "7034", {"param1": "Evil", "param2": "2"}, "The service Evil ended unexpectedly, 2 times so far.", None),
        (
            SECURITY,
            "4719",
            {**WHO, "SubcategoryGuid": "{0CCE922B-69AE-11D9-BED3-505054503030}", "AuditPolicyChanges": "%%8448, %%8450"},
            'MAIRIE\\admin.si changed the audit policy of "Process Creation": success removed, failure removed.',
            "success removed, failure removed",
        ),
        (
            SECURITY,
            "4719",
            {**WHO, "SubcategoryGuid": "{0cce92ff-69ae-11d9-bed3-505054503030}", "AuditPolicyChanges": "%%8449"},
            "MAIRIE\\admin.si changed the audit policy of {0cce92ff-69ae-11d9-bed3-505054503030}: success added.",
            "success added",
        ),
        (
            SECURITY,
            "4907",
            {**WHO, "ObjectType": "File", "ObjectName": "C:\\a", "NewSd": "S:AI", "ProcessName": "C:\\b.exe"},
            "MAIRIE\\admin.si changed what is audited of the File C:\\a with C:\\b.exe to S:AI.",
            None,
        ),
        (
            SECURITY,
            "4670",
            {**WHO, "ObjectType": "Token", "ObjectName": "-", "OldSd": "D:A", "NewSd": "D:B"},
            "MAIRIE\\admin.si changed the permissions of the Token without a name: from D:A to D:B.",
            None,
        ),
        (
            "Microsoft-Windows-Sysmon",
            "20",
            {"User": "PC\\a", "Name": ' "Evil"', "Destination": ' "cmd.exe /c x"'},
            'PC\\a registered the WMI consumer "Evil", which runs "cmd.exe /c x".',
            None,
        ),
        (
            SECURITY,
            "4771",
            {"TargetUserName": "bob", "IpAddress": "::ffff:198.51.100.7", "IpPort": "5", "Status": "0x18"},
            "bob failed Kerberos pre-authentication from 198.51.100.7 port 5: wrong password.",
            "wrong password",
        ),
        (SECURITY, "4877", WHO, "MAIRIE\\admin.si backed up the certificate authority.", None),
        (SECURITY, "5121", {}, "The OCSP responder was stopped.", None),
        (DNS, "770", {"param1": "C:\\Tools\\m.dll", "param2": "dc1"}, "The DNS server dc1 loaded its plug-in C:\\Tools\\m.dll.", None),
        (DNS, "150", {"param1": ".\\m.dll"}, "The DNS server could not load its plug-in .\\m.dll.", None),
    ],
)
def test_the_sentence_of_an_event(provider: str, code: str, values: dict[str, str], said: str, reason: str | None) -> None:
    record: dict[str, str] = {}
    found = meaning(provider, code)
    assert found is not None
    found.apply(record, values)
    assert (record["message"], record.get("event.reason")) == (said, reason)
