"""Fields that the golden hives do not have: each is written as the format says, and read back."""

from __future__ import annotations

from struct import pack
from typing import Any

import pytest

from fixtures.hives.writer import BINARY, QWORD, Value
from tests.commodore.described import DEFAULT, ticks
from tests.commodore.registry_hives import AMCACHE, NTUSER, SAM, SOFTWARE, SYSTEM, run

WHEN = ("2026-10-30T06:00:00Z", "2026-10-30T07:00:00Z", "2026-10-31T06:00:00Z", "2026-10-31T07:00:00Z")
PROPERTIES = "Properties\\{83da6326-97a6-4088-9453-a1923f573b29}\\00"
TIMES = dict(zip(("first_installed", "installed", "arrived", "removed"), WHEN, strict=True))
NUMBERS = {"first_installed": "65", "installed": "64", "arrived": "66", "removed": "67"}
"""property → number of devpkey.h: DEVPKEY_Device_FirstInstallDate is 65, InstallDate 64, LastArrivalDate 66, LastRemovalDate 67"""
WRITTEN = DEFAULT
NT = "Microsoft\\Windows NT\\CurrentVersion"


def device(path: str, **values: Any) -> dict[str, dict[str, Any]]:
    """A device of the Enum tree with all four times: FILETIMEs of type 0xFFFF0010."""
    key = f"ControlSet001\\Enum\\{path}"
    times = {f"{key}\\{PROPERTIES}{NUMBERS[name]}": {"": Value("", 0xFFFF0010, pack("<Q", ticks(when)))} for name, when in TIMES.items()}
    return {key: values, **times}


def halves(name: str, when: str) -> dict[str, int]:
    high, low = divmod(ticks(when), 1 << 32)
    return {f"{name}High": high, f"{name}Low": low}


def account(more: int = 0) -> bytes:
    """The value F of an account; at 6 stands how many bytes follow the 80 that all have."""
    facts = bytearray(80 + more)
    facts[0], facts[6] = 3, more
    return bytes(facts)


def names(comment: str) -> bytes:
    """The value V of an account: offset and length of each text at 0x0C, 0x18, 0x24; texts begin at 0xCC."""
    header = bytearray(0xCC)
    text = comment.encode("utf-16-le")
    header[0x24:0x2C] = pack("<II", 0, len(text))
    return bytes(header) + text


def shim(ran: bool) -> bytes:
    """The cache of Windows 7, 32 bits: header of 128 bytes, entries of 32 bytes, then paths; bit 1 of the flags is the mark."""
    path = "\\??\\C:\\a.exe".encode("utf-16-le")
    entry = pack("<HHIQIIII", len(path), len(path) + 2, 128 + 32, ticks(WHEN[0]), 2 if ran else 0, 0, 0, 0)
    return pack("<II", 0xBADC0FEE, 1).ljust(128, b"\0") + entry + path + bytes(2)


FIELDS = [
    *(
        (
            artefact,
            SYSTEM,
            device(path, Mfg="@x.inf,%m%;Maker", Service="disk"),
            {f"escadre.device.{name}": when for name, when in TIMES.items()},
        )
        for artefact, path in (
            ("storage_devices", "SCSI\\Disk&Ven_A&Prod_B\\4&1&0&000000"),
            ("usb_devices", "USB\\VID_0781&PID_5567\\123456"),
            ("usb_storage", "USBSTOR\\Disk&Ven_A&Prod_B&Rev_1\\123456&0"),
        )
    ),
    (
        "storage_devices",
        SYSTEM,
        device("SCSI\\Disk&Ven_A&Prod_B\\4&1&0&000000", Mfg="@x.inf,%m%;Maker", Service="disk"),
        {"device.manufacturer": "Maker", "escadre.settings": ["Service=disk"]},
    ),
    (
        "portable_devices",
        SYSTEM,
        {"ControlSet001\\Enum\\SWD\\WPDBUSENUM\\x": {"FriendlyName": "E:\\"}, "Select": {"Current": 1}},
        {"escadre.registry.control_set": 1, "escadre.registry.current": True, "device.model.name": "E:\\"},
    ),
    (
        "user_profiles",
        SOFTWARE,
        {
            f"{NT}\\ProfileList\\S-1-5-21-1-2-3-1001": {
                "ProfileImagePath": "C:\\Users\\x",
                **halves("LocalProfileLoadTime", WHEN[0]),
                **halves("LocalProfileUnloadTime", WHEN[1]),
            }
        },
        {"event.start": WHEN[0], "event.end": WHEN[1], "@timestamp": WHEN[0]},
    ),
    (
        "ifeo",
        SOFTWARE,
        {f"{NT}\\Image File Execution Options\\a.exe\\1": {"Debugger": "C:\\d.exe", "FilterFullPath": "C:\\t\\a.exe"}},
        {"escadre.ifeo.image": "a.exe", "escadre.ifeo.filter": "C:\\t\\a.exe", "process.executable": "C:\\d.exe"},
    ),
    (
        "services",
        SYSTEM,
        {"ControlSet001\\Services\\s": {"ImagePath": "C:\\s.exe", "Description": "of a service"}},
        {"escadre.description": "of a service"},
    ),
    (
        "services",
        SYSTEM,
        {
            "ControlSet001\\Services\\s": {
                "RequiredPrivileges": Value("", 7, "SeDebugPrivilege\0SeTcbPrivilege\0\0".encode("utf-16-le")),
                "LaunchProtected": 2,
                "DelayedAutoStart": 1,
            }
        },
        {"escadre.settings": ["RequiredPrivileges=SeDebugPrivilege, SeTcbPrivilege", "LaunchProtected=2", "DelayedAutoStart=1"]},
    ),
    (
        "task_cache",
        SOFTWARE,
        {f"{NT}\\Schedule\\TaskCache\\Tasks\\{{1}}": {"Path": "\\T", "Description": "of a task", "Author": "A"}},
        {"escadre.description": "of a task", "escadre.author": "A"},
    ),
    (
        "sam_users",
        SAM,
        {"SAM\\Domains\\Account\\Users\\000003E9": {"F": Value("", BINARY, account()), "V": Value("", BINARY, names("of an account"))}},
        {"escadre.description": "of an account"},
    ),
    *(
        (
            "shim_cache",
            SYSTEM,
            {"ControlSet001\\Control\\Session Manager\\AppCompatCache": {"AppCompatCache": shim(ran)}},
            {"escadre.cache.ran": ran, "file.mtime": WHEN[0], "process.executable": "C:\\a.exe"},
        )
        for ran in (True, False)
    ),
    (
        "amcache_drivers",
        AMCACHE,
        {"Root\\InventoryDriverBinary\\c:/d.sys": {"DriverName": "d.sys", "Product": "P"}},
        {"file.pe.product": "P", "file.path": "c:\\d.sys"},
    ),
    (
        "amcache_files",  # Windows 8 to 10 1607: values have numbers
        AMCACHE,
        {
            "Root\\File\\56a3-0\\1000012ab": {
                "0": "Product",
                "1": "Maker",
                "5": "10.0.1",
                "6": 4096,
                "c": "of a file",
                "f": 1790000000,
                "11": Value("", QWORD, pack("<Q", ticks(WHEN[1]))),
                "12": Value("", QWORD, pack("<Q", ticks(WHEN[0]))),
                "15": "C:\\a.exe",
                "100": "0006e5a6",
                "101": "0000" + "ab" * 20,
            }
        },
        {
            "file.pe.product": "Product",
            "file.pe.company": "Maker",
            "file.pe.file_version": "10.0.1",
            "file.size": 4096,
            "file.pe.description": "of a file",
            "escadre.amcache.linked": "2026-09-21T14:13:20Z",
            "file.mtime": WHEN[1],
            "file.created": WHEN[0],
            "file.path": "C:\\a.exe",
            "file.name": "a.exe",
            "escadre.amcache.program_id": "0006e5a6",
            "file.hash.sha1": "ab" * 20,
        },
    ),
    (
        "amcache_files",  # Windows 10 1709 to 11: values have names
        AMCACHE,
        {
            "Root\\InventoryApplicationFile\\a.exe|1f6c39e5": {
                "ProgramId": "0006e5a6",
                "FileId": "0000" + "cd" * 20,
                "LowerCaseLongPath": "c:\\users\\a\\a.exe",
                "LongPathHash": "a.exe|1f6c39e5",
                "Name": "a.exe",
                "OriginalFileName": "mimikatz.exe",
                "Publisher": "maker",
                "Version": "10.0.22621.1",
                "BinFileVersion": "10.0.22621.1",
                "BinaryType": "pe64_amd64",
                "ProductName": "product",
                "ProductVersion": "10.0",
                "LinkDate": "09/21/2026 14:13:20",
                "Size": Value("", QWORD, pack("<Q", 1 << 33)),
                "Language": 1033,
                "Usn": Value("", QWORD, pack("<Q", 987654321)),
            }
        },
        {
            "escadre.amcache.program_id": "0006e5a6",
            "file.hash.sha1": "cd" * 20,
            "related.hash": ["cd" * 20],
            "file.path": "c:\\users\\a\\a.exe",
            "file.name": "a.exe",
            "file.pe.original_file_name": "mimikatz.exe",
            "file.pe.company": "maker",
            "file.pe.file_version": "10.0.22621.1",
            "file.pe.product": "product",
            "escadre.amcache.linked": "2026-09-21T14:13:20Z",
            "file.size": 1 << 33,
            "escadre.settings": ["BinaryType=pe64_amd64", "ProductVersion=10.0", "Usn=987654321"],
        },
    ),
    (
        "amcache_shortcuts",
        AMCACHE,
        {"Root\\InventoryApplicationShortcut\\1": {"ShortcutPath": "C:\\a.lnk", "ShortcutAumid": "a!b"}},
        {"file.path": "C:\\a.lnk", "escadre.settings": ["ShortcutAumid=a!b"]},
    ),
    (
        "services",
        SYSTEM,
        {"ControlSet001\\Services\\s": {"ImagePath": "C:\\s.exe"}},
        {"escadre.service.values": {"ImagePath.data_type": "REG_SZ", "ImagePath.data_bytes": "QwA6AFwAcwAuAGUAeABlAAAA"}},
    ),
    (
        "etw_autologgers",
        SYSTEM,
        {"ControlSet001\\Control\\WMI\\Autologger\\L": {"Start": 0, "FileName": "C:\\l.etl"}},
        {"file.path": "C:\\l.etl", "escadre.trace.enabled": False},
    ),
    (
        "run_mru",
        NTUSER,
        {"Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\RunMRU": {"a": "C:\\x.exe -y\\1", "MRUList": "a"}},
        {"process.executable": "C:\\x.exe", "process.command_line": "C:\\x.exe -y", "escadre.mru.position": 0},
    ),
    *(
        (
            "office_mru",
            NTUSER,
            {f"Software\\Microsoft\\Office\\{key}": {f"File{number}": "C:\\a.xls"}},
            {
                "file.path": "C:\\a.xls",
                "process.name": key.split("\\")[1],
                "escadre.mru.position": number - 1,
                "@timestamp": WRITTEN if number == 1 else None,
            },
        )
        for key in ("11.0\\Excel\\Recent Files", "8.0\\PowerPoint\\Recent File List")
        for number in (1, 4)
    ),
    *(
        (
            "rdp_client",
            NTUSER,
            {"Software\\Microsoft\\Terminal Server Client\\LocalDevices": {name: 0x4D}},
            {"destination.address": host, "destination.port": port, "escadre.settings": [f"{name}=77"], "@timestamp": None},
        )
        for name, host, port in (
            ("srv-02:3390", "srv-02", 3390),
            ("10.0.0.7", "10.0.0.7", None),
            ("{0A1B2C3D-1111-2222-3333-444455556666}", None, None),
        )
    ),
    (
        "sam_users",
        SAM,
        {
            "SAM\\Domains\\Account\\Users\\000003E9": {
                "F": Value("", BINARY, account(more=24)),
                "V": Value("", BINARY, names("of an account")),
            }
        },
        {"escadre.description": "of an account", "escadre.account.logins": 0},
    ),
    ("winlogon", SOFTWARE, {f"{NT}\\Winlogon": {"Taskman": "C:\\t.exe"}}, {"process.executable": "C:\\t.exe", "process.name": "t.exe"}),
]


@pytest.mark.parametrize(
    ("artefact", "source", "keys", "expected"), FIELDS, ids=[f"{row[0]}-{number}" for number, row in enumerate(FIELDS)]
)
def test_a_field_is_what_the_hive_has(artefact, source, keys, expected):
    (record, *more), problems = run(artefact, keys, source)
    found = {name: value.replace(".0000000Z", "Z") if isinstance(value, str) else value for name, value in record.items()}
    assert {name: found.get(name) for name in expected} == expected
    assert (more, problems) == ([], [])
